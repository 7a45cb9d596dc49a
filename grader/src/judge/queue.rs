//! The queue of boots: which boot is made next, and on which machine.
//!
//! Boots that one machine can serve form a group, a [`MachineKind`]. A boot goes to a free
//! machine of its group. If none is free, one is started if that pays; otherwise the boot
//! gets a machine of its own.

use std::collections::VecDeque;
use std::path::PathBuf;

use crate::course::lab_toml::Memory;

use super::request::Boots;

/// The most memory of a shared machine, in MiB. With more, booting is as quick as loading a saved machine.
const LARGEST_SHARED: u32 = 512;

/// The fewest boots that are worth a saved machine.
const LEAST_SHARED: usize = 2;

/// The fewest boots that are worth one more machine for the same group.
const FOR_ONE_MORE: usize = 4;

/// The properties that boots must have in common so that one machine can serve them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MachineKind {
    /// The kernel.
    pub image: PathBuf,
    /// How much memory the machine has.
    pub memory: Memory,
    /// The programs that the machine gets.
    pub programs: Vec<String>,
}

/// A machine to be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// The group that the machine is for.
    pub group: MachineKind,
    /// The budgets of all boots that it may have to serve.
    pub budget: u32,
}

/// A boot that waits for a machine.
pub struct Waiting<J> {
    /// Its group.
    pub group: MachineKind,
    /// How many million instructions the boot may take.
    pub budget: u32,
    /// Whether a machine of its own was started for the boot already.
    pub has_machine: bool,
    /// The boot.
    pub job: J,
}

/// The machine on which a boot is made.
#[derive(PartialEq, Eq, Debug)]
pub enum Place<M> {
    /// On a machine of its own.
    Own,
    /// On this free machine.
    Free(M),
    /// On a machine that is to be started, and may take other boots afterwards.
    New(Wish),
}

/// What a thread is to do next.
pub enum Next<J, M> {
    /// Start a machine ahead.
    Start(Wish),
    /// Make a boot.
    Boot(Waiting<J>, Place<M>),
    /// Nothing: all boots are made.
    End,
}

/// Boots `J`, and machines `M` that are free for them.
pub struct Queue<J, M> {
    boots: Boots,
    waiting: VecDeque<Waiting<J>>,
    wishes: VecDeque<Wish>,
    /// Groups whose boots will be added.
    announced: Vec<MachineKind>,
    free: Vec<(MachineKind, M)>,
    running: usize,
    closed: bool,
}

impl<J, M> Queue<J, M> {
    /// A queue without a boot in it.
    pub fn new(boots: Boots) -> Self {
        Self {
            boots,
            waiting: VecDeque::new(),
            wishes: VecDeque::new(),
            announced: Vec::new(),
            free: Vec::new(),
            running: 0,
            closed: false,
        }
    }

    /// Whether this many boots of a group are worth a saved machine.
    pub fn is_shared(&self, group: &MachineKind, boots: usize) -> bool {
        self.boots == Boots::Shared && boots >= LEAST_SHARED && group.memory.mebibytes() <= LARGEST_SHARED
    }

    /// Wishes for machines for boots that are added later, at most `most` for a group.
    pub fn announce(&mut self, boots: &[(MachineKind, u32)], most: usize) {
        let mut groups: Vec<(Wish, usize)> = Vec::new();
        for (group, budget) in boots {
            match groups.iter_mut().find(|(wish, _)| wish.group == *group) {
                Some((wish, count)) => {
                    wish.budget = wish.budget.saturating_add(*budget);
                    *count += 1;
                }
                None => groups.push((Wish { group: group.clone(), budget: *budget }, 1)),
            }
        }
        groups.retain(|(wish, count)| self.is_shared(&wish.group, *count));
        // The first machines are for the groups with the most boots.
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (wish, count) in groups {
            self.announced.push(wish.group.clone());
            let machines = (count / FOR_ONE_MORE).clamp(1, most.max(1));
            self.wishes.extend(std::iter::repeat_n(wish, machines));
        }
    }

    /// Adds the boots that were announced, as far as they are made at all. Returns
    /// machines that none of them needs.
    pub fn add(&mut self, boots: impl IntoIterator<Item = Waiting<J>>) -> Vec<M> {
        self.waiting.extend(boots);
        self.announced.clear();
        self.wishes.clear();
        let waiting = &self.waiting;
        let is_needed = |(group, _): &mut (MachineKind, M)| !waiting.iter().any(|waiting| waiting.group == *group);
        self.free.extract_if(.., is_needed).map(|(_, machine)| machine).collect()
    }

    /// Closes the queue: no more boots will be added.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Forgets all boots that were not begun.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.wishes.clear();
        self.announced.clear();
    }

    /// Gives every boot a machine of its own from now on.
    pub fn share_no_more(&mut self) {
        self.boots = Boots::PerCheck;
        self.wishes.clear();
    }

    /// What a thread is to do next; `None`: wait until something changes.
    pub fn next(&mut self) -> Option<Next<J, M>> {
        if let Some((waiting, place)) = self.boot() {
            self.running += 1;
            return Some(Next::Boot(waiting, place));
        }
        if let Some(wish) = self.wishes.pop_front() {
            return Some(Next::Start(wish));
        }
        (self.closed && self.running == 0).then_some(Next::End)
    }

    /// The first boot that can be made at once, or else the first one.
    fn boot(&mut self) -> Option<(Waiting<J>, Place<M>)> {
        let at_once = self
            .waiting
            .iter()
            .position(|waiting| waiting.has_machine || self.free.iter().any(|(group, _)| *group == waiting.group));
        let waiting = self.waiting.remove(at_once.unwrap_or(0))?;
        if waiting.has_machine {
            return Some((waiting, Place::Own));
        }
        if let Some(at) = self.free.iter().position(|(group, _)| *group == waiting.group) {
            let (_, machine) = self.free.swap_remove(at);
            return Some((waiting, Place::Free(machine)));
        }
        let others = self.waiting.iter().filter(|other| other.group == waiting.group);
        let (count, budget) =
            others.fold((1, waiting.budget), |(count, budget), other| (count + 1, budget.saturating_add(other.budget)));
        let place = match self.is_shared(&waiting.group, count) {
            true => Place::New(Wish { group: waiting.group.clone(), budget }),
            false => Place::Own,
        };
        Some((waiting, place))
    }

    /// Takes a machine that has become free. Returns it if no boot needs it.
    pub fn free(&mut self, group: MachineKind, machine: M) -> Option<M> {
        let is_needed = self.waiting.iter().any(|waiting| waiting.group == group) || self.announced.contains(&group);
        if is_needed {
            self.free.push((group, machine));
            return None;
        }
        Some(machine)
    }

    /// Notes that a boot has ended.
    pub fn booted(&mut self) {
        self.running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(memory: &str) -> MachineKind {
        MachineKind { image: "kernel.elf".into(), memory: Memory::parse(memory).unwrap(), programs: vec![] }
    }

    fn waiting(memory: &str, job: u32) -> Waiting<u32> {
        Waiting { group: group(memory), budget: 500, has_machine: false, job }
    }

    /// What is done, as text.
    fn next(queue: &mut Queue<u32, &'static str>) -> String {
        match queue.next() {
            None => "wait".to_owned(),
            Some(Next::End) => "end".to_owned(),
            Some(Next::Start(wish)) => format!("start {} {}", wish.group.memory, wish.budget),
            Some(Next::Boot(waiting, Place::Own)) => format!("{} alone", waiting.job),
            Some(Next::Boot(waiting, Place::Free(machine))) => format!("{} on {machine}", waiting.job),
            Some(Next::Boot(waiting, Place::New(wish))) => format!("{} on a new one for {}", waiting.job, wish.budget),
        }
    }

    #[test]
    fn a_boot_goes_to_a_machine_of_its_group_that_is_free() {
        let mut queue = Queue::new(Boots::Shared);
        let boots = [waiting("16M", 0), waiting("64M", 1), waiting("64M", 2), waiting("64M", 3)];
        queue.announce(&boots.each_ref().map(|boot| (boot.group.clone(), boot.budget)), 2);
        // The group of one boot is not worth a machine.
        assert_eq!(next(&mut queue), "start 64M 1500");
        assert_eq!(next(&mut queue), "wait");
        assert_eq!(queue.free(group("64M"), "A"), None);
        assert!(queue.add(boots).is_empty());
        assert_eq!(next(&mut queue), "1 on A");
        assert_eq!(next(&mut queue), "0 alone");
        assert_eq!(next(&mut queue), "2 on a new one for 1000");
        queue.booted();
        assert_eq!(queue.free(group("64M"), "A"), None);
        assert_eq!(next(&mut queue), "3 on A");
        assert_eq!(next(&mut queue), "wait");
        queue.close();
        queue.booted();
        assert_eq!(queue.free(group("64M"), "A"), Some("A"));
        assert_eq!(next(&mut queue), "wait");
        queue.booted();
        queue.booted();
        assert_eq!(next(&mut queue), "end");
    }

    #[test]
    fn machines_are_shared_only_where_that_pays_and_is_wanted() {
        for (boots, memory, place) in [
            (Boots::Shared, "64M", "1 on a new one for 1000"),
            (Boots::Shared, "1G", "1 alone"),
            (Boots::PerCheck, "64M", "1 alone"),
        ] {
            let mut queue = Queue::new(boots);
            queue.add([waiting(memory, 1), waiting(memory, 2)]);
            assert_eq!(next(&mut queue), place);
        }
    }

    #[test]
    fn a_machine_for_boots_that_are_not_made_is_given_back() {
        let mut queue = Queue::new(Boots::Shared);
        let boots = [waiting("64M", 1), waiting("64M", 2)];
        queue.announce(&boots.each_ref().map(|boot| (boot.group.clone(), boot.budget)), 2);
        queue.free(group("64M"), "A");
        assert_eq!(queue.add([waiting("16M", 3)]), ["A"]);
        assert_eq!(next(&mut queue), "3 alone");
        queue.clear();
        queue.share_no_more();
        assert_eq!(next(&mut queue), "wait");
    }
}
