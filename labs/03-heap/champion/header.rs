//! Blocks, as their boundary tags tell them.
//!
//! A block's **header** is its size and two bits: whether the block is free, and whether the block
//! before it is. A sound header of a used block thus has none of the bits that are tested first.
//! The header is sealed ([`seal`]). A free block has its **size** at its end, too: with it, the
//! block behind finds where the free block begins (Knuth's boundary tags, The Art of Computer
//! Programming 1, section 2.5, algorithm C).

use mm_api::{AllocError, HEAP_ALIGN, HEAP_MAX};

use super::region::{Region, WORD};

/// Header: the block is free.
pub const FREE: u32 = 1;

/// Header: the block before this one is free.
pub const PREV_FREE: u32 = 2;

/// Header: the block's size in bytes, with its header; a multiple of eight.
pub const SIZE: u32 = HEAP_MAX - HEAP_ALIGN;

/// Header: the bits that are never set, unless the header was overwritten.
pub const BROKEN: u32 = !(SIZE | FREE | PREV_FREE);

/// What an odd number is multiplied by to seal it, and its inverse modulo 2^32.
///
/// Chosen so that a header with any one bit changed, or almost any one byte, is
/// broken: no six bits of `UNSEAL` in a row are equal.
pub const SEAL: u32 = 0x98CF_EEEB;
pub const UNSEAL: u32 = 0x2474_49C3;
const _: () = assert!(SEAL.wrapping_mul(UNSEAL) == 1);

/// Seals a header that lies at the offset `at`.
///
/// Of all 2^32 words, few are headers: with six bits too large for a size, and
/// one bit that no multiple of eight has. Multiplication spreads them evenly, so
/// that a word which was not sealed here is most likely broken. It keeps sums
/// too: where a flag changes, the sealed header changes by the sealed flag.
#[inline(always)]
pub const fn seal(at: u32, header: u32) -> u32 {
    header.wrapping_mul(SEAL).wrapping_add(at)
}

/// The size of a block for this many bytes, at least `least`; `None` if no block is
/// that large.
#[inline(always)]
pub fn block_size(bytes: usize, least: u32) -> Option<u32> {
    if bytes > (SIZE - WORD) as usize {
        return None;
    }
    let size = (bytes as u32 + (WORD + HEAP_ALIGN - 1)) & !(HEAP_ALIGN - 1);
    Some(size.max(least))
}

/// A block, as its header tells it.
#[derive(Clone, Copy)]
pub struct Block {
    /// The offset of the header.
    pub at: u32,
    pub size: u32,
    /// All of the header but the size.
    pub flags: u32,
}

impl Block {
    /// The offset of the next block's header.
    #[inline(always)]
    pub fn end(self) -> u32 {
        self.at.wrapping_add(self.size)
    }

    #[inline(always)]
    pub fn is_used(self) -> bool {
        self.flags & FREE == 0
    }

    #[inline(always)]
    pub fn is_prev_used(self) -> bool {
        self.flags & PREV_FREE == 0
    }

    #[inline(always)]
    pub fn is_broken(self) -> bool {
        self.flags & BROKEN != 0
    }

    /// Whether the header is that of a free block: then the block before it is used.
    #[inline(always)]
    pub fn is_sound_free(self) -> bool {
        self.flags == FREE
    }
}

impl Region {
    /// The block whose header lies at `at`.
    #[inline(always)]
    pub fn open(&self, at: u32) -> Block {
        let header = self.read(at).wrapping_sub(at).wrapping_mul(UNSEAL);
        Block { at, size: header & SIZE, flags: header & !SIZE }
    }

    /// Writes a header: a size and flags.
    #[inline(always)]
    pub fn set_header(&mut self, at: u32, header: u32) {
        self.write(at, seal(at, header));
    }

    /// Tells the block at `at`, which took the one before it for free, that it is used.
    #[inline(always)]
    pub fn set_prev_used(&mut self, at: u32) {
        let header = self.read(at);
        self.write(at, header.wrapping_sub(seal(0, PREV_FREE)));
    }

    /// Marks the used block at `at`, which is part of a free block now, so that a second free of it is recognized.
    #[inline(always)]
    pub fn set_free(&mut self, at: u32) {
        let header = self.read(at);
        self.write(at, header.wrapping_add(seal(0, FREE)));
    }

    /// Tells the block at `at`, which took the one before it for used, that it is free.
    #[inline(always)]
    pub fn set_prev_free(&mut self, at: u32) {
        let header = self.read(at);
        self.write(at, header.wrapping_add(seal(0, PREV_FREE)));
    }

    /// Writes a free block's header, and its size at its end.
    #[inline(always)]
    pub fn mark_free(&mut self, at: u32, size: u32) {
        self.set_header(at, size | FREE);
        self.write(at + size - WORD, size);
    }

    /// Where the free block of `size` bytes before `at` begins, if there is a sound one.
    #[inline(always)]
    pub fn free_before(&self, at: u32, size: u32) -> Option<u32> {
        let before = at.wrapping_sub(size);
        let is_there = before < at && self.read(before) == seal(before, size | FREE);
        if is_there { Some(before) } else { None }
    }

    /// Whether a free block reaches past the end of the memory. The end looks like such a block if
    /// it was overwritten.
    #[inline(always)]
    pub fn is_past_the_end(&self, free: Block) -> bool {
        free.at == self.last() || free.end() > self.last()
    }

    /// What is behind a used block, if that is sound.
    #[inline(always)]
    pub fn sound_next(&self, block: Block) -> Option<Block> {
        let next = self.open(block.end());
        let is_sound = next.flags & (BROKEN | PREV_FREE) == 0 && (next.is_used() || !self.is_past_the_end(next));
        if is_sound { Some(next) } else { None }
    }

    /// Where the free memory before the end begins, and how much it is: 0 if there is none.
    pub fn tail(&self) -> Result<(u32, u32), AllocError> {
        let end = self.open(self.last());
        if end.is_broken() {
            return Err(AllocError::Damaged);
        }
        if end.is_prev_used() {
            return Ok((end.at, 0));
        }
        let size = self.read(end.at - WORD);
        let at = self.free_before(end.at, size).ok_or(AllocError::Damaged)?;
        Ok((at, size))
    }
}
