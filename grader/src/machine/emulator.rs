//! An emulator, QEMU or Bochs, and a machine that it runs.

use crate::host::error::{Error, Result};

use super::bochs::{self, Bochs};
use super::boot::Boot;
use super::outcome::Outcome;
use super::qemu::{self, Qemu, ReusedMachine};

/// An emulator that was found.
#[derive(Clone, Debug)]
pub enum Emulator {
    /// QEMU.
    Qemu(Qemu),
    /// Bochs, with the programs that make its CDs.
    Bochs(Bochs),
}

/// An emulator that has been started and has not booted yet.
pub enum Machine {
    /// A QEMU.
    Qemu(Box<qemu::Machine>),
    /// A Bochs.
    Bochs(Box<bochs::Machine>),
}

impl Emulator {
    /// This emulator as QEMU, for work that only QEMU can do.
    ///
    /// # Errors
    /// If it is another emulator.
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

    /// Whether the emulator can be started first and given its kernel later.
    pub fn can_wait(&self) -> bool {
        matches!(self, Self::Qemu(qemu) if qemu.can_wait)
    }

    /// Whether its machines can be told a text at a check's end: then [`Boot::challenge`] is used.
    pub fn asks(&self) -> bool {
        matches!(self, Self::Qemu(_))
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
    /// does not need the kernel's image. So the emulator can start while the image
    /// is still being built, if [`can_wait`](Self::can_wait) says so.
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

    /// Starts a machine that takes one check after the other; `None` if the emulator has no such
    /// machines. QEMU has them. The machine does not boot yet.
    ///
    /// `boot.words` are not passed on, and `boot.budget` is that of all checks together.
    /// The thread that calls this must live for as long as the machine, as for [`prepare`](Self::prepare).
    pub fn prepare_reused(&self, boot: &Boot<'_>) -> Option<ReusedMachine> {
        match self {
            Self::Qemu(qemu) => ReusedMachine::prepare(qemu, boot).ok(),
            Self::Bochs(_) => None,
        }
    }
}

impl Machine {
    /// Boots, and waits for the machine's end.
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
