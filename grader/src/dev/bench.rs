//! `cargo grade dev bench`: measures from save to score.
use std::path::PathBuf;

use crate::error::Result;
use crate::grade::Engine;
use crate::progress::Progress;
use crate::report::View;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often.
    pub runs: usize,
    /// Without what builds everything anew.
    pub warm: bool,
    /// Where to write the figures as JSON.
    pub json: Option<PathBuf>,
}

/// Measures.
///
/// # Errors
/// If it could not be done.
pub fn run(_engine: &Engine, _options: &Options, _view: &View, _progress: &Progress) -> Result<bool> {
    Ok(true)
}
