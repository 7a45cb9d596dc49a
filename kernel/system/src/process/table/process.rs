//! A process, as the kernel records it.

use core::fmt;

use abi::WaitStatus;
use kernel_core::trap::{TrapFrame, TrapStack};

use crate::process::address_space::AddressSpace;

/// A process number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pid(u32);

impl Pid {
    /// The number of the first process, from which all others descend. It becomes the parent of
    /// processes whose parent has ended. When it ends, all processes do.
    pub const FIRST: Self = Self(1);
    /// The first process has this number for its parent, which no process has.
    pub const NOBODY: Self = Self(0);
    /// All numbers are below this, as on Linux; after the last one they begin again.
    const END: u32 = 32768;

    /// The process number `number`; `None` if no process can have it.
    pub const fn new(number: u32) -> Option<Self> {
        if 0 < number && number < Self::END { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The number to try after this one. Number 1 is never given out again.
    pub const fn next(self) -> Self {
        if self.0 + 1 < Self::END { Self(self.0 + 1) } else { Self(Self::FIRST.0 + 1) }
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a process's program, or as much of it as fits.
#[derive(Clone, Copy)]
pub struct Name {
    bytes: [u8; Self::BYTES],
    length: usize,
}

impl Name {
    const BYTES: usize = abi::meminfo::Process::NAME_BYTES;

    /// Keeps the name, cut off at the end of a character if it is too long.
    pub fn new(name: &str) -> Self {
        let length = name.floor_char_boundary(Self::BYTES);
        let mut bytes = [0; Self::BYTES];
        bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
        Self { bytes, length }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        // The name was cut at the end of a character.
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// The event that a process waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Input at the terminal.
    Input,
    /// The end of this child, or of any child if `None`.
    Child(Option<Pid>),
    /// A tick of the timer, counted from the start.
    Tick(u64),
}

/// The state of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It runs, or could run.
    Ready,
    /// It waits for this event.
    Waiting(Event),
    /// It has ended with this status, and its parent has not asked yet.
    Zombie(WaitStatus),
}

/// The parts of a process that a zombie no longer has.
pub struct Resources {
    /// Its memory.
    pub space: AddressSpace,
    /// Its kernel stack.
    pub stack: TrapStack,
}

/// A process. It has resources exactly as long as it is not a zombie.
pub struct Process {
    pid: Pid,
    parent: Pid,
    /// Whether the first process has adopted it because its own parent ended. No parent asks how an
    /// orphan ends, so it leaves no zombie behind.
    orphaned: bool,
    name: Name,
    state: State,
    /// Its registers, while it does not run.
    frame: TrapFrame,
    resources: Option<Resources>,
    /// How many times the timer found it running.
    ticks: u32,
}

impl Process {
    /// A process that is ready to begin with `frame`.
    pub fn new(pid: Pid, parent: Pid, name: Name, frame: TrapFrame, resources: Resources) -> Self {
        let (state, resources) = (State::Ready, Some(resources));
        Self { pid, parent, orphaned: false, name, state, frame, resources, ticks: 0 }
    }

    /// Its process number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The process number of its parent.
    pub fn parent(&self) -> Pid {
        self.parent
    }

    /// The name of its program.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Whether it is ready, waits, or has ended.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it can run.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// How it ended, if it is a zombie.
    pub fn status(&self) -> Option<WaitStatus> {
        match self.state {
            State::Zombie(status) => Some(status),
            State::Ready | State::Waiting(_) => None,
        }
    }

    /// Whether the process `parent` may ask how it ended.
    pub fn is_child_of(&self, parent: Pid) -> bool {
        self.parent == parent && !self.orphaned
    }

    /// Whether it is a zombie whose parent will never ask.
    pub fn can_be_reaped(&self) -> bool {
        self.orphaned && self.status().is_some()
    }

    /// Its memory and its kernel stack; `None` if it is a zombie.
    pub fn resources(&self) -> Option<&Resources> {
        self.resources.as_ref()
    }

    /// How many times the timer found it running.
    pub fn ticks(&self) -> u32 {
        self.ticks
    }

    /// Counts that the timer found it running.
    pub fn count_tick(&mut self) {
        self.ticks = self.ticks.saturating_add(1);
    }

    /// Its registers as of the last trap, with which it goes on.
    pub fn frame(&self) -> &TrapFrame {
        &self.frame
    }

    /// The registers that it goes on with, for changing them.
    pub fn frame_mut(&mut self) -> &mut TrapFrame {
        &mut self.frame
    }

    /// Its memory, for changing it.
    ///
    /// # Panics
    /// If it is a zombie.
    #[track_caller]
    pub fn space_mut(&mut self) -> &mut AddressSpace {
        &mut self.resources.as_mut().expect("a zombie has no memory").space
    }

    /// Replaces program and memory. Returns the old memory.
    ///
    /// # Panics
    /// If it is a zombie.
    #[track_caller]
    pub fn exec(&mut self, name: Name, frame: TrapFrame, space: AddressSpace) -> AddressSpace {
        (self.name, self.frame) = (name, frame);
        core::mem::replace(self.space_mut(), space)
    }

    /// Makes the process wait for an event. A zombie stays a zombie.
    pub(super) fn wait_for(&mut self, event: Event) {
        if self.status().is_none() {
            self.state = State::Waiting(event);
        }
    }

    /// Makes the process ready, unless it is a zombie.
    pub(super) fn wake(&mut self) {
        if self.status().is_none() {
            self.state = State::Ready;
        }
    }

    /// Makes the process a zombie. Returns its resources, unless it was a zombie before.
    pub(super) fn become_zombie(&mut self, status: WaitStatus) -> Option<Resources> {
        self.state = State::Zombie(status);
        self.resources.take()
    }

    /// Makes the process an orphan, whose parent is the first process.
    pub fn become_orphan(&mut self) {
        self.parent = Pid::FIRST;
        self.orphaned = true;
    }
}
