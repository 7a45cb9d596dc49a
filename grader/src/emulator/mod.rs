//! Machines to boot a kernel on: an emulator, started once for each boot.
//!
//! [`Qemu`] is what grading is made for. [`Bochs`] boots the same kernel in
//! another way, from a CD by GRUB, on a machine that has next to nothing in common
//! with QEMU's; a check has to end in the same verdict there.

use std::path::Path;

use crate::error::{Error, Result};
use crate::lab_toml::Memory;
use crate::verdict::End;
use crate::walk::Snapshot;

mod bochs;
mod qemu;

pub use bochs::{Bochs, Grub};
pub use qemu::{Qemu, Screen};

/// An emulator that was found.
#[derive(Clone, Debug)]
pub enum Emulator {
    /// QEMU.
    Qemu(Qemu),
    /// Bochs, with what a medium for it is made with.
    Bochs(Bochs),
}

/// One boot: what to start, and with what.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    /// The kernel's image.
    pub image: &'a Path,
    /// How much memory the machine has.
    pub memory: Memory,
    /// The programs that the machine gets, built beside the image.
    pub programs: &'a [String],
    /// The kernel's command line.
    pub words: Vec<String>,
    /// How many million instructions it may execute.
    pub budget: u32,
    /// Whether all page tables are copied when it stops, not only those that a
    /// claim is about.
    pub look: bool,
}

/// What a stopped machine's processor looks like.
#[derive(Clone, Debug, Default)]
pub struct Processor {
    /// Registers by name, in the order in which the kernel names them.
    pub registers: Vec<(String, u32)>,
    /// Return addresses, innermost first; the first is where it stopped.
    pub backtrace: Vec<u32>,
}

/// What became of a boot.
#[derive(Debug)]
pub struct Outcome {
    /// What came over the serial port, at most [`MOST_OUTPUT`](crate::watch::MOST_OUTPUT) bytes and a little.
    pub serial: Vec<u8>,
    /// How the machine ended.
    pub end: End,
    /// The processor as it was when the machine was stopped.
    pub processor: Option<Processor>,
    /// The page tables at each checkpoint.
    pub snapshots: Vec<Snapshot>,
    /// What the emulator itself complained about.
    pub complaints: String,
    /// The emulator's command line, for a person to repeat.
    pub command: Vec<String>,
}

/// An emulator that has been started and has not booted yet.
pub enum Machine {
    /// A QEMU.
    Qemu(Box<qemu::Machine>),
    /// A Bochs.
    Bochs(Box<bochs::Machine>),
}

impl Emulator {
    /// QEMU, for what only that can do.
    ///
    /// # Errors
    /// If it is another one.
    pub fn qemu(&self) -> Result<&Qemu> {
        match self {
            Self::Qemu(qemu) => Ok(qemu),
            Self::Bochs(_) => Err(Error::new("only QEMU can do this")),
        }
    }

    /// Its name and version, such as `QEMU 7.2.22`.
    pub fn version(&self) -> &str {
        match self {
            Self::Qemu(qemu) => &qemu.version,
            Self::Bochs(bochs) => &bochs.version,
        }
    }

    /// Whether it can be started first and given its kernel later.
    pub fn can_wait(&self) -> bool {
        matches!(self, Self::Qemu(qemu) if qemu.can_wait)
    }

    /// Boots a machine and waits for its end.
    ///
    /// # Errors
    /// If the emulator cannot be started.
    pub fn boot(&self, boot: &Boot<'_>) -> Result<Outcome> {
        self.prepare(boot)?.run()
    }

    /// Starts an emulator, but does not boot yet.
    ///
    /// Half of the time that a boot takes in QEMU is the emulator's own start, which
    /// does not need the kernel's image. So that much can be done while the
    /// image is still being built, if [`can_wait`](Self::can_wait) says so.
    ///
    /// The thread that calls this must live for as long as the machine: on
    /// Linux the emulator ends with it.
    ///
    /// # Errors
    /// If the emulator cannot be started.
    pub fn prepare(&self, boot: &Boot<'_>) -> Result<Machine> {
        Ok(match self {
            Self::Qemu(qemu) => Machine::Qemu(Box::new(qemu.prepare(boot)?)),
            Self::Bochs(bochs) => Machine::Bochs(Box::new(bochs.prepare(boot)?)),
        })
    }
}

impl Machine {
    /// Boots, and waits for the end.
    ///
    /// # Errors
    /// If the emulator could not start the machine.
    pub fn run(self) -> Result<Outcome> {
        match self {
            Self::Qemu(machine) => machine.run(),
            Self::Bochs(machine) => machine.run(),
        }
    }
}
