//! A stack that lab 05 has set up, read as the program reads it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use ::stack::ProcessStack;
use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_STACK_END, USER_STACK_START};
use mm_api::{Arguments, Auxiliary, PageRange, Pages, UserStack, VirtAddr};
use mm_host::FakePages;

/// Bytes in a word.
pub const WORD: u32 = 4;

/// The part of the frame that a word is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// How many arguments there are.
    Count,
    /// The list of arguments.
    Arguments,
    /// The list of variables.
    Environment,
    /// The auxiliary vector.
    Auxiliary,
    /// Nothing.
    Padding,
    /// Strings, perhaps with padding before them.
    Strings,
}

/// A word of the stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// Its address.
    pub part: Part,
    /// Its contents, as a number or as bytes.
    pub shown: String,
    /// Its meaning.
    pub means: String,
    /// The index of the word that it points to, if it is an address.
    pub points_to: Option<u32>,
}

/// The initial stack of a program.
#[derive(Debug)]
pub struct InitialFrame {
    /// The stack pointer.
    pub pointer: u32,
    /// The words from the stack pointer upwards.
    pub words: Vec<Word>,
    /// How many bytes the vectors, the padding and the strings take.
    pub parts: [u32; 3],
}

impl InitialFrame {
    /// Lets lab 05's code set up a stack. `None` if it refuses.
    pub fn of(argv: &[&[u8]], envp: &[&[u8]]) -> Option<Self> {
        let mut pages = FakePages::new(PageRange::between(USER_STACK_START, USER_STACK_END));
        let auxv = [
            Auxiliary { kind: Auxiliary::PAGE_SIZE_KIND, value: PAGE_SIZE },
            Auxiliary { kind: Auxiliary::ENTRY_KIND, value: USER_CODE_START.as_u32() },
        ];
        let mut stack = ProcessStack::create(&mut pages).ok()?;
        let pointer = stack.set_up(&mut pages, &Arguments { argv, envp, auxv: &auxv }).ok()?;
        let mut bytes = vec![0; (USER_STACK_END.as_u32() - pointer.as_u32()) as usize];
        pages.read(VirtAddr::new(pointer.as_u32()), &mut bytes);
        Some(Reader { pointer: pointer.as_u32(), bytes, words: Vec::new() }.read())
    }

    /// The index of the word with the byte at an address.
    pub fn place_of(&self, address: u32) -> usize {
        ((address - self.pointer) / WORD) as usize
    }
}

/// Walks through a stack from its pointer upwards.
struct Reader {
    pointer: u32,
    bytes: Vec<u8>,
    words: Vec<Word>,
}

impl Reader {
    fn read(mut self) -> InitialFrame {
        let count = self.next();
        let strings = if count == 1 { "string" } else { "strings" };
        self.number(Part::Count, count, format!("argc: {count} {strings} in argv"), None);
        let mut lowest = USER_STACK_END.as_u32();
        for (part, name) in [(Part::Arguments, "argv"), (Part::Environment, "envp")] {
            for index in 0.. {
                let address = self.next();
                if address == 0 {
                    self.number(part, 0, format!("the end of {name}"), None);
                    break;
                }
                lowest = lowest.min(address);
                self.number(part, address, format!("{name}[{index}]"), Some(address));
            }
        }
        self.auxiliary();
        let vectors = self.words.len() as u32 * WORD;
        let padding = lowest - self.pointer - vectors;
        self.rest(lowest);
        let parts = [vectors, padding, USER_STACK_END.as_u32() - lowest];
        InitialFrame { pointer: self.pointer, words: self.words, parts }
    }

    /// The next word, or 0 past the end.
    fn next(&self) -> u32 {
        let at = self.words.len() * WORD as usize;
        let bytes = self.bytes.get(at..at + WORD as usize).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    }

    fn number(&mut self, part: Part, number: u32, means: String, points_to: Option<u32>) {
        let shown = format!("{:04X}_{:04X}", number >> 16, number & 0xFFFF);
        self.words.push(Word { part, shown, means, points_to });
    }

    fn auxiliary(&mut self) {
        loop {
            let kind = self.next();
            let (name, about) = match kind {
                Auxiliary::PAGE_SIZE_KIND => ("AT_PAGESZ", "bytes in a page"),
                Auxiliary::ENTRY_KIND => ("AT_ENTRY", "where it begins"),
                _ => ("AT_NULL", "the end of auxv"),
            };
            self.number(Part::Auxiliary, kind, format!("{name}: {about}"), None);
            let value = self.next();
            let means = if kind == Auxiliary::END_KIND { "and its value".into() } else { format!("… {value:#x}") };
            self.number(Part::Auxiliary, value, means, None);
            if kind == Auxiliary::END_KIND {
                return;
            }
        }
    }

    /// The bytes above the vectors: padding up to the lowest string, and the strings.
    fn rest(&mut self, lowest: u32) {
        for at in (self.words.len() * WORD as usize..self.bytes.len()).step_by(WORD as usize) {
            let address = self.pointer + at as u32;
            let is_padding = address + WORD <= lowest;
            let bytes = (address..).zip(&self.bytes[at..at + WORD as usize]);
            let letters: Vec<String> =
                bytes.map(|(at, byte)| if at < lowest { "·".into() } else { letter(*byte) }).collect();
            self.words.push(Word {
                part: if is_padding { Part::Padding } else { Part::Strings },
                shown: if is_padding { String::new() } else { letters.join(" ") },
                means: if is_padding { "padding".into() } else { String::new() },
                points_to: None,
            });
        }
    }
}

/// A byte of a string.
fn letter(byte: u8) -> String {
    match byte {
        0 => "\\0".to_string(),
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("{byte:02X}"),
    }
}

#[cfg(all(test, feature = "references"))]
mod tests {
    use super::*;

    /// Every address on the stack leads to the string that the program was given.
    #[test]
    fn addresses_lead_to_their_strings() {
        let frame = InitialFrame::of(&[b"a", b"longer", b"\xC3\xA9"], &[b"X=1"]).unwrap();
        let targets: Vec<u32> = frame.words.iter().filter_map(|word| word.points_to).collect();
        let strings: String =
            frame.words[frame.place_of(targets[0])..].iter().map(|word| word.shown.clone() + " ").collect();
        let strings = strings.trim_start_matches("· ");
        assert_eq!(strings, "a \\0 l o n g e r \\0 C3 A9 \\0 X = 1 \\0 ");
        assert_eq!(targets.iter().map(|target| target - targets[0]).collect::<Vec<_>>(), [0, 2, 9, 12]);
        assert_eq!(frame.pointer % 16, 0);
        assert_eq!(frame.parts.iter().sum::<u32>(), frame.words.len() as u32 * WORD);
    }
}
