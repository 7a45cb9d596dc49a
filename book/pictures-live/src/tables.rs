//! The page tables of a booted kernel, as `cargo grade dev tables` has written them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use mm_api::layout::PAGE_SIZE;
use mm_api::{Entry, Frame, PhysAddr, TableIndex};

use crate::input::hexadecimal;

/// The operating system of the references, at its shell's prompt.
const TAKEN: &str = include_str!("../tables.txt");

/// Entries of a table.
const ENTRIES: usize = 1024;

/// The frames with tables, and which of them is the directory.
pub struct Tables {
    /// The directory's frame, which CR3 names.
    pub root: Frame,
    frames: BTreeMap<Frame, Vec<u32>>,
}

impl Tables {
    /// The tables of the file.
    ///
    /// # Panics
    /// If the file is damaged; a test reads it.
    pub fn taken() -> Self {
        Self::parse(TAKEN).unwrap_or_else(|complaint| panic!("{complaint}"))
    }

    /// Parses a file of tables.
    ///
    /// # Errors
    /// The first line that does not have the file's form.
    fn parse(text: &str) -> Result<Self, String> {
        let mut root = None;
        let mut frames: BTreeMap<Frame, Vec<u32>> = BTreeMap::new();
        let mut current = None;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let table = current.and_then(|frame| frames.get_mut(&frame));
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let read = match words[..] {
                ["cr3", register] => hexadecimal(register).map(|register| {
                    root = Some(Frame::containing(PhysAddr::new(register)));
                }),
                ["frame", number] => hexadecimal(number).and_then(Frame::new).map(|frame| {
                    frames.entry(frame).or_insert_with(|| vec![0; ENTRIES]);
                    current = Some(frame);
                }),
                [index, entry] => fill(table, index, entry, "1"),
                [index, entry, count] => fill(table, index, entry, count),
                _ => None,
            };
            read.ok_or_else(|| format!("no line of page tables: {line}"))?;
        }
        Ok(Self { root: root.ok_or("the page tables are without CR3")?, frames })
    }

    /// An entry of the table in a frame. In a frame without a table, no entry is present.
    pub fn entry(&self, frame: Frame, index: TableIndex) -> Entry {
        let word = self.frames.get(&frame).and_then(|table| table.get(index.as_u32() as usize));
        word.map_or(Entry::EMPTY, |word| Entry::from_bits(*word))
    }
}

/// Writes a run of entries into a table, each with the frame after the one before.
fn fill(table: Option<&mut Vec<u32>>, index: &str, entry: &str, count: &str) -> Option<()> {
    let (first, count): (usize, usize) = (index.parse().ok()?, count.parse().ok()?);
    let entries = table?.get_mut(first..first.checked_add(count)?)?;
    let mut next = hexadecimal(entry);
    for place in entries {
        *place = next?;
        next = next?.checked_add(PAGE_SIZE);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_names_frame_after_frame() {
        let tables = Tables::parse("# about\ncr3 0x5000\nframe 0x5\n3 0x6027\nframe 0x6\n1022 0x0000a003 2\n").unwrap();
        let entry =
            |frame, index: u32| tables.entry(Frame::new(frame).unwrap(), TableIndex::new(index).unwrap()).bits();
        assert_eq!(tables.root.number(), 5);
        assert_eq!((entry(5, 3), entry(6, 1021), entry(6, 1022), entry(6, 1023)), (0x6027, 0, 0xA003, 0xB003));
        assert_eq!(entry(7, 0), 0);
    }

    #[test]
    fn what_is_no_file_of_tables_is_refused() {
        for text in
            ["", "frame 5\n", "cr3 5\n1 2\n", "cr3 5\nframe 1\n1023 1 2\n", "cr3 x\n", "cr3 5\nframe 1\n0 0xfffff000 2"]
        {
            assert!(Tables::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_tables_that_were_taken_can_be_read() {
        let tables = Tables::taken();
        assert!(tables.frames.contains_key(&tables.root) && tables.frames.len() > 10);
    }
}
