//! What `cargo grade debug` needs: a gdb that understands Python.

use std::path::PathBuf;

use crate::host::apt::{self, Permission};
use crate::host::error::{Error, Result};
use crate::host::path::on_path;
use crate::host::process;
use crate::host::system::System;

/// Looks for gdb.
///
/// # Errors
/// If it is missing, with the command that installs it, or if it lacks Python.
pub fn find() -> Result<PathBuf> {
    let Some(gdb) = on_path("gdb") else {
        return Err(Error::new("gdb is missing").advise("run `cargo grade setup --debug`"));
    };
    match process::answer(&gdb, &["-nx", "-batch", "-ex", "python print(6 * 7)"]) {
        Some(said) if said.trim() == "42" => Ok(gdb),
        _ => Err(Error::new(format!("{} does not understand Python", gdb.display()))
            .advise("install your system's full gdb, and not a minimal one")),
    }
}

/// Installs gdb if it is missing and the system has apt.
///
/// # Errors
/// If it is missing and was not installed.
pub fn provide(permission: Permission) -> Result<()> {
    if on_path("gdb").is_some() {
        return Ok(());
    }
    match advice(&System::here()) {
        None => apt::install("gdb is missing", &["gdb"], permission),
        Some(advice) => Err(Error::new("gdb is missing").advise(advice)),
    }
}

/// What the user can do on a system on which the grader installs nothing; `None` on a system with apt.
fn advice(system: &System) -> Option<String> {
    match system {
        System::Apt { .. } => None,
        System::MacOs => Some("run `brew install gdb`".to_owned()),
        // Packages of Nix have the name of their collection.
        System::Other { command: command @ "nix-env -iA", .. } => Some(format!("run `{command} nixpkgs.gdb`")),
        System::Other { command, .. } => Some(format!("run `{command} gdb`")),
        System::Unknown => Some("install it with your system's package manager".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_gdb_is_that_of_the_system() {
        let other = |command| System::Other { command, emulator: "", linker: "", bochs: [""; 3] };
        assert_eq!(advice(&System::Apt { codename: String::new() }), None);
        assert_eq!(advice(&System::MacOs).unwrap(), "run `brew install gdb`");
        assert_eq!(advice(&other("sudo dnf install")).unwrap(), "run `sudo dnf install gdb`");
        assert_eq!(advice(&other("nix-env -iA")).unwrap(), "run `nix-env -iA nixpkgs.gdb`");
    }
}
