//! Tools that are missing for grading, and how to install them.
//!
//! On Debian and its derivatives the grader installs packages itself: on a terminal it asks
//! first, elsewhere it says that it does. On other systems it prints the commands. It never
//! changes anything that rustup manages.

use crate::build::toolchain::Lack;
use crate::host::apt::{self, Permission};
use crate::host::error::{Error, Result};
use crate::host::path::on_path;
use crate::host::system::System;
use crate::machine::bochs::{NoBochs, Part};
use crate::machine::qemu::NoEmulator;

use super::tools::Tools;

/// The tools that are missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Missing {
    /// QEMU.
    pub emulator: bool,
    /// A compiler with the source of its library.
    pub compiler: bool,
    /// Only a linker: there is a compiler without one.
    pub linker: bool,
    /// Bochs, with its display on a terminal and its firmware.
    pub bochs: bool,
    /// GRUB for a PC with a BIOS.
    pub grub: bool,
    /// A program that makes CD images.
    pub xorriso: bool,
}

/// How to install the missing tools.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// By installing these packages with apt.
    Apt(Vec<&'static str>),
    /// By commands that the user runs.
    Commands(Vec<String>),
}

/// Debian 12's packages of a current compiler: a matched pair, the source of its library, a linker.
const BOOKWORM_COMPILER: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// QEMU for i386, as Debian and Ubuntu name it.
const APT_EMULATOR: &str = "qemu-system-x86";

/// Bochs, its display on a terminal, and its firmware, as Debian and Ubuntu name them.
const APT_BOCHS: [&str; 4] = ["bochs", "bochs-term", "bochsbios", "vgabios"];

/// GRUB's programs, and its modules for a PC with a BIOS, as Debian and Ubuntu name them.
const APT_GRUB: [&str; 2] = ["grub-common", "grub-pc-bin"];

impl Missing {
    /// The tools that were looked for and not found.
    pub fn of(tools: &Tools) -> Self {
        let unfit = tools.toolchain.as_ref().err();
        let linker = unfit.is_some_and(|unfit| unfit.iter().any(|compiler| compiler.lack == Lack::Linker));
        let lacks = |part| matches!(&tools.bochs, Some(Err(NoBochs { lacks, .. })) if lacks.contains(&part));
        Self {
            emulator: matches!(tools.emulator, Some(Err(NoEmulator::Missing))),
            compiler: unfit.is_some() && !linker,
            linker,
            bochs: lacks(Part::Bochs),
            grub: lacks(Part::Grub),
            xorriso: lacks(Part::Xorriso),
        }
    }

    fn nothing(self) -> bool {
        self == Self::default()
    }

    /// The missing tools, as the beginning of a sentence.
    fn words(self) -> String {
        let mut words = Vec::new();
        if self.emulator {
            words.push("QEMU");
        }
        if self.compiler {
            words.push("a Rust compiler with the source of its library");
        }
        if self.linker {
            words.push("the linker LLD");
        }
        if self.bochs {
            words.push("Bochs with its display on a terminal");
        }
        if self.grub {
            words.push("GRUB for a PC with a BIOS");
        }
        if self.xorriso {
            words.push("xorriso");
        }
        let last = words.pop().unwrap_or_default();
        match words.len() {
            0 => format!("{last} is missing"),
            _ => format!("{} and {last} are missing", words.join(", ")),
        }
    }
}

/// How to install the missing tools on a system; `has_rustup` if rustup manages its compilers.
pub fn remedy(missing: Missing, system: &System, has_rustup: bool) -> Remedy {
    let mut plan = Plan::default();
    if missing.emulator {
        plan.emulator(system);
    }
    if missing.linker {
        plan.linker(system);
    }
    plan.bochs([missing.bochs, missing.grub, missing.xorriso], system);
    if missing.compiler {
        plan.compiler(system, has_rustup);
    }
    plan.remedy()
}

/// The steps that have been collected so far.
#[derive(Default)]
struct Plan {
    /// Packages to install with apt.
    packages: Vec<&'static str>,
    /// Commands for the user.
    commands: Vec<String>,
}

impl Plan {
    fn emulator(&mut self, system: &System) {
        match system {
            System::Apt { .. } => self.packages.push(APT_EMULATOR),
            System::MacOs => self.commands.push("brew install qemu".to_owned()),
            System::Other { command, emulator, .. } => self.commands.push(format!("{command} {emulator}")),
            System::Unknown => self.commands.push("install QEMU with the program qemu-system-i386".to_owned()),
        }
    }

    fn linker(&mut self, system: &System) {
        match system {
            System::Apt { .. } => self.packages.push("lld"),
            System::MacOs => self.commands.push("brew install lld".to_owned()),
            System::Other { command, linker, .. } => self.commands.push(format!("{command} {linker}")),
            System::Unknown => self.commands.push("install LLD with the program ld.lld".to_owned()),
        }
    }

    /// Those of Bochs, GRUB and xorriso, in this order, that are missing.
    fn bochs(&mut self, wanted: [bool; 3], system: &System) {
        if !wanted.contains(&true) {
            return;
        }
        let chosen = |names: [&'static str; 3]| {
            let names: Vec<&str> =
                names.into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect();
            names.join(" ")
        };
        match system {
            System::Apt { .. } => {
                let names = [&APT_BOCHS[..], &APT_GRUB, &["xorriso"]];
                let wanted = names.into_iter().zip(wanted).filter(|(_, wanted)| *wanted);
                self.packages.extend(wanted.flat_map(|(names, _)| names));
            }
            System::MacOs => {
                self.commands.push(format!("brew install {}", chosen(["bochs", "i686-elf-grub", "xorriso"])));
            }
            System::Other { command, bochs, .. } => self.commands.push(format!("{command} {}", chosen(*bochs))),
            System::Unknown => {
                let names =
                    ["Bochs with its debugger and the display `term`", "GRUB with grub-mkimage for i386-pc", "xorriso"];
                self.commands.push(format!("install {}", chosen(names)));
            }
        }
    }

    fn compiler(&mut self, system: &System, has_rustup: bool) {
        if system.is_bookworm() {
            self.packages.extend(BOOKWORM_COMPILER);
            return;
        }
        if !has_rustup {
            self.commands.push("install rustup as https://rustup.rs describes".to_owned());
        }
        self.commands.push("rustup component add rust-src".to_owned());
    }

    fn remedy(mut self) -> Remedy {
        if self.commands.is_empty() {
            return Remedy::Apt(self.packages);
        }
        if !self.packages.is_empty() {
            self.commands.insert(0, format!("sudo {}", apt::line(&self.packages)));
        }
        Remedy::Commands(self.commands)
    }
}

/// Makes sure that no tool is missing: looks, installs, and looks again.
///
/// # Errors
/// If a tool is missing and was not installed, with the commands that install it.
pub fn provide(tools: Tools, permission: Permission, again: &dyn Fn() -> Tools) -> Result<Tools> {
    let missing = Missing::of(&tools);
    if missing.nothing() {
        return Ok(tools);
    }
    match remedy(missing, &System::here(), on_path("rustup").is_some()) {
        Remedy::Commands(commands) => Err(Error::new(missing.words())
            .advise("run this and try again:")
            .output(commands.iter().map(|command| format!("    {command}\n")).collect::<String>())),
        Remedy::Apt(packages) => {
            apt::install(&missing.words(), &packages, permission)?;
            let tools = again();
            let still = Missing::of(&tools);
            if still.nothing() {
                return Ok(tools);
            }
            let what = match &tools.bochs {
                Some(Err(NoBochs { why: Some(why), .. })) => format!("Bochs cannot be used: {why}"),
                _ => still.words(),
            };
            Err(Error::new(format!("the packages were installed, but {what}"))
                .advise("`cargo grade doctor` shows what was found"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Missing =
        Missing { emulator: false, compiler: false, linker: false, bochs: false, grub: false, xorriso: false };
    const BOTH: Missing = Missing { emulator: true, compiler: true, ..NOTHING };
    const EMULATOR: Missing = Missing { emulator: true, ..NOTHING };
    const COMPILER: Missing = Missing { compiler: true, ..NOTHING };
    const LINKER: Missing = Missing { linker: true, ..NOTHING };

    #[test]
    fn what_is_missing_is_a_sentence() {
        assert_eq!(EMULATOR.words(), "QEMU is missing");
        assert_eq!(BOTH.words(), "QEMU and a Rust compiler with the source of its library are missing");
        assert_eq!(LINKER.words(), "the linker LLD is missing");
        assert_eq!(remedy(LINKER, &apt_system("trixie"), true), Remedy::Apt(vec!["lld"]));
    }

    #[test]
    fn bochs_comes_with_what_makes_its_cds() {
        let bochs = Missing { bochs: true, grub: true, xorriso: true, ..NOTHING };
        assert_eq!(
            bochs.words(),
            "Bochs with its display on a terminal, GRUB for a PC with a BIOS and xorriso are missing"
        );
        let packages = ["bochs", "bochs-term", "bochsbios", "vgabios", "grub-common", "grub-pc-bin", "xorriso"];
        assert_eq!(remedy(bochs, &apt_system("bookworm"), true), Remedy::Apt(packages.to_vec()));
        let commands = ["brew install i686-elf-grub xorriso".to_owned()];
        let without = Missing { bochs: false, ..bochs };
        assert_eq!(remedy(without, &System::MacOs, true), Remedy::Commands(commands.to_vec()));
    }

    fn apt_system(codename: &str) -> System {
        System::Apt { codename: codename.to_owned() }
    }

    #[test]
    fn debian_12_gets_everything_from_apt() {
        let all = vec!["qemu-system-x86", "rustc-web", "cargo-web", "rust-web-src", "lld"];
        assert_eq!(remedy(BOTH, &apt_system("bookworm"), false), Remedy::Apt(all.clone()));
        assert_eq!(remedy(COMPILER, &apt_system("bookworm"), true), Remedy::Apt(all[1..].to_vec()));
        assert_eq!(remedy(EMULATOR, &apt_system("trixie"), true), Remedy::Apt(all[..1].to_vec()));
    }

    #[test]
    fn elsewhere_the_commands_are_told() {
        let told = |missing, system: &System, has_rustup| match remedy(missing, system, has_rustup) {
            Remedy::Commands(commands) => commands,
            Remedy::Apt(packages) => panic!("{packages:?}"),
        };
        assert_eq!(told(BOTH, &System::MacOs, true), ["brew install qemu", "rustup component add rust-src"]);
        assert_eq!(told(COMPILER, &apt_system("noble"), true), ["rustup component add rust-src"]);
        assert_eq!(told(COMPILER, &System::Unknown, false).len(), 2);
        let both = told(BOTH, &apt_system("noble"), true);
        assert_eq!(both[0], "sudo apt-get install -y --no-install-recommends qemu-system-x86");
    }
}
