//! Taking blocks back.
//!
//! When a block merges with the free block before it, its header stays inside the merged block,
//! marked free. So a second free of the block is recognized.

use mm_api::HEAP_SLACK;

use super::Heap;
use super::bins::bin_of;
use super::header::{BROKEN, Block, PREV_FREE};
use super::region::WORD;

impl Heap<'_> {
    /// Makes a used block free, and merges it with its neighbours.
    ///
    /// `None`, and nothing has changed, if one of the neighbours is not sound.
    #[inline(always)]
    pub(super) fn release(&mut self, block: Block) -> Option<()> {
        let next = self.region.open(block.end());
        if next.flags & (BROKEN | PREV_FREE) != 0 {
            return None;
        }
        let (mut at, mut size) = (block.at, block.size);
        if !block.is_prev_used() {
            let before = self.region.read(at - WORD);
            let prev = self.region.free_before(at, before)?;
            if prev != self.wild {
                self.remove(prev);
            }
            self.region.set_free(at);
            (at, size) = (prev, size + before);
        }
        if next.is_used() {
            self.region.set_prev_free(next.at);
        } else {
            if self.region.is_past_the_end(next) {
                self.put_back(block.at, block.size, at);
                return None;
            }
            if next.at == self.wild {
                self.wild = at;
            } else {
                self.remove(next.at);
            }
            size += next.size;
        }
        if size > HEAP_SLACK && at + size == self.region.last() {
            let bytes = self.memory.shrink(size - HEAP_SLACK);
            if bytes != 0 {
                self.shorten_region(bytes);
                size -= bytes;
            }
        }
        self.region.mark_free(at, size);
        // A block that merges with the wilderness becomes the wilderness.
        if at == self.wild {
            self.wild_size = size;
        } else {
            self.insert(at, bin_of(size));
        }
        Some(())
    }

    /// Makes the block at `at` used again. It was merged with the free block at `prev`; with none
    /// if `prev` equals `at`.
    #[cold]
    #[inline(never)]
    fn put_back(&mut self, at: u32, size: u32, prev: u32) {
        if prev != at {
            self.region.set_header(at, size | PREV_FREE);
            if prev != self.wild {
                self.insert(prev, bin_of(at - prev));
            }
        }
    }

    /// Moves the end after the memory has shrunk by `bytes` bytes.
    #[cold]
    #[inline(never)]
    fn shorten_region(&mut self, bytes: u32) {
        // SAFETY: this is by how much the memory has shrunk.
        unsafe { self.region.set_bytes(self.region.bytes() - bytes) };
        self.region.set_header(self.region.last(), PREV_FREE);
    }
}
