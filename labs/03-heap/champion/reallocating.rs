//! Making blocks larger and smaller.

use mm_api::{AllocError, BlockError, HEAP_ALIGN, ReallocError};

use super::Heap;
use super::bins::MIN_BLOCK;
use super::header::Block;
use super::region::WORD;

impl Heap<'_> {
    /// Makes a used block, with `next` behind it, larger or smaller. Returns its new place.
    pub(super) fn resize(&mut self, old: Block, next: Block, need: u32, align: u32) -> Result<u32, ReallocError> {
        let aligned = (old.at + WORD).is_multiple_of(align);
        if aligned && need <= old.size {
            self.shorten(old, need).ok_or(BlockError::Damaged)?;
            return Ok(old.at);
        }
        if aligned && self.lengthen(old, next, need) {
            return Ok(old.at);
        }
        if align <= HEAP_ALIGN
            && let Some(at) = self.slide(old, next, need)
        {
            return Ok(at);
        }
        // At a low end: free memory is behind it when it grows again.
        self.large_holes = u32::MAX;
        let place = if align <= HEAP_ALIGN {
            self.place_low(need)
        } else {
            Some(self.place_aligned(need, align)).filter(|at| *at != 0)
        };
        // No place is missed, before the memory grows.
        if let Some(to) = place.or_else(|| self.place_anywhere(need, align.max(HEAP_ALIGN))) {
            return self.move_away(old, to);
        }
        if aligned && self.lengthen_with_memory(old, next, need)? {
            return Ok(old.at);
        }
        let to = self.grow_and_place(need, align)?;
        self.move_away(old, to)
    }

    /// Makes a block smaller, and frees the rest.
    pub(super) fn shorten(&mut self, old: Block, need: u32) -> Option<()> {
        if old.size - need < MIN_BLOCK {
            return Some(());
        }
        let tail = Block { at: old.at + need, size: old.size - need, flags: 0 };
        self.region.set_header(tail.at, tail.size | tail.flags);
        self.region.set_header(old.at, need | old.flags);
        let done = self.release(tail);
        if done.is_none() {
            self.region.set_header(old.at, old.size | old.flags);
        }
        done
    }

    /// Makes a block larger where it is, with the free block behind it. Returns whether
    /// that was possible.
    fn lengthen(&mut self, old: Block, next: Block, need: u32) -> bool {
        if next.is_used() || next.end() - old.at < need {
            return false;
        }
        let room = Block { size: old.size + next.size, ..old };
        if self.take_out(next.at) {
            self.settle_wild(room, need)
        } else {
            self.settle(room, need)
        }
        true
    }

    /// Makes the last block larger where it is, with more memory. Returns whether it is
    /// the last.
    fn lengthen_with_memory(&mut self, old: Block, next: Block, need: u32) -> Result<bool, AllocError> {
        let end = if next.is_used() { next.at } else { next.end() };
        if end != self.region.last() {
            return Ok(false);
        }
        self.grow(need - old.size)?;
        Ok(self.lengthen(old, self.region.open(old.end()), need))
    }

    /// Makes a block larger by moving it down into the free block before it.
    /// Returns its new place.
    pub(super) fn slide(&mut self, old: Block, next: Block, need: u32) -> Option<u32> {
        if old.is_prev_used() {
            return None;
        }
        let before = self.region.read(old.at - WORD);
        let prev = self.region.free_before(old.at, before)?;
        let end = if next.is_used() { next.at } else { next.end() };
        if end - prev < need {
            return None;
        }
        let mut is_wild = self.take_out(prev);
        if next.is_used() {
            self.region.set_prev_free(next.at);
        } else {
            is_wild |= self.take_out(next.at);
        }
        self.region.set_free(old.at);
        self.region.copy(old.at + WORD, prev + WORD, old.size - WORD);
        let room = Block { at: prev, size: end - prev, flags: 0 };
        if is_wild {
            self.settle_wild(room, need)
        } else {
            self.settle(room, need)
        }
        Some(prev)
    }

    /// Moves a block to another place. Returns its new place.
    pub(super) fn move_away(&mut self, old: Block, to: u32) -> Result<u32, ReallocError> {
        self.region.copy(old.at + WORD, to + WORD, self.region.open(to).size.min(old.size) - WORD);
        // Its neighbours may have become free since, or used.
        if self.release(self.region.open(old.at)).is_none() {
            self.release(self.region.open(to));
            return Err(BlockError::Damaged.into());
        }
        Ok(to)
    }
}
