//! The tools that grading needs from the computer.

use clap::ValueEnum;

use crate::build::toolchain::{self, Toolchain, Unfit};
use crate::host::probe::Probes;
use crate::machine::bochs::{self, Bochs, NoBochs};
use crate::machine::qemu::{self, NoEmulator, Qemu};

/// The tools that were found.
pub struct Tools {
    /// A compiler, or all those that cannot be used.
    pub toolchain: Result<Toolchain, Vec<Unfit>>,
    /// QEMU, or why it cannot be used; `None` if it was not looked for.
    pub emulator: Option<Result<Qemu, NoEmulator>>,
    /// Bochs, or what it lacks; `None` if it was not looked for.
    pub bochs: Option<Result<Bochs, NoBochs>>,
}

/// The emulators to grade on.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Machines {
    // Plain comments: clap would show a help text for each value, and make the help twice as long.
    // The emulator that grading is made for.
    #[default]
    #[allow(missing_docs)]
    Qemu,
    #[allow(missing_docs)]
    Bochs,
    // Each check on both, to be compared.
    #[allow(missing_docs)]
    Both,
}

impl Machines {
    /// Whether QEMU is one of them.
    pub fn qemu(self) -> bool {
        self != Self::Bochs
    }

    /// Whether Bochs is one of them.
    pub fn bochs(self) -> bool {
        self != Self::Qemu
    }
}

impl Tools {
    /// Looks for a compiler only: for commands that build kernels and boot none.
    pub fn find_compiler(probes: &Probes) -> Self {
        let tools = Self { toolchain: toolchain::find(probes), emulator: None, bochs: None };
        probes.save();
        tools
    }

    /// Looks for a compiler and for the emulators that are wanted.
    pub fn find(probes: &Probes, machines: Machines) -> Self {
        let tools = Self {
            toolchain: toolchain::find(probes),
            emulator: machines.qemu().then(|| qemu::find(probes)),
            bochs: machines.bochs().then(|| bochs::find(probes)),
        };
        probes.save();
        tools
    }
}
