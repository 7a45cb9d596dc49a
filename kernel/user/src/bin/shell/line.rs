//! Parses a typed line: its words, and whether to wait for the program.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem::take;

/// The parts of a line.
pub struct Command {
    /// The words; none if the line is empty.
    pub words: Vec<String>,
    /// Whether the line ends in `&`.
    pub background: bool,
}

/// An error in a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineError {
    /// A quotation mark without its closing one.
    Unclosed(char),
    /// Text follows `&`, or no word precedes it.
    MisplacedAmpersand,
}

impl Command {
    /// Parses a line. Spaces separate words; text between two quotation marks, `'` or `"`, belongs
    /// to one word unchanged. `#` begins a comment.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        let mut command = Self { words: Vec::new(), background: false };
        let mut word: Option<String> = None;
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match letter {
                ' ' | '\t' | '\r' => command.words.extend(take(&mut word)),
                '#' if word.is_none() => break,
                '&' => {
                    command.words.extend(take(&mut word));
                    let nothing_follows = letters.as_str().trim().is_empty();
                    if command.words.is_empty() || !nothing_follows {
                        return Err(LineError::MisplacedAmpersand);
                    }
                    command.background = true;
                }
                '\'' | '"' => {
                    let rest = letters.as_str();
                    let end = rest.find(letter).ok_or(LineError::Unclosed(letter))?;
                    word.get_or_insert_default().push_str(&rest[..end]);
                    letters = rest[end + 1..].chars();
                }
                letter => word.get_or_insert_default().push(letter),
            }
        }
        command.words.extend(word);
        Ok(command)
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed(mark) => write!(f, "a {mark} has no other half"),
            Self::MisplacedAmpersand => f.write_str("`&` stands at the end, after a program"),
        }
    }
}
