//! Making blocks larger and smaller.

use mm_api::ReallocError;

use super::Heap;
use super::freeing::Neighbours;
use super::header::{Block, USED};
use super::placing::Request;
use super::region::WORD;

impl Heap<'_> {
    /// Makes a used block larger or smaller, and returns where its header lies then.
    /// It moves only if it has to; the memory grows only if there is no other place.
    pub(super) fn resize(&mut self, old: Block, beside: Neighbours, request: Request) -> Result<u32, ReallocError> {
        let (mut behind, end) = (beside.1, old.at + request.size);
        let room_end = |behind: Block| if behind.has(USED) { old.end() } else { behind.end() };
        let may_grow = |heap: &Self| room_end(behind) == heap.region.last() && heap.find(request).is_none();
        if request.lowest_from(old.at) != old.at || (end > room_end(behind) && !may_grow(self)) {
            return self.move_away(old, request);
        }
        if end > room_end(behind) {
            behind = self.grow(self.wilderness()?, end)?;
        }
        if !behind.has(USED) {
            self.lists.remove(&mut self.region, behind);
        }
        self.settle(Block::new(old.at, room_end(behind) - old.at, old.flags()), request.size);
        Ok(old.at)
    }

    /// Moves a block to another place: first the new one, then the copy, and then the
    /// old one is freed.
    fn move_away(&mut self, old: Block, request: Request) -> Result<u32, ReallocError> {
        let to = self.place(request)?;
        self.region.copy(old.at + WORD, to + WORD, old.size().min(request.size) - WORD);
        // What is beside it may be free by now, or used.
        let (old, beside) = self.used_block(self.region.bytes_at(old.at + WORD, 1))?;
        self.release(old, beside);
        Ok(to)
    }
}
