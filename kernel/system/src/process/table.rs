//! The table of processes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::process::{Pid, Process};

/// The most processes that there can be at once, zombies included.
pub const MOST_PROCESSES: usize = 64;

/// A place in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(usize);

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
pub struct Table {
    /// Each of them is one process.
    slots: [Option<Box<[Process]>>; MOST_PROCESSES],
    last_pid: Pid,
}

impl Table {
    /// No processes.
    pub const fn new() -> Self {
        Self { slots: [const { None }; MOST_PROCESSES], last_pid: Pid::NOBODY }
    }

    /// A free place; `None` if there are as many processes as can be.
    pub fn free_slot(&self) -> Option<Slot> {
        self.slots.iter().position(Option::is_none).map(Slot)
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
        self.slots[slot.0] = Some(reservation.fill(process));
    }

    /// Removes the process at a place.
    pub fn remove(&mut self, slot: Slot) {
        self.slots[slot.0] = None;
    }

    /// The process at a place.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn at(&self, slot: Slot) -> &Process {
        match self.slots[slot.0].as_deref() {
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
        match self.slots[slot.0].as_deref_mut() {
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
        self.slots.iter().enumerate().filter(|(_, process)| process.is_some()).map(|(index, _)| Slot(index))
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
        let round = (1..=MOST_PROCESSES).map(|step| (after.0 + step) % MOST_PROCESSES);
        round.map(Slot).find(|slot| matches!(self.slots[slot.0].as_deref(), Some([process]) if process.is_ready()))
    }
}
