//! Taking blocks back, and telling what is wrong with a pointer.
//!
//! A block that is merged with the one before it leaves a header inside that one, marked free. So
//! a block that is freed twice is known for what it is.

use core::ptr::NonNull;

use mm_api::{BlockError, HEAP_SLACK};

use super::Heap;
use super::bins::{FIRST, Kept};
use super::header::{BROKEN, Block, MIN_BLOCK, USED};
use super::region::WORD;

impl Heap<'_> {
    /// Makes a used block free, and merges it with its neighbours.
    ///
    /// `None`, and nothing has changed, if one of the neighbours is not sound.
    #[inline(always)]
    pub(super) fn release(&mut self, block: Block) -> Option<()> {
        let next = self.open(block.end());
        if next.is_broken() || !next.is_prev_used() || (!next.is_used() && !self.is_known(next)) {
            return None;
        }
        let (mut at, mut size, mut kept) = (block.at, block.size, Kept::InBin);
        if !block.is_prev_used() {
            let prev = self.open(block.at.wrapping_sub(self.region.read(block.at - WORD)));
            if prev.end() != block.at || !prev.is_sound_free() || !self.is_known(prev) {
                return None;
            }
            kept = kept.max(self.take_out(prev));
            self.set_header(block.at, size);
            at = prev.at;
            size += prev.size;
        }
        if next.is_used() {
            self.set_prev_free(next.at);
        } else {
            kept = kept.max(self.take_out(next));
            size += next.size;
        }
        if size > HEAP_SLACK && at + size == self.region.last() {
            size = self.give_back(size);
        }
        self.put_in(at, size, kept);
        Some(())
    }

    /// Gives back what the last block, a free one of `size` bytes, has too much.
    /// Returns its size then.
    #[cold]
    #[inline(never)]
    pub(super) fn give_back(&mut self, size: u32) -> u32 {
        let bytes = self.memory.shrink(size - HEAP_SLACK);
        if bytes == 0 {
            return size;
        }
        // SAFETY: this is by how much the memory has shrunk.
        unsafe { self.region.set_bytes(self.region.bytes() - bytes) };
        self.set_header(self.region.last(), USED);
        size - bytes
    }

    /// The used block that begins where the pointer points.
    #[inline(always)]
    pub(super) fn used_block(&self, pointer: NonNull<u8>) -> Option<Block> {
        let block = self.open(self.region.header_of(pointer)?);
        let sound = block.flags & (BROKEN | USED) == USED && block.end() <= self.region.last();
        if sound { Some(block) } else { None }
    }

    /// What is wrong with a pointer that was refused. This is asked only then,
    /// so it may take its time: it goes from block to block.
    #[cold]
    #[inline(never)]
    pub(super) fn diagnose(&self, pointer: NonNull<u8>) -> BlockError {
        if !self.region.contains(pointer) {
            return BlockError::Foreign;
        }
        let wanted = self.region.header_of(pointer).unwrap_or(0);
        let mut at = FIRST;
        while at < self.region.last() {
            let block = self.open(at);
            if block.is_broken() || block.size < MIN_BLOCK || block.end() > self.region.last() {
                return BlockError::Damaged;
            }
            let within = self.region.pointer(at).addr() <= pointer.addr()
                && pointer.addr() < self.region.pointer(block.end()).addr();
            if at == wanted || within {
                return match block.is_used() {
                    false => BlockError::AlreadyFree,
                    true if at == wanted => BlockError::Damaged,
                    true => BlockError::NotABlock,
                };
            }
            at = block.end();
        }
        BlockError::NotABlock
    }
}
