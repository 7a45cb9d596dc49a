//! What grading needs from the machine it runs on: looked for, and what is missing.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;

use crate::emulator::{Bochs, Qemu};
use crate::error::{Error, Result};
use crate::machine;
use crate::probe::Probes;
use crate::toolchain::{self, Toolchain, Unfit};

mod bochs;

pub use bochs::{NoBochs, Part, VARIABLE as BOCHS_VARIABLE};

/// Names another emulator program than the one on `PATH`.
pub const EMULATOR_VARIABLE: &str = "FOLIO_QEMU";

/// The emulator's program.
pub const EMULATOR: &str = "qemu-system-i386";

/// A firmware that does nothing but to start the kernel: three times as fast as the default one.
const FAST_FIRMWARE: &str = "qboot.rom";

/// The oldest emulator that knows all options.
const OLDEST_MAJOR: u32 = 6;

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

/// Why there is no emulator.
#[derive(Debug)]
pub enum NoEmulator {
    /// It is not installed.
    Missing,
    /// It is there but does not do.
    Unfit(Error),
}

impl Tools {
    /// Looks for a compiler and for the emulators that are wanted.
    pub fn find(probes: &Probes, machines: Machines) -> Self {
        let tools = Self {
            toolchain: toolchain::find(probes),
            emulator: machines.qemu().then(|| find_emulator(probes)),
            bochs: machines.bochs().then(|| bochs::find(probes)),
        };
        probes.save();
        tools
    }
}

fn find_emulator(probes: &Probes) -> Result<Qemu, NoEmulator> {
    let named = env::var_os(EMULATOR_VARIABLE).filter(|name| !name.is_empty());
    let program = match &named {
        Some(name) => named_program(name),
        None => on_path(EMULATOR).ok_or(NoEmulator::Missing)?,
    };
    let unfit = |what: String, advice: &str| NoEmulator::Unfit(Error::new(what).advise(advice));
    let advice = match named {
        Some(_) => format!("{EMULATOR_VARIABLE} names it: correct that, or unset it"),
        None => "install QEMU again, or name another one in FOLIO_QEMU".to_owned(),
    };
    if !program.is_file() {
        return Err(unfit(format!("there is no emulator at {}", program.display()), &advice));
    }
    let said = probes
        .ask(&program, "--version", || ask(&program, &["--version"]))
        .ok_or_else(|| unfit(format!("{} does not run", program.display()), &advice))?;
    let version =
        version(&said).ok_or_else(|| unfit(format!("{} does not look like QEMU", program.display()), &advice))?;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST_MAJOR) {
        return Err(unfit(
            format!("QEMU {version} is too old"),
            &format!("install QEMU {OLDEST_MAJOR}.0 or later; 7.2 is what Folio was tried with"),
        ));
    }
    let folders = probes.ask(&program, "-L help", || ask(&program, &["-L", "help"])).unwrap_or_default();
    let has_firmware = folders.lines().any(|folder| Path::new(folder.trim()).join(FAST_FIRMWARE).is_file());
    let help = probes
        // The whole text is long, and one line of it matters.
        .ask(&program, "-help", || {
            Some(ask(&program, &["-help"])?.lines().filter(|line| line.contains("preconfig")).collect())
        })
        .unwrap_or_default();
    Ok(Qemu {
        can_wait: help.contains("-preconfig"),
        program,
        version: format!("QEMU {version}"),
        firmware: has_firmware.then(|| FAST_FIRMWARE.to_owned()),
        launcher: machine::launcher(),
    })
}

/// `7.2.22` of `QEMU emulator version 7.2.22 (Debian …)`.
fn version(said: &str) -> Option<String> {
    let version = said.lines().next()?.strip_prefix("QEMU emulator version ")?;
    let version = version.split([' ', '(']).next()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
}

/// A program that the user named. A bare name is looked for on `PATH`, as a shell does.
fn named_program(name: &OsStr) -> PathBuf {
    let program = PathBuf::from(name);
    if program.components().count() == 1 { on_path(&name.to_string_lossy()).unwrap_or(program) } else { program }
}

/// The first program of this name on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn ask(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if output.status.success() { String::from_utf8(output.stdout).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_qemu_says() {
        assert_eq!(version("QEMU emulator version 7.2.22 (Debian 1:7.2)\nCopyright").as_deref(), Some("7.2.22"));
        assert_eq!(version("QEMU emulator version 10.0.2\n").as_deref(), Some("10.0.2"));
        assert_eq!(version("Bochs 2.7"), None);
        assert_eq!(version(""), None);
    }
}
