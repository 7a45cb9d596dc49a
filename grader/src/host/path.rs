//! Programs on `PATH`.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

/// The first program of this name on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A program that the user named. A bare name is looked for on `PATH`, as a shell does.
pub fn named_program(name: &OsStr) -> PathBuf {
    let program = PathBuf::from(name);
    if program.components().count() == 1 { on_path(&name.to_string_lossy()).unwrap_or(program) } else { program }
}
