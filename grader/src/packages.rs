//! Installing what is missing.
//!
//! On Debian and its kin the grader installs packages itself: it asks on a
//! terminal, and elsewhere says what it does. On other systems it prints the
//! commands. It never touches what rustup manages.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::toolchain::Lack;
use crate::tools::{NoBochs, NoEmulator, Part, Tools, on_path};

/// A system, as far as it matters for installing something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum System {
    /// Debian or a relative, with apt; the release's code name.
    Apt {
        /// Such as `bookworm`.
        codename: String,
    },
    /// macOS.
    MacOs,
    /// Another one with a known package manager: the command that installs.
    Other {
        /// Such as `sudo dnf install`.
        command: &'static str,
        /// What it calls QEMU for i386.
        emulator: &'static str,
        /// What it calls LLD.
        linker: &'static str,
        /// What it calls Bochs, GRUB for a PC with a BIOS, and xorriso.
        bochs: [&'static str; 3],
    },
    /// Nothing is known about it.
    Unknown,
}

/// What is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Missing {
    /// QEMU.
    pub emulator: bool,
    /// A compiler with the source of its library.
    pub compiler: bool,
    /// Only a linker; a compiler without one is there.
    pub linker: bool,
    /// Bochs, with its display on a terminal and its firmware.
    pub bochs: bool,
    /// GRUB for a PC with a BIOS.
    pub grub: bool,
    /// What makes CDs.
    pub xorriso: bool,
}

/// How to come by what is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Packages that apt has.
    Apt(Vec<&'static str>),
    /// Commands for the user.
    Commands(Vec<String>),
}

/// Debian 12's packages of a current compiler: a matched pair, the source of its library, a linker.
const BOOKWORM_COMPILER: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// What Debian and Ubuntu call QEMU for i386.
const APT_EMULATOR: &str = "qemu-system-x86";

/// What they call Bochs, its display on a terminal, and its firmware.
const APT_BOCHS: [&str; 4] = ["bochs", "bochs-term", "bochsbios", "vgabios"];

/// What they call GRUB's programs, and its modules for a PC with a BIOS.
const APT_GRUB: [&str; 2] = ["grub-common", "grub-pc-bin"];

impl Missing {
    /// What is missing, of what was looked for.
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

    /// What is missing, as the beginning of a sentence.
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

impl System {
    /// The system that this program runs on.
    pub fn here() -> Self {
        if cfg!(target_os = "macos") {
            return Self::MacOs;
        }
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        Self::from_release(&release, &|program| on_path(program).is_some())
    }

    fn from_release(release: &str, has: &dyn Fn(&str) -> bool) -> Self {
        let field = |name: &str| {
            release
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .map(|value| value.trim_matches('"').to_owned())
                .unwrap_or_default()
        };
        if has("apt-get") {
            return Self::Apt { codename: field("VERSION_CODENAME") };
        }
        for (program, command, emulator, linker, bochs) in [
            (
                "dnf",
                "sudo dnf install",
                "qemu-system-x86-core",
                "lld",
                ["bochs", "grub2-tools grub2-pc-modules", "xorriso"],
            ),
            ("pacman", "sudo pacman -S", "qemu-system-x86", "lld", ["bochs", "grub", "libisoburn"]),
            ("zypper", "sudo zypper install", "qemu-x86", "lld", ["bochs", "grub2-i386-pc", "xorriso"]),
            ("apk", "sudo apk add", "qemu-system-i386", "lld", ["bochs", "grub grub-bios", "xorriso"]),
            ("xbps-install", "sudo xbps-install", "qemu", "lld", ["bochs", "grub", "xorriso"]),
            (
                "nix-env",
                "nix-env -iA",
                "nixpkgs.qemu",
                "nixpkgs.lld",
                ["nixpkgs.bochs", "nixpkgs.grub2", "nixpkgs.xorriso"],
            ),
        ] {
            if has(program) {
                return Self::Other { command, emulator, linker, bochs };
            }
        }
        Self::Unknown
    }
}

/// How to come by what is missing on a system; `has_rustup` if rustup manages its compilers.
pub fn remedy(missing: Missing, system: &System, has_rustup: bool) -> Remedy {
    let is_bookworm = matches!(system, System::Apt { codename } if codename == "bookworm");
    let mut packages = Vec::new();
    let mut commands = Vec::new();
    if missing.emulator {
        match system {
            System::Apt { .. } => packages.push(APT_EMULATOR),
            System::MacOs => commands.push("brew install qemu".to_owned()),
            System::Other { command, emulator, .. } => commands.push(format!("{command} {emulator}")),
            System::Unknown => commands.push("install QEMU with the program qemu-system-i386".to_owned()),
        }
    }
    if missing.linker {
        match system {
            System::Apt { .. } => packages.push("lld"),
            System::MacOs => commands.push("brew install lld".to_owned()),
            System::Other { command, linker, .. } => commands.push(format!("{command} {linker}")),
            System::Unknown => commands.push("install LLD with the program ld.lld".to_owned()),
        }
    }
    let wanted = [missing.bochs, missing.grub, missing.xorriso];
    if wanted.contains(&true) {
        let chosen = |names: [&'static str; 3]| {
            let names: Vec<&str> =
                names.into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect();
            names.join(" ")
        };
        match system {
            System::Apt { .. } => {
                let names = [&APT_BOCHS[..], &APT_GRUB, &["xorriso"]];
                packages
                    .extend(names.into_iter().zip(wanted).filter(|(_, wanted)| *wanted).flat_map(|(names, _)| names));
            }
            System::MacOs => commands.push(format!("brew install {}", chosen(["bochs", "i686-elf-grub", "xorriso"]))),
            System::Other { command, bochs, .. } => commands.push(format!("{command} {}", chosen(*bochs))),
            System::Unknown => commands.push(format!(
                "install {}",
                chosen([
                    "Bochs with its debugger and the display `term`",
                    "GRUB with grub-mkimage for i386-pc",
                    "xorriso"
                ])
            )),
        }
    }
    if missing.compiler {
        if is_bookworm {
            packages.extend(BOOKWORM_COMPILER);
        } else {
            if !has_rustup {
                commands.push("install rustup as https://rustup.rs describes".to_owned());
            }
            commands.push("rustup component add rust-src".to_owned());
        }
    }
    if commands.is_empty() {
        return Remedy::Apt(packages);
    }
    if !packages.is_empty() {
        commands.insert(0, format!("sudo {}", apt_line(&packages)));
    }
    Remedy::Commands(commands)
}

fn apt_line(packages: &[&str]) -> String {
    format!("apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// Sees to it that nothing is missing: looks, installs, and looks again.
///
/// # Errors
/// If something is missing and was not installed: with the commands to do it.
pub fn provide(tools: Tools, no_install: bool, again: &dyn Fn() -> Tools) -> Result<Tools> {
    let missing = Missing::of(&tools);
    if missing.nothing() {
        return Ok(tools);
    }
    match remedy(missing, &System::here(), on_path("rustup").is_some()) {
        Remedy::Commands(commands) => Err(Error::new(missing.words())
            .advise("run this and try again:")
            .output(commands.iter().map(|command| format!("    {command}\n")).collect::<String>())),
        Remedy::Apt(packages) => {
            apt(&missing.words(), &packages, no_install)?;
            let tools = again();
            let still = Missing::of(&tools);
            if still.nothing() {
                return Ok(tools);
            }
            let what = match &tools.bochs {
                Some(Err(NoBochs { why: Some(why), .. })) => format!("Bochs cannot be used: {why}"),
                _ => still.words(),
            };
            Err(Error::new(format!("the packages were installed, and still {what}"))
                .advise("`cargo grade doctor` shows what was found"))
        }
    }
}

/// Who may install packages.
enum Power {
    Root,
    Sudo { asks: bool },
}

/// Installs packages with apt-get: asks on a terminal, and elsewhere says what it does.
///
/// # Errors
/// If it may not, or could not: with the command to do it by hand.
pub fn apt(what: &str, packages: &[&str], no_install: bool) -> Result<()> {
    let line = apt_line(packages);
    let is_root = rustix::process::geteuid().is_root();
    let by_hand = if is_root { line.clone() } else { format!("sudo {line}") };
    let refused = |what: String| Error::new(what).advise(format!("to install it yourself: {by_hand}"));
    if no_install {
        return Err(refused(format!("{what}, and --no-install was given")));
    }
    let on_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    let power = if is_root {
        Power::Root
    } else if on_path("sudo").is_none() {
        return Err(refused(format!("{what}, and only root may install it")));
    } else if succeeds(Command::new("sudo").args(["-n", "true"])) {
        Power::Sudo { asks: false }
    } else if on_terminal {
        Power::Sudo { asks: true }
    } else {
        return Err(refused(format!("{what}, and sudo would ask for a password")));
    };
    let names = packages.join(", ");
    if on_terminal {
        if !asked(&format!("{}. Install {names} with apt-get? [Y/n] ", capitalized(what))) {
            return Err(refused(what.to_owned()));
        }
    } else {
        say(&format!("{}: installing {names} with apt-get.", capitalized(what)));
    }
    if let Power::Sudo { asks: true } = power
        && !succeeds(Command::new("sudo").arg("-v").stderr(Stdio::inherit()).stdin(Stdio::inherit()))
    {
        return Err(refused("sudo was refused".to_owned()));
    }
    let progress = Progress::new();
    progress.start("Installing");
    // Always from fresh lists: with old ones apt asks for files that are gone,
    // or installs a compiler that is too old. If they cannot be fetched, those
    // that are there may still do.
    let update = apt_get(&power, &["update"]);
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    let result = apt_get(&power, &install).map_err(|output| match update {
        Ok(()) => output,
        Err(update) => format!("{update}\n{output}"),
    });
    progress.finish();
    result.map_err(|output| {
        Error::new(format!("apt-get could not install {names}")).advise("this is what it said:").output(output)
    })
}

/// Runs apt-get; what it said if it failed.
fn apt_get(power: &Power, arguments: &[&str]) -> Result<(), String> {
    let mut command = match power {
        Power::Root => Command::new("apt-get"),
        Power::Sudo { .. } => {
            let mut command = Command::new("sudo");
            command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            command
        }
    };
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(last_lines(&format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))),
        Err(error) => Err(error.to_string()),
    }
}

/// The end of a long text, where the reason stands.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn say(text: &str) {
    // Nobody listens: nothing to do about it.
    let _ = writeln!(io::stderr(), "{text}");
}

fn asked(question: &str) -> bool {
    let _ = write!(io::stderr(), "{question}");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(0) | Err(_) => false,
        Ok(_) => matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"),
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Whether a folder can be written to; `doctor` says so.
pub fn is_writable(folder: &Path) -> bool {
    let existing = folder.ancestors().find(|folder| folder.exists());
    existing.is_some_and(|folder| tempfile::Builder::new().prefix(".folio-").tempfile_in(folder).is_ok())
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
    fn the_system_is_recognised() {
        let release = "ID=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(System::from_release(release, &|program| program == "apt-get"), apt_system("bookworm"));
        let fedora = System::from_release("ID=fedora\n", &|program| program == "dnf");
        assert!(matches!(fedora, System::Other { command: "sudo dnf install", .. }));
        assert_eq!(System::from_release("", &|_| false), System::Unknown);
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
