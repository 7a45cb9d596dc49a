//! What `cargo grade debug` needs: gdb, and qemu-img for the disk beside a recording.

use std::path::PathBuf;

use crate::host::apt::{self, Permission};
use crate::host::error::{Error, Result};
use crate::host::path::on_path;
use crate::host::system::System;

/// The programs, as they were found.
pub struct Debugger {
    /// gdb.
    pub gdb: PathBuf,
    /// qemu-img.
    pub disk_maker: PathBuf,
}

/// Each program, with the package in which Debian and its kin have it.
const PROGRAMS: [(&str, &str); 2] = [("gdb", "gdb"), ("qemu-img", "qemu-utils")];

/// Those that are not there.
fn missing() -> Vec<(&'static str, &'static str)> {
    PROGRAMS.into_iter().filter(|(program, _)| on_path(program).is_none()).collect()
}

fn sentence(missing: &[(&str, &str)]) -> String {
    let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    format!("{} {} missing", names.join(" and "), if names.len() == 1 { "is" } else { "are" })
}

/// Looks for both.
///
/// # Errors
/// If one is missing: with the command that installs it.
pub fn find() -> Result<Debugger> {
    match (on_path("gdb"), on_path("qemu-img")) {
        (Some(gdb), Some(disk_maker)) => Ok(Debugger { gdb, disk_maker }),
        _ => Err(Error::new(sentence(&missing())).advise("run `cargo grade setup --debug`")),
    }
}

/// Installs what is missing, where apt is there.
///
/// # Errors
/// If something is missing and was not installed.
pub fn provide(permission: Permission) -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    match System::here() {
        System::Apt { .. } => apt::install(&sentence(&missing), &packages, permission),
        System::MacOs | System::Other { .. } | System::Unknown => {
            Err(Error::new(sentence(&missing)).advise("install it with your system's package manager"))
        }
    }
}
