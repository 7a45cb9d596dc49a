//! Looking for Bochs, and for the programs and files that make a CD for it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::path::{named_program, on_path};
use crate::host::probe::Probes;
use crate::host::process;

use super::disc::Grub;
use super::program::Bochs;

/// The variable that names another Bochs than the one on `PATH`.
const VARIABLE: &str = "FOLIO_BOCHS";

/// The names that systems have for GRUB's program that makes an image.
const MKIMAGE: [&str; 3] = ["grub-mkimage", "grub2-mkimage", "i686-elf-grub-mkimage"];

/// The folders of GRUB's modules for a PC with a BIOS, relative to the folder that has its `bin`.
const MODULES: [&str; 4] =
    ["lib/grub/i386-pc", "share/grub2/i386-pc", "share/grub/i386-pc", "lib/i686-elf/grub/i386-pc"];

/// A part that grading in Bochs needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Bochs itself, with its debugger, its display on a terminal, and its firmware.
    Bochs,
    /// GRUB, to be put on a CD for a PC with a BIOS.
    Grub,
    /// xorriso, which makes the CD.
    Xorriso,
}

/// Why grading in Bochs is not possible.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoBochs {
    /// The missing parts.
    pub lacks: Vec<Part>,
    /// Why an installed Bochs cannot be used.
    pub why: Option<String>,
}

/// Looks for all parts.
///
/// # Errors
/// The parts that are missing, or why Bochs cannot be used.
pub fn find(probes: &Probes) -> Result<Bochs, NoBochs> {
    let mut lacks = Vec::new();
    let named = env::var_os(VARIABLE).filter(|name| !name.is_empty());
    let program = named.as_deref().map_or_else(|| on_path("bochs"), |name| Some(named_program(name)));
    // Asking it for its version would not tell whether it can be used, so it is tried out.
    let said = program.as_ref().and_then(|program| probes.ask(program, "trial", || Some(trial(program))));
    let version = said.clone().filter(|said| said.starts_with("Bochs "));
    let mut why = said.filter(|_| version.is_none());
    match named {
        // No package that could be installed would help.
        Some(name) if version.is_none() => {
            let why_not = why.unwrap_or_else(|| "it is not there".to_owned());
            why = Some(format!("{VARIABLE} names {}: {why_not}", name.display()));
        }
        _ if version.is_none() => lacks.push(Part::Bochs),
        _ => {}
    }
    let mkimage = MKIMAGE.iter().find_map(|name| on_path(name));
    let modules = mkimage.as_deref().and_then(modules);
    if modules.is_none() {
        lacks.push(Part::Grub);
    }
    let xorriso = on_path("xorriso");
    if xorriso.is_none() {
        lacks.push(Part::Xorriso);
    }
    match (program, version, mkimage, modules, xorriso) {
        (Some(program), Some(version), Some(mkimage), Some(modules), Some(xorriso)) => {
            Ok(Bochs::new(program, version, Grub { mkimage, modules, xorriso }))
        }
        _ => Err(NoBochs { lacks, why }),
    }
}

/// The folder with GRUB's modules, from where its program is.
fn modules(mkimage: &Path) -> Option<PathBuf> {
    // Homebrew's programs are links to the real files.
    let real = fs::canonicalize(mkimage).ok();
    let roots = [Some(mkimage), real.as_deref()].into_iter().flatten().filter_map(|program| program.ancestors().nth(2));
    let mut folders = roots.flat_map(|root| MODULES.iter().map(|folder| root.join(folder)));
    folders.find(|folder| folder.join("moddep.lst").is_file() && folder.join("multiboot.mod").is_file())
}

/// Starts a machine that executes nothing: `Bochs 2.7`, or why it does not work.
fn trial(program: &Path) -> String {
    let failed = |error: &dyn std::fmt::Display| format!("it cannot be tried out: {error}");
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return failed(&error),
    };
    let files = [("bochsrc", Bochs::configuration_to_try()), ("commands", "q\n".to_owned())];
    for (name, text) in files {
        if let Err(error) = fs::write(folder.path().join(name), text) {
            return failed(&error);
        }
    }
    let mut command = Command::new(program);
    command.args(["-q", "-f", "bochsrc", "-rc", "commands", "-dbglog", "/dev/stderr"]).current_dir(folder.path());
    command.env("TERM", "vt100");
    match process::output(&mut command) {
        Ok(output) => verdict(&String::from_utf8_lossy(&output.stdout), &String::from_utf8_lossy(&output.stderr)),
        Err(error) => failed(&error),
    }
}

/// The result of a trial, from Bochs' output.
fn verdict(said: &str, complained: &str) -> String {
    let text = format!("{said}\n{complained}");
    let version =
        text.lines().find_map(|line| line.split_once("Bochs x86 Emulator ")).map(|(_, version)| version.trim());
    let panic = complained.lines().find_map(|line| line.split_once(">>PANIC<< ")).map(|(_, why)| why.trim());
    match (version, panic) {
        (_, Some(why)) => why.to_owned(),
        (Some(version), None) if complained.contains("Next at t=") => format!("Bochs {version}"),
        (Some(_), None) => "it was built without its debugger".to_owned(),
        (None, None) => "it does not look like Bochs".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANNER: &str = "=====\n                        Bochs x86 Emulator 2.7\n              Built from SVN\n=====";

    #[test]
    fn a_trial_tells_what_is_wrong() {
        assert_eq!(verdict(BANNER, "Next at t=0\n(0) [0x0000fffffff0] f000:fff0\n"), "Bochs 2.7");
        assert_eq!(
            verdict(BANNER, "00000000000p[SIM   ] >>PANIC<< display library 'term' not available\n"),
            "display library 'term' not available"
        );
        assert_eq!(verdict(BANNER, "unknown option\n"), "it was built without its debugger");
        assert_eq!(verdict("QEMU emulator version 7.2.22", ""), "it does not look like Bochs");
    }
}
