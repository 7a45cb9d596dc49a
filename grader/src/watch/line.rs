//! The messages of a grader that `watch` runs, one per line of its standard output.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::host::progress::Told;
use crate::report::Brief;

/// A message, as a line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Line {
    /// The progress of the run.
    Told(Told),
    /// The result of the run: the last line.
    Done(Brief),
}

impl Line {
    /// Prints it.
    pub fn print(&self) {
        let Ok(mut text) = serde_json::to_string(self) else { return };
        text.push('\n');
        let mut out = io::stdout().lock();
        // Nobody reads it: nothing to do about it.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Reads a line; `None` if it is no message.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let text = serde_json::to_string(&Line::Told(Told::Count("Booting".to_owned(), 25))).unwrap();
        assert!(!text.contains('\n'));
        assert!(matches!(Line::parse(&text), Some(Line::Told(Told::Count(what, 25))) if what == "Booting"));
        assert!(Line::parse("Booting").is_none());
    }
}
