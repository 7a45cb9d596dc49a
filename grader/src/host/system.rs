//! The operating system, as far as it matters for installing packages.

use std::fs;

use crate::host::path::on_path;

/// An operating system.
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
        /// The name of its package with QEMU for i386.
        emulator: &'static str,
        /// The name of its package with LLD.
        linker: &'static str,
        /// The names of its packages with Bochs, GRUB for a PC with a BIOS, and xorriso.
        bochs: [&'static str; 3],
    },
    /// A system about which nothing is known.
    Unknown,
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

    /// Whether the system is Debian 12, or based on it.
    pub fn is_bookworm(&self) -> bool {
        matches!(self, Self::Apt { codename } if codename == "bookworm")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_recognised() {
        let release = "ID=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(
            System::from_release(release, &|program| program == "apt-get"),
            System::Apt { codename: "bookworm".to_owned() }
        );
        let fedora = System::from_release("ID=fedora\n", &|program| program == "dnf");
        assert!(matches!(fedora, System::Other { command: "sudo dnf install", .. }));
        assert_eq!(System::from_release("", &|_| false), System::Unknown);
    }
}
