//! Taking blocks back, and telling what is wrong with a pointer.

use core::ptr::NonNull;

use mm_api::{BlockError, HEAP_ALIGN, HEAP_SLACK};

use super::Heap;
use super::free_lists::FIRST;
use super::header::{Block, MIN_BLOCK, PREV_USED, USED};
use super::region::WORD;

/// What lies beside a used block: the block before it, if that is free, and the block
/// behind it, or the end.
pub type Neighbours = (Option<Block>, Block);

impl Heap<'_> {
    /// Makes a used block free, and merges it with the free memory beside it.
    pub(super) fn release(&mut self, block: Block, (free_before, behind): Neighbours) {
        let (mut at, mut end) = (block.at, block.end());
        if let Some(before) = free_before {
            self.lists.remove(&mut self.region, before);
            at = before.at;
        }
        if behind.has(USED) {
            self.region.set_block(Block::new(end, behind.size(), USED));
        } else {
            self.lists.remove(&mut self.region, behind);
            end = behind.end();
        }
        if end == self.region.last() && end - at > HEAP_SLACK {
            self.region.shrink(end - at - HEAP_SLACK);
            end = self.region.last();
            self.region.set_block(Block::new(end, 0, USED));
        }
        self.add_free(at, end - at);
    }

    /// What lies beside a used block; `None` if it is not sound.
    pub(super) fn neighbours(&self, block: Block) -> Option<Neighbours> {
        let behind = self.region.block(block.end())?;
        let known = behind.has(USED) || self.lists.knows(&self.region, behind);
        let free_before = if block.has(PREV_USED) { None } else { Some(self.free_before(block)?) };
        if known && behind.has(PREV_USED) { Some((free_before, behind)) } else { None }
    }

    /// The free block before `block`; `None` if it is not sound.
    pub(super) fn free_before(&self, block: Block) -> Option<Block> {
        let size = self.region.read(block.at - WORD);
        let before = self.region.block(block.at.checked_sub(size)?)?;
        let sound = before.flags() == PREV_USED && before.end() == block.at;
        if sound && self.lists.knows(&self.region, before) { Some(before) } else { None }
    }

    /// The used block that begins where the pointer points, and what lies beside it.
    pub(super) fn used_block(&self, pointer: NonNull<u8>) -> Result<(Block, Neighbours), BlockError> {
        let sound = |offset: u32| {
            let block = self.region.block(offset.checked_sub(WORD)?)?;
            let used = block.has(USED) && block.size() >= MIN_BLOCK && offset.is_multiple_of(HEAP_ALIGN);
            if used { Some((block, self.neighbours(block)?)) } else { None }
        };
        self.region.offset_of(pointer).and_then(sound).ok_or_else(|| self.diagnose(pointer))
    }

    /// What is wrong with a pointer that was refused. This runs only after a refusal, so it
    /// may take its time: it goes from block to block.
    fn diagnose(&self, pointer: NonNull<u8>) -> BlockError {
        let Some(offset) = self.region.offset_of(pointer) else { return BlockError::Foreign };
        let mut at = FIRST;
        while let Some(block) = self.region.block(at).filter(|block| block.size() >= MIN_BLOCK) {
            match (at..block.end()).contains(&offset) {
                true if !block.has(USED) => return BlockError::AlreadyFree,
                true if offset == at + WORD => return BlockError::Damaged,
                true => return BlockError::NotABlock,
                false => at = block.end(),
            }
        }
        if at == self.region.last() { BlockError::NotABlock } else { BlockError::Damaged }
    }
}
