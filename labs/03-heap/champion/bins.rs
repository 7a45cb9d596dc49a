//! The free blocks, in bins by size, and the wilderness, which is in none.
//!
//! There is one **bin** for each size below 256 bytes, and four for each power of two above. Two
//! levels of bit maps know which bins have blocks in them, so that the next one is found in a few
//! instructions (Masmano and others, "TLSF: a new dynamic memory allocator for real-time
//! systems", 2004). Within a bin, the best of the first few blocks is taken.
//!
//! A block's **link** is the offset of the next block of its bin, or 0. Its **back link** is the
//! offset of the word that leads to it: the link of the block before it in the bin, or the word
//! at the region's beginning where the bin starts. So a block leaves its bin without asking which
//! bin that is, and can be asked whether its bin still knows of it.

use mm_api::{HEAP_ALIGN, HEAP_MAX};

use super::Heap;
use super::header::{Block, PREV_USED};
use super::region::WORD;

/// From a free block's header to its link to the next one in its bin.
pub const NEXT: u32 = WORD;

/// From a free block's header to its back link.
pub const BACK: u32 = 2 * WORD;

/// Below this many bytes, every size is a bin of its own.
pub const EXACT: u32 = 256;

/// Above, every power of two is cut into two to this many classes.
pub const STEPS_LOG: u32 = 2;

/// How many classes there are. The words at the region's beginning are where
/// their lists start. There are no blocks of bin 0, so 0 can mean "none".
pub const BINS: u32 = EXACT / HEAP_ALIGN + ((HEAP_MAX.ilog2() - EXACT.ilog2()) << STEPS_LOG);

/// The offset of the bit maps: a bit for each bin, set where its list has a block.
pub const MAPS: u32 = BINS * WORD;

/// The offset of the first block.
pub const FIRST: u32 = (MAPS + BINS.div_ceil(u32::BITS) * WORD).next_multiple_of(HEAP_ALIGN) + HEAP_ALIGN - WORD;

/// How many blocks of a list are compared. Three are nearly as good as all of them.
pub const PROBES: u32 = 3;

/// The bin of a free block, or of a request, of `size` bytes.
///
/// Blocks of a higher bin are larger than all blocks of a lower one.
#[inline(always)]
pub fn bin_of(size: u32) -> u32 {
    if size < EXACT {
        size / HEAP_ALIGN
    } else {
        let power = size.ilog2();
        let step = (size >> (power - STEPS_LOG)) - (1 << STEPS_LOG);
        EXACT / HEAP_ALIGN + ((power - EXACT.ilog2()) << STEPS_LOG) + step
    }
}

/// Where a free block is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    InBin,
    /// What the wilderness merges with is the wilderness: this is the larger one.
    AsWilderness,
}

impl Heap<'_> {
    /// The wilderness: a free block; of size 0 if there is none.
    #[inline(always)]
    pub(super) fn wilderness(&self) -> Block {
        Block { at: self.wilderness, size: self.wilderness_size, flags: PREV_USED }
    }

    /// Says which free block is the wilderness now.
    #[inline(always)]
    pub(super) fn set_wilderness(&mut self, at: u32, size: u32) {
        (self.wilderness, self.wilderness_size) = (at, size);
    }

    /// Makes a free block, and keeps it. The block before it is used, and the one behind
    /// it knows that this one is free.
    #[inline(always)]
    pub(super) fn put_in(&mut self, at: u32, size: u32, kept: Kept) {
        self.set_header(at, size | PREV_USED);
        self.region.write(at + size - WORD, size);
        match kept {
            Kept::AsWilderness => self.set_wilderness(at, size),
            Kept::InBin => self.insert(at, size),
        }
    }

    /// Whether its bin knows of a free block, or it is the wilderness.
    #[inline(always)]
    pub(super) fn is_known(&self, free: Block) -> bool {
        free.at == self.wilderness || self.is_linked(free.at)
    }

    /// Takes a free block from where it is kept, and says where that was.
    #[inline(always)]
    pub(super) fn take_out(&mut self, free: Block) -> Kept {
        if free.at == self.wilderness {
            self.set_wilderness(0, 0);
            Kept::AsWilderness
        } else {
            self.remove(free.at);
            Kept::InBin
        }
    }

    /// Puts a free block at the beginning of its bin.
    #[inline(always)]
    pub(super) fn insert(&mut self, at: u32, size: u32) {
        let bin = bin_of(size);
        let head = bin * WORD;
        let next = self.region.read(head);
        self.region.write(at + NEXT, next);
        self.region.write(at + BACK, head);
        self.region.write(head, at);
        if next != 0 {
            self.region.write(next + BACK, at + NEXT);
        } else {
            let (map, bit) = (bin / u32::BITS, bin % u32::BITS);
            self.region.write(MAPS + map * WORD, self.region.read(MAPS + map * WORD) | 1 << bit);
            self.map_of_maps |= 1 << map;
        }
    }

    /// Takes a block out of its bin.
    #[inline(always)]
    pub(super) fn remove(&mut self, at: u32) {
        let (next, back) = (self.region.read(at + NEXT), self.region.read(at + BACK));
        self.region.write(back, next);
        if next != 0 {
            self.region.write(next + BACK, back);
        } else if back < MAPS {
            // It was the only one.
            let bin = back / WORD;
            let (map, bit) = (bin / u32::BITS, bin % u32::BITS);
            let bits = self.region.read(MAPS + map * WORD) & !(1 << bit);
            self.region.write(MAPS + map * WORD, bits);
            if bits == 0 {
                self.map_of_maps &= !(1 << map);
            }
        }
    }

    /// Whether the words in its bin that should lead to this block do so.
    #[inline(always)]
    pub(super) fn is_linked(&self, at: u32) -> bool {
        let (next, back) = (self.region.read(at + NEXT), self.region.read(at + BACK));
        self.region.read(back) == at && (next == 0 || self.region.read(next + BACK) == at + NEXT)
    }

    /// The first bin, from `bin` on, that has a block.
    #[inline(always)]
    pub(super) fn next_bin(&self, bin: u32) -> Option<u32> {
        let (map, bit) = (bin / u32::BITS, bin % u32::BITS);
        let bits = self.region.read(MAPS + map * WORD) >> bit;
        if bits != 0 {
            return Some(bin + bits.trailing_zeros());
        }
        let maps = self.map_of_maps & (u32::MAX << map << 1);
        if maps == 0 {
            return None;
        }
        let map = maps.trailing_zeros();
        Some(map * u32::BITS + self.region.read(MAPS + map * WORD).trailing_zeros())
    }

    /// The smallest of the first few blocks of the bin that has `need` bytes.
    #[inline(always)]
    pub(super) fn best_of(&self, bin: u32, need: u32) -> Option<Block> {
        let mut best = None;
        let mut best_size = u32::MAX;
        let mut at = self.region.read(bin * WORD);
        for _ in 0..PROBES {
            if at == 0 {
                break;
            }
            let block = self.open(at);
            if block.size >= need && block.size < best_size {
                best = Some(block);
                best_size = block.size;
                if block.size == need {
                    break;
                }
            }
            at = self.region.read(at + NEXT);
        }
        best
    }

    /// A block of at least `need` bytes from the bins.
    #[inline(always)]
    pub(super) fn find(&self, need: u32) -> Option<Block> {
        let own = bin_of(need);
        let mut bin = self.next_bin(own)?;
        if need < EXACT {
            return Some(self.open(self.region.read(bin * WORD)));
        }
        if bin == own {
            if let Some(block) = self.best_of(bin, need) {
                return Some(block);
            }
            bin = self.next_bin(own + 1)?;
        }
        self.best_of(bin, need)
    }
}
