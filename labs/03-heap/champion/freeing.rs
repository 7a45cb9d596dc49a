//! Taking blocks back, and telling what is wrong with a pointer.
//!
//! A block that is merged with the one before it leaves a header inside that one, marked free. So
//! a block that is freed twice is known for what it is.

use core::ptr::NonNull;

use mm_api::{BlockError, HEAP_SLACK};

use super::Champion;
use super::aim::Aim;
use super::bins::{FIRST, bin_of};
use super::header::{BROKEN, Block, FREE, MIN_BLOCK, PREV_FREE};
use super::region::WORD;

impl<A: Aim> Champion<'_, A> {
    /// Makes a used block free, and merges it with its neighbours.
    ///
    /// `None`, and nothing has changed, if one of the neighbours is not sound.
    #[inline(always)]
    pub(super) fn release(&mut self, block: Block) -> Option<()> {
        let next = self.open(block.end());
        if next.flags & (BROKEN | PREV_FREE) != 0 {
            return None;
        }
        let (mut at, mut size) = (block.at, block.size);
        if !block.is_prev_used() {
            let before = self.region.read(at - WORD);
            let prev = self.free_before(at, before)?;
            if prev != self.wild {
                self.remove(prev);
            }
            self.set_free(at);
            (at, size) = (prev, size + before);
        }
        if next.is_used() {
            self.set_prev_free(next.at);
        } else {
            if self.is_past_the_end(next) {
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
        self.mark_free(at, size);
        // What the wilderness merges with is the wilderness.
        if at == self.wild {
            self.wild_size = size;
        } else {
            self.insert(at, bin_of(size));
        }
        Some(())
    }

    /// Whether a free block has more bytes than there are. The end may look like one if it was
    /// overwritten.
    #[inline(always)]
    fn is_past_the_end(&self, free: Block) -> bool {
        free.at == self.region.last() || free.end() > self.region.last()
    }

    /// Makes the block at `at` used again that was merged with the free one that begins at `prev`;
    /// with none if that is the same.
    #[cold]
    #[inline(never)]
    fn put_back(&mut self, at: u32, size: u32, prev: u32) {
        if prev != at {
            self.set_header(at, size | PREV_FREE);
            if prev != self.wild {
                self.insert(prev, bin_of(at - prev));
            }
        }
    }

    /// What is behind a used block, if that is sound.
    pub(super) fn sound_next(&self, block: Block) -> Option<Block> {
        let next = self.open(block.end());
        let is_sound = next.flags & (BROKEN | PREV_FREE) == 0 && (next.is_used() || !self.is_past_the_end(next));
        if is_sound { Some(next) } else { None }
    }

    /// The memory has shrunk by so many bytes: moves the end to where it is now.
    #[cold]
    #[inline(never)]
    fn shorten_region(&mut self, bytes: u32) {
        // SAFETY: this is by how much the memory has shrunk.
        unsafe { self.region.set_bytes(self.region.bytes() - bytes) };
        self.set_header(self.region.last(), PREV_FREE);
    }

    /// The used block that begins where the pointer points.
    #[inline(always)]
    pub(super) fn used_block(&self, pointer: NonNull<u8>) -> Option<Block> {
        let block = self.open(self.region.header_of(pointer)?);
        let sound = block.flags & (BROKEN | FREE) == 0 && block.end() <= self.region.last();
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
