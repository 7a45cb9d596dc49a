//! Looking for QEMU, and for its abilities.

use std::env;
use std::path::Path;

use crate::host::error::Error;
use crate::host::launcher;
use crate::host::path::{named_program, on_path};
use crate::host::probe::Probes;
use crate::host::process::answer;

use super::program::{Qemu, SANDBOX};

/// The variable that names another emulator program than the one on `PATH`.
const EMULATOR_VARIABLE: &str = "FOLIO_QEMU";

/// The emulator's program.
const EMULATOR: &str = "qemu-system-i386";

/// A firmware that does nothing but start the kernel. It is three times as fast as the default one.
const FAST_FIRMWARE: &str = "qboot.rom";

/// The oldest emulator that knows all options.
const OLDEST_MAJOR: u32 = 6;

/// Why there is no emulator.
#[derive(Debug)]
pub enum NoEmulator {
    /// It is not installed.
    Missing,
    /// It is installed, but cannot be used.
    Unfit(Error),
}

/// Looks for QEMU.
///
/// # Errors
/// Why there is none.
pub fn find(probes: &Probes) -> Result<Qemu, NoEmulator> {
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
        .ask(&program, "--version", || answer(&program, &["--version"]))
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
    let folders = probes.ask(&program, "-L help", || answer(&program, &["-L", "help"])).unwrap_or_default();
    let has_firmware = folders.lines().any(|folder| Path::new(folder.trim()).join(FAST_FIRMWARE).is_file());
    let help = probes
        // The whole text is long, and one line of it matters.
        .ask(&program, "-help", || {
            Some(answer(&program, &["-help"])?.lines().filter(|line| line.contains("preconfig")).collect())
        })
        .unwrap_or_default();
    // QEMU offers this only if it and the operating system can do it.
    let sandbox = probes
        .ask(&program, "-sandbox", || {
            let arguments = ["-sandbox", SANDBOX, "-machine", "help"];
            Some(answer(&program, &arguments).map_or("no", |_| "yes").to_owned())
        })
        .is_some_and(|says| says == "yes");
    Ok(Qemu {
        sandbox,
        can_wait: help.contains("-preconfig"),
        program,
        version: format!("QEMU {version}"),
        firmware: has_firmware.then(|| FAST_FIRMWARE.to_owned()),
        launcher: launcher::launcher(),
    })
}

/// `7.2.22` of `QEMU emulator version 7.2.22 (Debian …)`.
fn version(said: &str) -> Option<String> {
    let version = said.lines().next()?.strip_prefix("QEMU emulator version ")?;
    let version = version.split([' ', '(']).next()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
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
