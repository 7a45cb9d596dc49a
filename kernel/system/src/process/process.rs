//! A process, as the kernel remembers it.

use core::fmt;

use abi::WaitStatus;
use kernel_core::trap::{TrapFrame, TrapStack};

use super::address_space::AddressSpace;

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
    /// It has ended, so, and its parent was not told yet.
    Ended(WaitStatus),
}

/// What a process needs to run, and no longer has when it has ended.
pub struct Body {
    /// Its memory.
    pub space: AddressSpace,
    /// Where the kernel works for it.
    pub stack: TrapStack,
}

/// A process.
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Its parent's.
    pub parent: Pid,
    /// Whether the parent is one that it got when its own ended. Nobody asks how it
    /// ends, so nothing of it stays.
    pub adopted: bool,
    /// Its program.
    pub name: Name,
    /// What it does.
    pub state: State,
    /// Its registers, while it does not run.
    pub frame: TrapFrame,
    /// What it needs to run; `None` once it has ended.
    pub body: Option<Body>,
    /// How many times the timer found it running.
    pub ticks: u32,
}
