//! Cutting blocks from free ones.
//!
//! Small blocks are cut from the low end of a free block, others from its high end. Small blocks
//! live longer on average, and this way they do not lie between large blocks that are freed and
//! could merge.

use mm_api::HEAP_ALIGN;

use super::Heap;
use super::bins::{MIN_BLOCK, bin_of};
use super::header::{Block, PREV_FREE};

/// The largest block that counts as small.
const SMALL: u32 = 104;

impl Heap<'_> {
    /// Hands out a block of `need` bytes from a bin or from the wilderness, without looking far.
    #[inline(always)]
    pub(super) fn place(&mut self, need: u32) -> Option<u32> {
        if need <= SMALL { self.place_small(need) } else { self.place_high(need) }
    }

    /// Hands out a small block: from a small hole or the wilderness before a large hole, in which
    /// it would lie between large blocks. If blocks grow, the wilderness is left to them.
    #[inline(always)]
    fn place_small(&mut self, need: u32) -> Option<u32> {
        if self.next_bin(need / HEAP_ALIGN) >= self.large_holes && self.wild_size >= need {
            return self.place_low_in_wild(need);
        }
        self.place_low(need)
    }

    /// Hands out a block from the low end of a free block.
    #[inline(always)]
    pub(super) fn place_low(&mut self, need: u32) -> Option<u32> {
        let Some((free, _)) = self.find(need) else { return self.place_low_in_wild(need) };
        self.remove(free.at);
        self.settle(Block { flags: 0, ..free }, need);
        Some(free.at)
    }

    /// Hands out a block from the low end of the wilderness.
    #[inline(always)]
    fn place_low_in_wild(&mut self, need: u32) -> Option<u32> {
        let wild = self.wilderness();
        if wild.size < need {
            return None;
        }
        self.settle_wild(Block { flags: 0, ..wild }, need);
        Some(wild.at)
    }

    /// Hands out a block from the high end of a free block, or all of it if the rest is too small for a block.
    ///
    /// The wilderness's high end is left alone if it has no room for a second such block. Then the
    /// rest usually lies at the end of the memory, and grows with it.
    #[inline(always)]
    fn place_high(&mut self, need: u32) -> Option<u32> {
        let Some((free, bin)) = self.find(need) else {
            if self.wild_size < 2 * need {
                return self.place_low_in_wild(need);
            }
            let rest = self.wild_size - need;
            self.put_in_wild(self.wild, rest);
            return Some(self.use_high(self.wild + rest, need));
        };
        let rest = free.size - need;
        if rest < MIN_BLOCK {
            self.remove(free.at);
            self.settle_all(Block { flags: 0, ..free });
            return Some(free.at);
        }
        self.shorten_free(free.at, rest, bin);
        Some(self.use_high(free.at + rest, need))
    }

    /// Shortens a free block, which is in the bin `bin`, to `size` bytes.
    #[inline(always)]
    pub(super) fn shorten_free(&mut self, at: u32, size: u32, bin: u32) {
        let other = bin_of(size);
        if other != bin {
            self.remove(at);
            self.insert(at, other);
        }
        self.region.mark_free(at, size);
    }

    /// Makes the last `need` bytes of a free block a used one.
    #[inline(always)]
    fn use_high(&mut self, at: u32, need: u32) -> u32 {
        self.region.set_header(at, need | PREV_FREE);
        self.region.set_prev_used(at + need);
        at
    }

    /// Makes `need` of the bytes of `room` a used block, and the rest a free one, if it
    /// is enough for one. The block behind believes that the one before it is free.
    #[inline(always)]
    pub(super) fn settle(&mut self, room: Block, need: u32) {
        let rest = room.size - need;
        if rest < MIN_BLOCK {
            self.settle_all(room);
        } else {
            self.region.set_header(room.at, need | room.flags);
            self.put_in(room.at + need, rest);
        }
    }

    /// As [`settle`](Self::settle), but the rest becomes the wilderness.
    #[inline(always)]
    pub(super) fn settle_wild(&mut self, room: Block, need: u32) {
        let rest = room.size - need;
        if rest < MIN_BLOCK {
            (self.wild, self.wild_size) = (0, 0);
            self.settle_all(room);
        } else {
            self.region.set_header(room.at, need | room.flags);
            self.put_in_wild(room.at + need, rest);
        }
    }

    /// Makes all of `room` a used block.
    #[inline(always)]
    fn settle_all(&mut self, room: Block) {
        self.region.set_header(room.at, room.size | room.flags);
        self.region.set_prev_used(room.end());
    }
}
