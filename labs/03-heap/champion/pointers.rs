//! Finding the block that begins at a pointer, and telling what is wrong with a refused pointer.

use core::ptr::NonNull;

use mm_api::BlockError;

use super::header::{BROKEN, Block, FREE};
use super::region::Region;

impl Region {
    /// The used block that begins where the pointer points.
    #[inline(always)]
    pub fn used_block(&self, pointer: NonNull<u8>) -> Option<Block> {
        let block = self.open(self.header_of(pointer)?);
        let sound = block.flags & (BROKEN | FREE) == 0 && block.end() <= self.last();
        if sound { Some(block) } else { None }
    }

    /// What is wrong with a refused pointer. The first block lies at `first`, and none is smaller
    /// than `least`. This runs only after a refusal, so it may take its time: it goes from block to
    /// block.
    #[cold]
    #[inline(never)]
    pub fn diagnose(&self, pointer: NonNull<u8>, first: u32, least: u32) -> BlockError {
        if !self.contains(pointer) {
            return BlockError::Foreign;
        }
        let wanted = self.header_of(pointer).unwrap_or(0);
        let mut at = first;
        while at < self.last() {
            let block = self.open(at);
            if block.is_broken() || block.size < least || block.end() > self.last() {
                return BlockError::Damaged;
            }
            let within = self.pointer(at).addr() <= pointer.addr() && pointer.addr() < self.pointer(block.end()).addr();
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
