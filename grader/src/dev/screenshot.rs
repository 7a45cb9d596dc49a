//! `cargo grade dev screenshot`: a picture of the machine's screen
//! after some lines were typed.

use std::path::PathBuf;
use std::time::Duration;

use crate::course::lab_toml::Memory;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::judge::Engine;

use super::shell::Shell;

/// The options of a screenshot.
pub struct Options {
    /// The file for the picture.
    pub file: PathBuf,
    /// Lines to type, one after the other.
    pub lines: Vec<String>,
    /// How long to wait after the last one.
    pub wait: Duration,
    /// How much memory the machine has.
    pub memory: Memory,
}

/// Boots the references, types, waits, and takes the picture.
///
/// # Errors
/// If the kernel does not build, or its shell does not come up.
pub fn run(engine: &Engine, options: &Options, progress: &Progress) -> Result<bool> {
    // The emulator writes relative to its own folder, so the path must be absolute.
    let file = std::path::absolute(&options.file).map_err(|error| Error::io("cannot find", &options.file, &error))?;
    let mut shell = Shell::start(engine, options.memory, progress)?;
    shell.type_lines(&options.lines)?;
    let taken = shell.after(options.wait, |control| control.screenshot(&file))?;
    taken.map_err(|error| Error::new(format!("the emulator took no picture: {error}")))?;
    Ok(true)
}
