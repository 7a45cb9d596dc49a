//! Problems in files, with their places.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// A mistake in a file that has to be corrected before the book can be built.
///
/// Printed as `file:line: what is wrong`, the form that editors understand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1. `None` for the file as a whole.
    pub line: Option<usize>,
    /// What is wrong, as a sentence without its full stop.
    pub what: String,
}

impl Problem {
    /// A problem with the file as a whole.
    pub fn in_file(file: &Path, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, what: what.into() }
    }

    /// A problem at the byte `offset` of the file's `text`.
    pub fn at(file: &Path, text: &str, offset: usize, what: impl Into<String>) -> Self {
        let before = text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|&&byte| byte == b'\n').count();
        Self { file: file.to_owned(), line: Some(line), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file.display(), self.what),
            None => write!(f, "{}: {}", self.file.display(), self.what),
        }
    }
}

impl Error for Problem {}
