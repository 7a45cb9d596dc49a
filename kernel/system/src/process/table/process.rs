//! A process, as the kernel remembers it.

use core::fmt;

use abi::WaitStatus;
use kernel_core::trap::{TrapFrame, TrapStack};

use crate::process::address_space::AddressSpace;

/// The number that a process is known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pid(u32);

impl Pid {
    /// The first process, which all others descend from. It becomes the parent of
    /// whoever loses theirs; when it ends, the machine does.
    pub const FIRST: Self = Self(1);
    /// The parent of the first process: nobody.
    pub const NOBODY: Self = Self(0);
    /// Numbers are below this, as on Linux; then they begin again.
    const END: u32 = 32768;

    /// The process with this number, if there can be one.
    pub const fn new(number: u32) -> Option<Self> {
        if 0 < number && number < Self::END { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The number to try after this one.
    pub const fn next(self) -> Self {
        if self.0 + 1 < Self::END { Self(self.0 + 1) } else { Self(Self::FIRST.0 + 1) }
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the program of a process is called: the first bytes of it.
#[derive(Clone, Copy)]
pub struct Name {
    bytes: [u8; Self::BYTES],
    length: usize,
}

impl Name {
    const BYTES: usize = abi::meminfo::Process::NAME_BYTES;

    /// The name, cut off where it is too long.
    pub fn new(name: &str) -> Self {
        let length = name.floor_char_boundary(Self::BYTES);
        let mut bytes = [0; Self::BYTES];
        bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
        Self { bytes, length }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        // It was cut where a character ends.
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// What a process waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Something to read at the terminal.
    Input,
    /// The end of a child: of this one, or of any.
    Child(Option<Pid>),
    /// A number of ticks of the timer since the start.
    Tick(u64),
}

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It runs, or would if it were its turn.
    Ready,
    /// It waits.
    Waiting(Event),
    /// It has ended, and its parent has not asked how.
    Zombie(WaitStatus),
}

/// What a process needs to run, and what a zombie no longer has.
pub struct Resources {
    /// Its memory.
    pub space: AddressSpace,
    /// Where the kernel works for it.
    pub stack: TrapStack,
}

/// A process. It has resources exactly as long as it is no zombie.
pub struct Process {
    pid: Pid,
    parent: Pid,
    /// Whether the first process is the parent because the own one ended. Nobody asks how
    /// an orphan ends, so nothing of it stays.
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

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Its parent's number.
    pub fn parent(&self) -> Pid {
        self.parent
    }

    /// Its program's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// What it does.
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

    /// Whether this number is its parent's, who may ask how it ended.
    pub fn is_child_of(&self, parent: Pid) -> bool {
        self.parent == parent && !self.orphaned
    }

    /// Whether it is a zombie that nobody will ask about.
    pub fn can_be_reaped(&self) -> bool {
        self.orphaned && self.status().is_some()
    }

    /// What it needs to run; `None` of a zombie.
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

    /// Its registers, while it does not run.
    pub fn frame(&self) -> &TrapFrame {
        &self.frame
    }

    /// Its registers, to be changed.
    pub fn frame_mut(&mut self) -> &mut TrapFrame {
        &mut self.frame
    }

    /// Its memory.
    ///
    /// # Panics
    /// If it is a zombie.
    #[track_caller]
    pub fn space_mut(&mut self) -> &mut AddressSpace {
        &mut self.resources.as_mut().expect("a zombie has no memory").space
    }

    /// Goes on with another program, in new memory. Returns the old memory.
    ///
    /// # Panics
    /// If it is a zombie.
    #[track_caller]
    pub fn exec(&mut self, name: Name, frame: TrapFrame, space: AddressSpace) -> AddressSpace {
        (self.name, self.frame) = (name, frame);
        core::mem::replace(self.space_mut(), space)
    }

    /// Waits for an event; a zombie does not.
    pub(super) fn wait_for(&mut self, event: Event) {
        if self.status().is_none() {
            self.state = State::Waiting(event);
        }
    }

    /// Can run from now on, unless it is a zombie.
    pub(super) fn wake(&mut self) {
        if self.status().is_none() {
            self.state = State::Ready;
        }
    }

    /// Becomes a zombie. Returns what it needed to run, if it was none before.
    pub(super) fn become_zombie(&mut self, status: WaitStatus) -> Option<Resources> {
        self.state = State::Zombie(status);
        self.resources.take()
    }

    /// Has the first process for a parent from now on.
    pub fn become_orphan(&mut self) {
        self.parent = Pid::FIRST;
        self.orphaned = true;
    }
}
