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
    match System::here() {
        System::Apt { .. } => apt::install("gdb is missing", &["gdb"], permission),
        System::MacOs | System::Other { .. } | System::Unknown => {
            Err(Error::new("gdb is missing").advise("install it with your system's package manager"))
        }
    }
}
