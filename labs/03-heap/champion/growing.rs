//! Growing, where there is no place for a block.

use mm_api::{AllocError, HEAP_ALIGN, HEAP_ALIGN_MAX};

use super::Heap;
use super::bins::{MIN_BLOCK, bin_of};
use super::header::PREV_FREE;
use super::region::WORD;

impl Heap<'_> {
    /// Hands out a block, and grows for it if there is none.
    #[inline(always)]
    pub(super) fn place_or_grow(&mut self, need: u32) -> Result<u32, AllocError> {
        match self.place(need) {
            Some(at) => Ok(at),
            None => self.search_or_grow(need, HEAP_ALIGN),
        }
    }

    /// Hands out an aligned block, and grows for it if there is none.
    #[inline(always)]
    pub(super) fn place_aligned_or_grow(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        if align > HEAP_ALIGN_MAX {
            return Err(AllocError::Alignment);
        }
        match self.place_aligned(need, align) {
            0 => self.search_or_grow(need, align),
            at => Ok(at),
        }
    }

    /// Hands out a block where no place was found quickly.
    #[cold]
    #[inline(never)]
    fn search_or_grow(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        match self.place_anywhere(need, align) {
            Some(at) => Ok(at),
            None => self.grow_and_place(need, align),
        }
    }

    /// Grows, and hands out a block from the new memory.
    #[cold]
    #[inline(never)]
    pub(super) fn grow_and_place(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        let align = align.max(HEAP_ALIGN);
        // What the last free block has to have for an aligned block at its end.
        let (tail, _) = self.region.tail()?;
        let aligned = (tail + WORD).next_multiple_of(align) - WORD;
        let fits = aligned == tail || aligned - tail >= MIN_BLOCK;
        self.grow(if fits { aligned } else { aligned + align } - tail + need)?;
        let at = if align == HEAP_ALIGN { self.place(need) } else { self.place_anywhere(need, align) };
        at.ok_or(AllocError::OutOfMemory)
    }

    /// Grows so that the last block is free, has `need` bytes, and is the wilderness.
    #[cold]
    #[inline(never)]
    pub(super) fn grow(&mut self, need: u32) -> Result<(), AllocError> {
        let (at, size) = self.region.tail()?;
        let missing = need.saturating_sub(size).max(MIN_BLOCK);
        let bytes = self.memory.grow(missing).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: this is by how much the memory has grown.
        unsafe { self.region.set_bytes(self.region.bytes() + bytes) };
        if size != 0 {
            self.take_out(at);
        }
        let old = self.wilderness();
        if old.size != 0 {
            self.insert(old.at, bin_of(old.size));
        }
        self.region.set_header(self.region.last(), PREV_FREE);
        self.put_in_wild(at, size + bytes);
        Ok(())
    }
}
