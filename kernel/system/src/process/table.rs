//! The table of processes.

use abi::WaitStatus;
use alloc::boxed::Box;
use alloc::vec::Vec;

use self::process::{Event, Pid, Process, Resources, State};
pub use self::slots::Slot;
use self::slots::SlotSet;

pub mod process;
mod slots;

/// The most processes that can exist at once, zombies included.
pub const MOST_PROCESSES: usize = 64;

/// Memory on the heap for a process that is about to be made.
pub struct Reservation(Vec<Process>);

impl Reservation {
    /// Allocates memory for one process; `None` if there is none.
    pub fn make() -> Option<Self> {
        let mut memory = Vec::new();
        memory.try_reserve_exact(1).ok()?;
        Some(Self(memory))
    }

    /// Puts the process into this memory. That allocates nothing, so it cannot fail.
    fn fill(mut self, process: Process) -> Box<[Process]> {
        self.0.push(process);
        self.0.into_boxed_slice()
    }
}

/// The processes. Each of them is an allocation of its own, which stays where it is as long as the
/// process is in the table.
///
/// Sets note which processes are ready and which wait for which event, so that no system call
/// searches the whole table. Therefore the state of a process changes only through the table.
pub struct Table {
    /// Each slice holds exactly one process.
    slots: [Option<Box<[Process]>>; MOST_PROCESSES],
    last_pid: Pid,
    /// The run queue: the processes that are ready.
    ready: SlotSet,
    /// The processes that wait for input.
    readers: SlotSet,
    /// The processes that wait for a tick.
    sleepers: SlotSet,
    /// The earliest tick at which a sleeper may wake.
    first_wake: u64,
}

impl Table {
    /// A table without processes.
    pub const fn new() -> Self {
        Self {
            slots: [const { None }; MOST_PROCESSES],
            last_pid: Pid::NOBODY,
            ready: SlotSet::EMPTY,
            readers: SlotSet::EMPTY,
            sleepers: SlotSet::EMPTY,
            first_wake: u64::MAX,
        }
    }

    /// A free place; `None` if the table is full.
    pub fn free_slot(&self) -> Option<Slot> {
        self.slots.iter().position(Option::is_none).map(Slot::new)
    }

    /// A number that no process has, and that has been out of use for as long as possible.
    pub fn next_pid(&mut self) -> Pid {
        loop {
            self.last_pid = self.last_pid.next();
            if self.find(self.last_pid).is_none() {
                return self.last_pid;
            }
        }
    }

    /// Adds a process at a free place.
    pub fn insert(&mut self, slot: Slot, reservation: Reservation, process: Process) {
        self.slots[slot.index()] = Some(reservation.fill(process));
        self.note_state(slot);
    }

    /// Removes the process at a place.
    pub fn remove(&mut self, slot: Slot) {
        self.slots[slot.index()] = None;
        self.forget_state(slot);
    }

    /// The process at a place.
    ///
    /// # Panics
    /// If the place is free.
    #[track_caller]
    pub fn at(&self, slot: Slot) -> &Process {
        match self.slots[slot.index()].as_deref() {
            Some([process]) => process,
            _ => panic!("there is no process in {slot}"),
        }
    }

    /// The process at a place, for changing it.
    ///
    /// # Panics
    /// If the place is free.
    #[track_caller]
    pub fn at_mut(&mut self, slot: Slot) -> &mut Process {
        match self.slots[slot.index()].as_deref_mut() {
            Some([process]) => process,
            _ => panic!("there is no process in {slot}"),
        }
    }

    /// The place of the first process that satisfies a condition.
    pub fn position(&self, mut condition: impl FnMut(&Process) -> bool) -> Option<Slot> {
        self.slots().find(|&slot| condition(self.at(slot)))
    }

    /// The place of the process with this number.
    pub fn find(&self, pid: Pid) -> Option<Slot> {
        self.position(|process| process.pid() == pid)
    }

    /// The places that are in use.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<'_> {
        self.slots.iter().enumerate().filter(|(_, process)| process.is_some()).map(|(index, _)| Slot::new(index))
    }

    /// All processes.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.slots.iter().flatten().flat_map(|process| process.iter())
    }

    /// All processes, for changing them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.slots.iter_mut().flatten().flat_map(|process| process.iter_mut())
    }

    /// The next process that can run, round robin, starting after this place.
    pub fn next_ready(&self, after: Slot) -> Option<Slot> {
        self.ready.next_after(after)
    }

    /// Makes a process wait for an event. A zombie stays a zombie.
    ///
    /// # Panics
    /// As [`at`](Self::at).
    #[track_caller]
    pub fn wait_for(&mut self, slot: Slot, event: Event) {
        self.at_mut(slot).wait_for(event);
        self.note_state(slot);
    }

    /// Makes a process ready, unless it is a zombie.
    ///
    /// # Panics
    /// As [`at`](Self::at).
    #[track_caller]
    pub fn wake(&mut self, slot: Slot) {
        self.at_mut(slot).wake();
        self.note_state(slot);
    }

    /// Makes a process a zombie. Returns its resources, unless it was a zombie before.
    ///
    /// # Panics
    /// As [`at`](Self::at).
    #[track_caller]
    pub fn become_zombie(&mut self, slot: Slot, status: WaitStatus) -> Option<Resources> {
        let resources = self.at_mut(slot).become_zombie(status);
        self.note_state(slot);
        resources
    }

    /// Wakes the processes that wait for input, if there is any.
    pub fn wake_readers(&mut self, has_input: impl FnOnce() -> bool) {
        if !self.readers.is_empty() && has_input() {
            self.readers.iter().for_each(|slot| self.wake(slot));
        }
    }

    /// Wakes the processes whose tick has come.
    pub fn wake_sleepers(&mut self, now: u64) {
        if now < self.first_wake {
            return;
        }
        self.first_wake = u64::MAX;
        for slot in self.sleepers.iter() {
            match self.at(slot).state() {
                State::Waiting(Event::Tick(tick)) if now < tick => self.first_wake = self.first_wake.min(tick),
                _ => self.wake(slot),
            }
        }
    }

    /// Puts a process into the set for its state.
    fn note_state(&mut self, slot: Slot) {
        self.forget_state(slot);
        match self.at(slot).state() {
            State::Ready => self.ready.insert(slot),
            State::Waiting(Event::Input) => self.readers.insert(slot),
            State::Waiting(Event::Tick(tick)) => {
                self.sleepers.insert(slot);
                self.first_wake = self.first_wake.min(tick);
            }
            // The end of a child wakes its parent.
            State::Waiting(Event::Child(_)) | State::Zombie(_) => {}
        }
    }

    /// Takes a place out of the sets.
    fn forget_state(&mut self, slot: Slot) {
        for set in [&mut self.ready, &mut self.readers, &mut self.sleepers] {
            set.remove(slot);
        }
    }
}
