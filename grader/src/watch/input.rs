//! What `watch` waits for.

use std::path::PathBuf;

use crossterm::event::KeyCode;

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file was saved, made or taken away.
    Saved(PathBuf),
    /// A key was pressed.
    Key(KeyCode),
    /// Ctrl-C was pressed.
    Interrupt,
    /// The terminal has another size, or has to be drawn again.
    Resized,
    /// The run with this number said a line.
    Said(u64, String),
    /// The run with this number has said all, and complained so.
    Ended(u64, String),
}
