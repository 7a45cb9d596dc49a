//! The table of processes.

use abi::WaitStatus;
use alloc::boxed::Box;
use alloc::vec::Vec;

use self::process::{Event, Pid, Process, Resources, State};
pub use self::slots::Slot;
use self::slots::SlotSet;

pub mod process;
mod slots;

/// The most processes that there can be at once, zombies included.
pub const MOST_PROCESSES: usize = 64;

/// Memory on the heap for a process that is about to be made.
pub struct Reservation(Vec<Process>);

impl Reservation {
    /// Memory for one process; `None` if there is none.
    pub fn make() -> Option<Self> {
        let mut memory = Vec::new();
        memory.try_reserve_exact(1).ok()?;
        Some(Self(memory))
    }

    /// Puts the process there. That takes no more memory, so it always works.
    fn fill(mut self, process: Process) -> Box<[Process]> {
        self.0.push(process);
        self.0.into_boxed_slice()
    }
}

/// The processes. Each is by itself on the heap, for as long as it is here.
///
/// Which of them are ready, and which wait for what, is noted in sets, so that no
/// system call looks through all of them. So a process changes its state here only.
pub struct Table {
    /// Each of them is one process.
    slots: [Option<Box<[Process]>>; MOST_PROCESSES],
    last_pid: Pid,
    /// The run queue: those that are ready.
    ready: SlotSet,
    /// Those that wait for something to read.
    readers: SlotSet,
    /// Those that wait for a tick.
    sleepers: SlotSet,
    /// No sleeper wakes before this tick.
    first_wake: u64,
}

impl Table {
    /// No processes.
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

    /// A free place; `None` if there are as many processes as can be.
    pub fn free_slot(&self) -> Option<Slot> {
        self.slots.iter().position(Option::is_none).map(Slot::new)
    }

    /// A number that no process has, and that none had for as long as possible.
    pub fn next_pid(&mut self) -> Pid {
        loop {
            self.last_pid = self.last_pid.next();
            if self.find(self.last_pid).is_none() {
                return self.last_pid;
            }
        }
    }

    /// Adds a process.
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
    /// If there is none.
    #[track_caller]
    pub fn at(&self, slot: Slot) -> &Process {
        match self.slots[slot.index()].as_deref() {
            Some([process]) => process,
            _ => panic!("there is no process in {slot:?}"),
        }
    }

    /// The process at a place, to be changed.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn at_mut(&mut self, slot: Slot) -> &mut Process {
        match self.slots[slot.index()].as_deref_mut() {
            Some([process]) => process,
            _ => panic!("there is no process in {slot:?}"),
        }
    }

    /// Where the first process is that satisfies a condition.
    pub fn position(&self, mut condition: impl FnMut(&Process) -> bool) -> Option<Slot> {
        self.slots().find(|&slot| condition(self.at(slot)))
    }

    /// Where the process with this number is.
    pub fn find(&self, pid: Pid) -> Option<Slot> {
        self.position(|process| process.pid() == pid)
    }

    /// The places that have a process.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<'_> {
        self.slots.iter().enumerate().filter(|(_, process)| process.is_some()).map(|(index, _)| Slot::new(index))
    }

    /// All processes.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.slots.iter().flatten().flat_map(|process| process.iter())
    }

    /// All processes, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.slots.iter_mut().flatten().flat_map(|process| process.iter_mut())
    }

    /// The next process that can run, round robin from the place after this one on.
    pub fn next_ready(&self, after: Slot) -> Option<Slot> {
        self.ready.next_after(after)
    }

    /// Has a process wait for an event; a zombie does not.
    ///
    /// # Panics
    /// As [`at`](Self::at).
    #[track_caller]
    pub fn wait_for(&mut self, slot: Slot, event: Event) {
        self.at_mut(slot).wait_for(event);
        self.note_state(slot);
    }

    /// Lets a process run again, unless it is a zombie.
    ///
    /// # Panics
    /// As [`at`](Self::at).
    #[track_caller]
    pub fn wake(&mut self, slot: Slot) {
        self.at_mut(slot).wake();
        self.note_state(slot);
    }

    /// Makes a process a zombie. Returns what it needed to run, if it was none before.
    ///
    /// # Panics
    /// As [`at`](Self::at).
    #[track_caller]
    pub fn become_zombie(&mut self, slot: Slot, status: WaitStatus) -> Option<Resources> {
        let resources = self.at_mut(slot).become_zombie(status);
        self.note_state(slot);
        resources
    }

    /// Wakes those that wait for something to read, if there is something.
    pub fn wake_readers(&mut self, has_input: impl FnOnce() -> bool) {
        if !self.readers.is_empty() && has_input() {
            self.readers.iter().for_each(|slot| self.wake(slot));
        }
    }

    /// Wakes those whose tick has come.
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
            // A child that ends wakes its parent.
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
