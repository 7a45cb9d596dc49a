//! The course that a command works on, and the tools for it.

use std::env;
use std::path::{Path, PathBuf};

use crate::build::site::Site;
use crate::course::workspace::Workspace;
use crate::host::error::{Error, Result};
use crate::host::probe::Probes;
use crate::judge::Engine;
use crate::machine::Emulator;
use crate::machine::qemu::NoEmulator;

use super::arguments::CommonArgs;
use super::setup::missing;
use super::setup::tools::{Machines, Tools};

/// Where the course is, and where its kernels are built.
pub struct Place {
    /// The course.
    pub workspace: Workspace,
    /// Where its kernels are built.
    pub target_dir: PathBuf,
}

impl Place {
    /// Finds the course.
    ///
    /// # Errors
    /// As [`Workspace::find`].
    pub fn find() -> Result<Self> {
        let workspace = Workspace::find()?;
        let target_dir = target_dir(&workspace.root).join("kernel");
        Ok(Self { workspace, target_dir })
    }

    /// The tools for building kernels, installed if necessary.
    ///
    /// # Errors
    /// If something is missing.
    pub fn site(self, common: &CommonArgs) -> Result<Site> {
        let find = || Tools::find_compiler(&Probes::load(&self.target_dir));
        let tools = missing::provide(find(), common.permission(), &find)?;
        let toolchain = tools.toolchain.map_err(|_| no_compiler())?;
        Ok(Site { workspace: self.workspace, toolchain, target_dir: self.target_dir })
    }

    /// The tools for grading in QEMU, installed if necessary.
    ///
    /// # Errors
    /// If something is missing.
    pub fn engine(self, common: &CommonArgs) -> Result<Engine> {
        self.engines(common, Machines::Qemu).map(|(engine, _)| engine)
    }

    /// The tools for grading on these machines, installed if necessary: the
    /// engine with the first emulator, and the second emulator.
    ///
    /// # Errors
    /// If something is missing.
    pub fn engines(self, common: &CommonArgs, machines: Machines) -> Result<(Engine, Option<Emulator>)> {
        let find = || Tools::find(&Probes::load(&self.target_dir), machines);
        let tools = missing::provide(find(), common.permission(), &find)?;
        let toolchain = tools.toolchain.map_err(|_| no_compiler())?;
        let qemu = tools.emulator.transpose().map_err(|problem| match problem {
            NoEmulator::Missing => Error::new("QEMU is missing").advise("run `cargo grade setup`"),
            NoEmulator::Unfit(error) => error,
        })?;
        let bochs = tools.bochs.transpose().map_err(|lacking| match lacking.why {
            Some(why) => Error::new(format!("Bochs cannot be used: {why}")),
            None => Error::new("Bochs is missing").advise("run `cargo grade setup --bochs`"),
        })?;
        let mut emulators = qemu.map(Emulator::Qemu).into_iter().chain(bochs.map(Emulator::Bochs));
        let emulator = emulators.next().ok_or_else(|| Error::new("there is no emulator"))?;
        let second = emulators.next();
        let site = Site { workspace: self.workspace, toolchain, target_dir: self.target_dir };
        Ok((Engine { site, emulator }, second))
    }
}

fn no_compiler() -> Error {
    Error::new("there is no compiler that can build the kernel")
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, or else the one that this program was built into.
fn target_dir(root: &Path) -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let own = || {
        let program = env::current_exe().ok()?;
        program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
    };
    let folder = named.or_else(own).unwrap_or_else(|| root.join("target"));
    std::path::absolute(&folder).unwrap_or(folder)
}
