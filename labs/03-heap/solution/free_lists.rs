//! The free blocks, in lists by size.
//!
//! Each list is a **bin**: one for each size below 1024 bytes, one for each power of
//! two above. The words at the region's beginning are the bins' heads, where the lists
//! start. A bit map shows which bins have blocks, so that the next such bin is found
//! in a few instructions.
//!
//! A free block has two words behind its header: its **link**, the offset of the next
//! block in its bin, or 0; and its **back link**, the offset of the word that leads to
//! this block: the head of the bin, or the link of the block before it. So a block leaves
//! its bin without a search for that bin. And the back link shows whether the block is
//! still in the bin: a program that writes to memory which it has freed overwrites the
//! links first.

use mm_api::{HEAP_ALIGN, HEAP_MAX};

use super::header::{Block, USED};
use super::region::{Region, WORD};

/// From a free block's header to its link.
const LINK: u32 = WORD;

/// From a free block's header to its back link.
const BACK: u32 = 2 * WORD;

/// Below this many bytes, every size has a bin of its own.
const EXACT: u32 = 1024;

/// How many bins there are. What is asked for may be a little larger than any block.
const BINS: u32 = bin_of(2 * HEAP_MAX);

/// The offset of the first block's header, behind the bins' heads. Headers lie a word
/// before a multiple of eight, so that what follows them is aligned.
pub const FIRST: u32 = (BINS * WORD).next_multiple_of(HEAP_ALIGN) + HEAP_ALIGN - WORD;

/// The bin of a free block of `size` bytes. Blocks in a higher bin are larger than
/// all blocks in a lower one.
pub const fn bin_of(size: u32) -> u32 {
    if size < EXACT { size / HEAP_ALIGN } else { EXACT / HEAP_ALIGN + size.ilog2() - EXACT.ilog2() }
}

/// The bit map of the bins: a bit for each, set where it has blocks.
pub struct FreeLists([u32; BINS.div_ceil(u32::BITS) as usize]);

impl FreeLists {
    /// No free blocks.
    pub fn new(region: &mut Region<'_>) -> Self {
        region.zero(0, FIRST);
        Self([0; BINS.div_ceil(u32::BITS) as usize])
    }

    /// Puts a free block into its bin.
    pub fn insert(&mut self, region: &mut Region<'_>, block: Block) {
        let bin = bin_of(block.size());
        let (head, next) = (bin * WORD, region.read(bin * WORD));
        region.write(head, block.at);
        region.write(block.at + LINK, next);
        region.write(block.at + BACK, head);
        if next != 0 {
            region.write(next + BACK, block.at + LINK);
        }
        self.0[(bin / u32::BITS) as usize] |= 1 << (bin % u32::BITS);
    }

    /// Takes a free block out of its bin, which [knows](Self::knows) of it.
    pub fn remove(&mut self, region: &mut Region<'_>, block: Block) {
        let (next, back) = (region.read(block.at + LINK), region.read(block.at + BACK));
        region.write(back, next);
        if next != 0 {
            region.write(next + BACK, back);
        } else if back < FIRST {
            // It was the only one.
            let bin = back / WORD;
            self.0[(bin / u32::BITS) as usize] &= !(1 << (bin % u32::BITS));
        }
    }

    /// Whether the words that should lead to a free block do so. They may be anything: a
    /// check sum of six bits is right by chance, too.
    pub fn knows(&self, region: &Region<'_>, block: Block) -> bool {
        let links = region.get(block.at + LINK).zip(region.get(block.at + BACK));
        let Some((next, back)) = links else { return false };
        let next_knows = next == 0 || region.get(next.wrapping_add(BACK)) == Some(block.at + LINK);
        next_knows && region.get(back) == Some(block.at)
    }

    /// The first free block in this bin, or in the next one that has any.
    pub fn first(&self, region: &Region<'_>, bin: u32) -> Option<Block> {
        let mut map = bin / u32::BITS;
        let mut bits = self.0.get(map as usize)? & (u32::MAX << (bin % u32::BITS));
        while bits == 0 {
            map += 1;
            bits = *self.0.get(map as usize)?;
        }
        follow(region, (map * u32::BITS + bits.trailing_zeros()) * WORD)
    }

    /// The free block behind this one in its bin, or the first in a higher one.
    pub fn next(&self, region: &Region<'_>, block: Block) -> Option<Block> {
        let none = region.read(block.at + LINK) == 0;
        if none { self.first(region, bin_of(block.size()) + 1) } else { follow(region, block.at + LINK) }
    }
}

/// The free block that the word at the offset `link` leads to, if it is sound, and its
/// back link leads to that word.
fn follow(region: &Region<'_>, link: u32) -> Option<Block> {
    let block = region.block(region.read(link))?;
    if !block.has(USED) && region.read(block.at + BACK) == link { Some(block) } else { None }
}
