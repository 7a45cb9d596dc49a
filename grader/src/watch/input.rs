//! The events that `watch` waits for.

use std::path::PathBuf;

use crossterm::event::KeyCode;

/// An event.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file was saved, created or removed.
    Saved(PathBuf),
    /// A key was pressed.
    Key(KeyCode),
    /// Ctrl-C was pressed.
    Interrupt,
    /// The terminal has another size, or has to be redrawn.
    Resized,
    /// The run with this number printed a line.
    Said(u64, String),
    /// The run with this number has ended its output; this is its standard error.
    Ended(u64, String),
}
