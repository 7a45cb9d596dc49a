//! Growing, where there is no place for a block.

use mm_api::AllocError;

use super::Heap;
use super::aligning::first_place;
use super::header::{Block, FREE, PREV_FREE};
use super::placing::Request;

impl Heap<'_> {
    /// Hands out a block, and grows for it if there is none.
    pub(super) fn place_or_grow(&mut self, request: Request) -> Result<u32, AllocError> {
        match self.place(request) {
            Some(at) => Ok(at),
            None => self.grow_and_place(request),
        }
    }

    /// Grows by as much as is missing behind the last block, and hands out a block there.
    pub(super) fn grow_and_place(&mut self, Request { need, align, .. }: Request) -> Result<u32, AllocError> {
        let (tail, _) = self.region.tail()?;
        let at = first_place(tail, align);
        let tail = self.grow(at + need)?;
        let (front, size) = (at - tail.at, tail.end() - at);
        if front == 0 {
            self.settle(Block { at, size, flags: 0 }, need);
        } else {
            self.add_free(tail.at, front);
            self.settle(Block { at, size, flags: PREV_FREE }, need);
        }
        Ok(at)
    }

    /// Grows so that the memory behind the last block reaches up to `end`. Returns all of that memory.
    /// It is not in the tree, and the end is marked as having free memory before it.
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
        Ok(Block { at, size: size + bytes, flags: FREE })
    }
}
