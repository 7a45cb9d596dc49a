//! A line that was typed: words, and whether to wait for the program.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem::take;

/// What a line asks for.
pub struct Command {
    /// The words; none if the line is empty.
    pub words: Vec<String>,
    /// Whether the line ends in `&`.
    pub background: bool,
}

/// What is wrong with a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineError {
    /// A quotation mark has no other half.
    Unclosed(char),
    /// There is something after `&`, or nothing before it.
    MisplacedAmpersand,
}

impl Command {
    /// Takes a line apart. Words are separated by spaces; what is in quotation
    /// marks, `'` or `"`, is one word, as it stands. What follows `#` does not count.
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
