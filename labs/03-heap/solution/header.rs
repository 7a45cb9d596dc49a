//! Blocks, as their boundary tags tell them.
//!
//! A block's **header** is a word: the block's size, whether it is used, and whether
//! the block before it is. The six bits that no size needs hold the **seal**, a
//! check sum of all other bits and of the place where the header lies.
//!
//! A free block has its **size** at its end, too. When the block behind it is freed,
//! that size tells where the free block begins (Knuth's boundary tags, The Art of
//! Computer Programming 1, section 2.5, algorithm C). A used block needs no size at
//! its end, so it loses no more than the four bytes of its header.

use mm_api::{HEAP_ALIGN, HEAP_MAX};

use super::region::{Region, WORD};

/// The smallest block: a free one has a header, two links and its size.
pub const MIN_BLOCK: u32 = 4 * WORD;

/// The largest block; also the bits that a header has for the size.
pub const MAX_BLOCK: u32 = HEAP_MAX - HEAP_ALIGN;

/// Flag: the block is used.
pub const USED: u32 = 1;

/// Flag: the block before this one is used. There is none before the first one; it
/// has the flag.
pub const PREV_USED: u32 = 2;

/// A block.
#[derive(Clone, Copy)]
pub struct Block {
    /// The offset of the header.
    pub at: u32,
    /// The header without its seal.
    header: u32,
}

impl Block {
    /// A block of `size` bytes, with its header, and with these flags.
    pub fn new(at: u32, size: u32, flags: u32) -> Self {
        Self { at, header: size | flags }
    }

    pub fn size(self) -> u32 {
        self.header & MAX_BLOCK
    }

    /// The offset of the next block's header.
    pub fn end(self) -> u32 {
        self.at + self.size()
    }

    pub fn flags(self) -> u32 {
        self.header & (USED | PREV_USED)
    }

    /// Whether the flag is set.
    pub fn has(self, flag: u32) -> bool {
        self.header & flag != 0
    }

    /// The header with its seal. No six bits in a row of the factor are equal: so each
    /// bit of the header, and of where it lies, changes the seal.
    fn sealed(self) -> u32 {
        self.header | ((self.header ^ self.at).wrapping_mul(0x9E37_79B1) & !(HEAP_MAX - 1))
    }
}

impl Region<'_> {
    /// The block whose header lies at `at`; `None` if what lies there has no sound seal.
    pub fn block(&self, at: u32) -> Option<Block> {
        let word = self.get(at)?;
        let block = Block::new(at, word & MAX_BLOCK, word & (USED | PREV_USED));
        if block.sealed() == word { Some(block) } else { None }
    }

    /// Writes a block's boundary tags: its header, and its size at its end if it is free.
    pub fn set_block(&mut self, block: Block) {
        self.write(block.at, block.sealed());
        if !block.has(USED) {
            self.write(block.end() - WORD, block.size());
        }
    }
}
