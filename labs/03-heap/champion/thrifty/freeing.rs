//! Taking blocks back.
//!
//! When a block merges with the free block before it, its header stays inside the merged block,
//! marked free. So a second free of the block is recognized.

use mm_api::HEAP_SLACK;

use super::Heap;
use super::header::{Block, FREE, PREV_FREE};
use super::region::WORD;

impl Heap<'_> {
    /// Makes a used block free, and merges it with its neighbours.
    ///
    /// `None`, and nothing has changed, if one of the neighbours is not sound.
    pub(super) fn release(&mut self, block: Block) -> Option<()> {
        let next = self.region.sound_next(block)?;
        let prev = if block.is_prev_used() { None } else { Some(self.sound_prev(block)?) };
        let (mut at, mut size, mut part) = (block.at, block.size, None);
        if next.is_used() {
            self.region.set_prev_free(next.at);
        } else {
            size += next.size;
            part = Some(next.at);
        }
        if let Some(prev) = prev {
            if let Some(next) = part {
                self.remove(next);
            }
            self.region.set_free(block.at);
            (at, size, part) = (prev, size + block.at - prev, Some(prev));
        }
        if size > HEAP_SLACK && at + size == self.region.last() {
            // Its links may be in the memory that is given back.
            if let Some(part) = part.take() {
                self.remove(part);
            }
            size -= self.give_back(size - HEAP_SLACK);
        }
        self.region.mark_free(at, size);
        let free = Block { at, size, flags: FREE };
        match part {
            Some(part) => self.enlarge(part, free),
            None => self.insert(free),
        }
        Some(())
    }

    /// Where the free block before a used one begins, if it is sound.
    fn sound_prev(&self, block: Block) -> Option<u32> {
        self.region.free_before(block.at, self.region.read(block.at - WORD))
    }

    /// Offers `bytes` bytes at the end of the memory, which are free and not in the tree. Returns how
    /// many bytes the memory has shrunk by.
    fn give_back(&mut self, bytes: u32) -> u32 {
        let bytes = self.memory.shrink(bytes);
        if bytes != 0 {
            // SAFETY: this is by how much the memory has shrunk.
            unsafe { self.region.set_bytes(self.region.bytes() - bytes) };
            self.region.set_header(self.region.last(), PREV_FREE);
        }
        bytes
    }
}
