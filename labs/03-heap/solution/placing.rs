//! Finding room for a block, and growing where there is none.

use core::alloc::Layout;

use mm_api::{AllocError, HEAP_ALIGN, HEAP_ALIGN_MAX};

use super::Heap;
use super::free_lists::bin_of;
use super::header::{Block, MAX_BLOCK, MIN_BLOCK, PREV_USED, USED};
use super::region::WORD;

/// How many free blocks that may be too small are tried before a larger one is
/// taken.
const FEW: u32 = 4;

/// The largest block that counts as small.
const SMALL: u32 = 104;

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Request {
    /// The block's bytes, with its header.
    pub size: u32,
    /// What its first byte is to be a multiple of.
    align: u32,
}

impl Request {
    /// What a layout asks for: room for a header, and for what a free block keeps.
    pub fn of(layout: Layout) -> Result<Self, AllocError> {
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment);
        }
        let size = u32::try_from(layout.size()).ok().filter(|&size| size <= MAX_BLOCK - WORD);
        let size = (size.ok_or(AllocError::OutOfMemory)? + WORD).next_multiple_of(HEAP_ALIGN).max(MIN_BLOCK);
        Ok(Self { size, align: (layout.align() as u32).max(HEAP_ALIGN) })
    }

    /// The lowest place from `at` on where the header can lie. What is left in front
    /// of it is nothing, or enough for a free block.
    pub fn lowest_from(self, at: u32) -> u32 {
        let aligned = (at + WORD).next_multiple_of(self.align) - WORD;
        if aligned == at || aligned - at >= MIN_BLOCK { aligned } else { aligned + self.align }
    }

    /// Where in a free block the header goes: small blocks to the low end, others to
    /// the high end. Small ones live longer on average. This way they do not sit
    /// between large ones, which are freed and could merge.
    fn place_in(self, free: Block) -> Option<u32> {
        let low = self.lowest_from(free.at);
        let high = free.end().checked_sub(self.size).filter(|&high| low <= high)?;
        let at_high_end = self.size > SMALL && self.align == HEAP_ALIGN && high - low >= MIN_BLOCK;
        Some(if at_high_end { high } else { low })
    }
}

impl Heap<'_> {
    /// Makes a used block, and returns where its header lies. What is left in front of it
    /// and behind it, in the free block that it is cut from, becomes free blocks. The
    /// memory grows if no free block has room.
    pub(super) fn place(&mut self, request: Request) -> Result<u32, AllocError> {
        let (free, at) = self.find(request).map_or_else(|| self.grow_for(request), Ok)?;
        if !self.lists.knows(&self.region, free) {
            return Err(AllocError::Damaged);
        }
        self.lists.remove(&mut self.region, free);
        let front = at - free.at;
        let flags = if front == 0 { USED | PREV_USED } else { USED };
        if front != 0 {
            self.add_free(free.at, front);
        }
        self.settle(Block::new(at, free.size() - front, flags), request.size);
        Ok(at)
    }

    /// A free block with room for the request, and where in it: one of the first few that
    /// may have room, or else one that surely has, in a higher bin. Unless a list is
    /// damaged, `None` means that no free block has room.
    pub(super) fn find(&self, request: Request) -> Option<(Block, u32)> {
        let own = bin_of(request.size);
        // An aligned block may begin so many bytes into a free one.
        let slack = if request.align == HEAP_ALIGN { 0 } else { request.align + MIN_BLOCK - HEAP_ALIGN };
        // The lowest bin in which every block has room, whatever its address is.
        let sure = bin_of(request.size + slack - HEAP_ALIGN) + 1;
        self.first_fit(FEW, own, request)
            .or_else(|| self.first_fit(1, sure, request))
            .or_else(|| self.first_fit(u32::MAX, own, request))
    }

    /// The first block with room among so many, from the bin `bin` on.
    fn first_fit(&self, count: u32, bin: u32, request: Request) -> Option<(Block, u32)> {
        let mut next = self.lists.first(&self.region, bin);
        for _ in 0..count {
            let free = next?;
            if let Some(at) = request.place_in(free) {
                return Some((free, at));
            }
            next = self.lists.next(&self.region, free);
        }
        None
    }

    /// Writes a used block of `size` bytes in the place of a larger one. The rest becomes
    /// a free block, or stays with the used one if it is too little.
    pub(super) fn settle(&mut self, room: Block, size: u32) {
        let all = room.size() - size < MIN_BLOCK;
        let (size, behind_flags) = if all { (room.size(), USED | PREV_USED) } else { (size, USED) };
        self.region.set_block(Block::new(room.at, size, room.flags()));
        if !all {
            self.add_free(room.at + size, room.size() - size);
        }
        // Where the header behind it is not sound, that stays to be found.
        if let Some(behind) = self.region.block(room.end()) {
            self.region.set_block(Block::new(behind.at, behind.size(), behind_flags));
        }
    }

    /// Writes a free block, and puts it into its bin. The block before it is used, or
    /// the two would be one; the block behind it knows that it is free.
    pub(super) fn add_free(&mut self, at: u32, size: u32) -> Block {
        let block = Block::new(at, size, PREV_USED);
        self.region.set_block(block);
        self.lists.insert(&mut self.region, block);
        block
    }

    /// Grows by what is missing for the request at the end of the memory. Returns the
    /// wilderness, and where the request goes.
    fn grow_for(&mut self, request: Request) -> Result<(Block, u32), AllocError> {
        let wilderness = self.wilderness()?;
        let at = request.lowest_from(wilderness.at);
        Ok((self.grow(wilderness, at + request.size)?, at))
    }

    /// The wilderness: the free block before the end, one of no bytes if there is none.
    pub(super) fn wilderness(&self) -> Result<Block, AllocError> {
        let end = self.region.block(self.region.last()).ok_or(AllocError::Damaged)?;
        let none = Block::new(end.at, 0, PREV_USED);
        if end.has(PREV_USED) { Ok(none) } else { self.free_before(end).ok_or(AllocError::Damaged) }
    }

    /// Makes the wilderness larger: so that a block can end at the offset `end`.
    pub(super) fn grow(&mut self, wilderness: Block, end: u32) -> Result<Block, AllocError> {
        let missing = end.saturating_sub(wilderness.end()).max(MIN_BLOCK);
        self.region.grow(missing).ok_or(AllocError::OutOfMemory)?;
        if wilderness.size() != 0 {
            self.lists.remove(&mut self.region, wilderness);
        }
        let end = self.region.last();
        self.region.set_block(Block::new(end, 0, USED));
        Ok(self.add_free(wilderness.at, end - wilderness.at))
    }
}
