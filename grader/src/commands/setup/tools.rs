//! What grading needs from the machine it runs on, looked for.

use clap::ValueEnum;

use crate::build::toolchain::{self, Toolchain, Unfit};
use crate::host::probe::Probes;
use crate::machine::bochs::{self, Bochs, NoBochs};
use crate::machine::qemu::{self, NoEmulator, Qemu};

/// What was found.
pub struct Tools {
    /// A compiler, or all those that do not do.
    pub toolchain: Result<Toolchain, Vec<Unfit>>,
    /// QEMU, or why there is none; `None` if it was not looked for.
    pub emulator: Option<Result<Qemu, NoEmulator>>,
    /// Bochs, or what it lacks; `None` if it was not looked for.
    pub bochs: Option<Result<Bochs, NoBochs>>,
}

/// On which emulators to grade.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Machines {
    // Plain comments: help for each value would make all of the help twice as long.
    // What grading is made for.
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
    /// Looks for a compiler only: to build kernels, and to boot none.
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
