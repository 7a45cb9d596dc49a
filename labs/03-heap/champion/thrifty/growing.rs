//! Growing, where there is no place for a block.

use mm_api::AllocError;

use super::Heap;
use super::aligning::first_place;
use super::header::{Block, FREE, PREV_FREE};
use super::placing::{Place, Request};

impl Heap<'_> {
    /// Hands out a block, and grows for it if there is none.
    pub(super) fn place_or_grow(&mut self, request: Request) -> Result<u32, AllocError> {
        match self.place(request) {
            Some(at) => Ok(at),
            None => self.grow_and_place(request),
        }
    }

    /// Grows by what is missing behind the last block, and hands out a block there.
    pub(super) fn grow_and_place(&mut self, Request { need, align, .. }: Request) -> Result<u32, AllocError> {
        let (tail, _) = self.region.tail()?;
        let at = first_place(tail, align);
        let free = self.grow(at + need)?;
        Ok(self.cut(Place { free, at }, need))
    }

    /// Grows so that the memory up to `end` is free behind the last block, and returns that.
    pub(super) fn grow(&mut self, end: u32) -> Result<Block, AllocError> {
        let (at, size) = self.region.tail()?;
        let missing = end.saturating_sub(self.region.last());
        let bytes = self.memory.grow(missing).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: this is by how much the memory has grown.
        unsafe { self.region.set_bytes(self.region.bytes() + bytes) };
        if size != 0 {
            self.remove(at);
        }
        self.region.set_header(self.region.last(), PREV_FREE);
        let free = Block { at, size: size + bytes, flags: FREE };
        self.add_free(free.at, free.size);
        Ok(free)
    }
}
