//! What a grader that `watch` runs tells it, line by line on its standard output.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::host::progress::Told;
use crate::report::Brief;

/// One line, in JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Line {
    /// What goes on.
    Told(Told),
    /// What came of it: the last line.
    Done(Brief),
}

impl Line {
    /// Prints it.
    pub fn print(&self) {
        let Ok(mut text) = serde_json::to_string(self) else { return };
        text.push('\n');
        let mut out = io::stdout().lock();
        // Nobody listens: nothing to do about it.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Reads one; `None` if it is none.
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
