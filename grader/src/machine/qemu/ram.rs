//! A copy of a stopped machine's whole memory.

use std::collections::BTreeMap;
use std::io::{self, Read};

use tempfile::NamedTempFile;

use crate::machine::walk::{Memory, Words, translate};

use super::qmp::Control;

/// Bytes in a frame.
const FRAME: usize = 4096;
/// Bytes that are copied at a time.
const PIECE: u32 = 16 << 20;

/// The frames of a machine's memory that have something else than zeros in them, by number.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Ram {
    frames: BTreeMap<u32, Vec<u8>>,
}

impl Ram {
    /// Copies the memory of a machine that stands still, piece by piece through `file`.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn copy(control: &mut Control, mebibytes: u32, file: &NamedTempFile) -> io::Result<Self> {
        let mut ram = Self::default();
        let mut piece = Vec::new();
        for start in (0..mebibytes << 20).step_by(PIECE as usize) {
            let bytes = PIECE.min((mebibytes << 20) - start);
            control.save_physical(start, bytes, file.path())?;
            piece.clear();
            file.reopen()?.read_to_end(&mut piece)?;
            if piece.len() != bytes as usize {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            ram.add(start, &piece);
        }
        Ok(ram)
    }

    fn add(&mut self, start: u32, piece: &[u8]) {
        for (number, frame) in (start / FRAME as u32..).zip(piece.chunks(FRAME)) {
            if frame != [0; FRAME] {
                self.frames.insert(number, frame.to_vec());
            }
        }
    }

    /// The memory as a processor sees it that has loaded this directory.
    pub fn through(&mut self, cr3: u32) -> Virtual<'_> {
        Virtual { ram: self, cr3, pages: BTreeMap::new() }
    }
}

/// Memory as a processor sees it.
pub struct Virtual<'r> {
    ram: &'r mut Ram,
    cr3: u32,
    /// The frames of the pages that were looked up.
    pages: BTreeMap<u32, Option<u32>>,
}

impl Virtual<'_> {
    /// The bytes from an address on, as far as they are mapped.
    pub fn bytes(&mut self, address: u32, count: usize) -> Vec<u8> {
        (address..=u32::MAX).take(count).map_while(|address| self.byte(address)).collect()
    }

    fn byte(&mut self, address: u32) -> Option<u8> {
        let (page, offset) = (address / FRAME as u32, address as usize % FRAME);
        let frame = *self
            .pages
            .entry(page)
            .or_insert_with(|| translate(self.ram, self.cr3, address).ok().map(|found| found.physical / FRAME as u32));
        Some(self.ram.frames.get(&frame?).map_or(0, |bytes| bytes[offset]))
    }
}

impl Memory for Ram {
    fn frame(&mut self, number: u32) -> Option<Words> {
        let mut words = Words::from([0; FRAME / 4]);
        if let Some(bytes) = self.frames.get(&number) {
            for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
                *word = u32::from_le_bytes(bytes.try_into().ok()?);
            }
        }
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_anywhere_makes_a_difference() {
        let ram = |piece: &[u8]| {
            let mut ram = Ram::default();
            ram.add(PIECE, piece);
            ram
        };
        let mut piece = vec![0; 4 * FRAME];
        assert_eq!(ram(&piece), Ram::default());
        piece[FRAME] = 1;
        let one = ram(&piece);
        assert_eq!(one, ram(&piece));
        piece[4 * FRAME - 1] = 1;
        assert_ne!(one, ram(&piece));
    }

    #[test]
    fn bytes_are_found_through_the_tables() {
        let mut ram = Ram::default();
        let mut frames = vec![0; 4 * FRAME];
        // The directory is frame 1, its entry 1 names the table in frame 2, whose entry 3 maps frame 3.
        frames[FRAME + 4..FRAME + 8].copy_from_slice(&0x2003_u32.to_le_bytes());
        frames[2 * FRAME + 12..2 * FRAME + 16].copy_from_slice(&0x3003_u32.to_le_bytes());
        frames[4 * FRAME - 2..].copy_from_slice(&[7, 8]);
        ram.add(0, &frames);
        assert_eq!(ram.through(0x1000).bytes(0x0040_3FFE, 15), [7, 8], "the next page is not mapped");
        assert!(ram.through(0x1000).bytes(0x0040_2FFE, 1).is_empty());
    }
}
