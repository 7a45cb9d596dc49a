//! Cutting blocks from free ones, and growing where there is none.
//!
//! Small blocks are cut from the low end of a free block, others from its high end. Small ones
//! live longer on average, and this way they do not sit between large ones that are freed and
//! could merge.

use mm_api::{AllocError, HEAP_ALIGN};

use super::Heap;
use super::bins::{Kept, NEXT, bin_of};
use super::header::{Block, MIN_BLOCK, PREV_USED, USED};
use super::region::WORD;

/// The largest block that counts as small.
const SMALL: u32 = 104;

/// Where in the free block `free` an aligned block of `need` bytes fits: the
/// last such place. What is left in front is nothing, or enough for a block.
#[inline(always)]
fn aligned_place(free: Block, need: u32, align: u32) -> Option<u32> {
    let last = free.end().wrapping_sub(need);
    let mut at = (last.wrapping_add(WORD) & !(align - 1)).wrapping_sub(WORD);
    if at.wrapping_sub(free.at) < MIN_BLOCK && at != free.at {
        at = at.wrapping_sub(align);
    }
    if at >= free.at && at < free.end() { Some(at) } else { None }
}

/// The end of a free block that a block is cut from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Low,
    High,
}

impl End {
    /// The end for blocks of this size.
    #[inline(always)]
    fn of(need: u32) -> Self {
        if need <= SMALL { Self::Low } else { Self::High }
    }
}

impl Heap<'_> {
    /// Makes `need` bytes of the free block `free` a used block at `at`. What is
    /// left in front and behind becomes free blocks.
    #[inline(always)]
    fn cut(&mut self, free: Block, kept: Kept, at: u32, need: u32) -> Result<u32, AllocError> {
        if kept == Kept::AsWilderness {
            self.set_wilderness(0, 0);
        } else {
            if !free.is_sound_free() || !self.is_linked(free.at) {
                return Err(AllocError::Damaged);
            }
            self.remove(free.at);
        }
        let front = at - free.at;
        if front != 0 {
            self.put_in(free.at, front, kept);
            self.settle(Block { at, size: free.size - front, flags: USED }, need, Kept::InBin);
        } else {
            self.settle(Block { at, size: free.size, flags: USED | PREV_USED }, need, kept);
        }
        Ok(at)
    }

    /// Makes `need` of the bytes of `room` a used block, and the rest a free one, if it
    /// is enough for one. The block behind believes that the one before it is free.
    #[inline(always)]
    pub(super) fn settle(&mut self, room: Block, need: u32, kept: Kept) {
        let rest = room.size - need;
        if rest >= MIN_BLOCK {
            self.set_header(room.at, need | room.flags);
            self.put_in(room.at + need, rest, kept);
        } else {
            self.set_header(room.at, room.size | room.flags);
            self.set_prev_used(room.end());
        }
    }

    /// Hands out a block of `need` bytes from a bin or from the wilderness, without
    /// looking far.
    #[inline(always)]
    pub(super) fn place(&mut self, need: u32, end: End) -> Result<u32, AllocError> {
        if let Some(free) = self.find(need) {
            return self.cut_at_end(free, Kept::InBin, need, end);
        }
        let free = self.wilderness();
        if free.size < need {
            return Err(AllocError::OutOfMemory);
        }
        self.cut_at_end(free, Kept::AsWilderness, need, end)
    }

    /// Cuts a block from the low or the high end of a free block.
    ///
    /// The wilderness's high end it leaves alone if no second such block has room. For
    /// then what is left lies at the end of the memory, as a rule, and grows with it.
    #[inline(always)]
    fn cut_at_end(&mut self, free: Block, kept: Kept, need: u32, end: End) -> Result<u32, AllocError> {
        let rest = free.size - need;
        let least = if kept == Kept::AsWilderness { need } else { MIN_BLOCK };
        if end == End::Low || rest < least {
            self.cut(free, kept, free.at, need)
        } else {
            self.cut(free, kept, free.at + rest, need)
        }
    }

    /// Hands out an aligned block of `need` bytes from a bin or from the wilderness,
    /// without looking far.
    #[inline(never)]
    pub(super) fn place_aligned(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        // A block of that many bytes has an aligned place in it wherever it lies.
        // In its bin there are smaller ones too, and one of them may do.
        let sure = bin_of(need + align + HEAP_ALIGN);
        for bin in [sure, sure + 1] {
            let Some(bin) = self.next_bin(bin) else { break };
            let free = self.open(self.region.read(bin * WORD));
            if let Some(at) = aligned_place(free, need, align) {
                return self.cut(free, Kept::InBin, at, need);
            }
        }
        let free = self.wilderness();
        if free.size < need {
            return Err(AllocError::OutOfMemory);
        }
        let at = aligned_place(free, need, align).ok_or(AllocError::OutOfMemory)?;
        self.cut(free, Kept::AsWilderness, at, need)
    }

    /// Hands out a block of `need` bytes from the first free block in a bin that has
    /// room for it: none is missed. This is asked before the memory grows.
    #[cold]
    #[inline(never)]
    pub(super) fn place_anywhere(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        let mut bin = bin_of(need);
        while let Some(found) = self.next_bin(bin) {
            let mut at = self.region.read(found * WORD);
            while at != 0 {
                let free = self.open(at);
                if let Some(place) = aligned_place(free, need, align) {
                    return self.cut(free, Kept::InBin, place, need);
                }
                at = self.region.read(at + NEXT);
            }
            bin = found + 1;
        }
        Err(AllocError::OutOfMemory)
    }

    /// Hands out a block, and grows for it if there is none.
    #[inline(always)]
    pub(super) fn place_or_grow(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        let found = match align {
            ..=HEAP_ALIGN => self.place(need, End::of(need)),
            _ => self.place_aligned(need, align),
        };
        match found {
            Err(AllocError::OutOfMemory) => self.search_or_grow(need, align),
            found => found,
        }
    }

    /// Hands out a block where no place was found quickly.
    #[cold]
    #[inline(never)]
    fn search_or_grow(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        match self.place_anywhere(need, align.max(HEAP_ALIGN)) {
            Err(AllocError::OutOfMemory) => self.grow_and_place(need, align),
            found => found,
        }
    }

    /// Grows, and hands out a block from what is new.
    #[cold]
    #[inline(never)]
    pub(super) fn grow_and_place(&mut self, need: u32, align: u32) -> Result<u32, AllocError> {
        if align <= HEAP_ALIGN {
            self.grow(need)?;
            self.place(need, End::of(need))
        } else {
            // What the last free block has to have for an aligned block at its end.
            let (at, _) = self.tail()?;
            let aligned = (at + WORD).next_multiple_of(align) - WORD;
            let fits = aligned == at || aligned - at >= MIN_BLOCK;
            self.grow(if fits { aligned } else { aligned + align } - at + need)?;
            self.place_aligned(need, align)
        }
    }

    /// Where the free memory before the end begins, and how much it is: 0 if there is none.
    fn tail(&self) -> Result<(u32, u32), AllocError> {
        let end = self.open(self.region.last());
        if end.is_broken() {
            return Err(AllocError::Damaged);
        }
        if end.is_prev_used() {
            return Ok((end.at, 0));
        }
        let tail = self.open(end.at.wrapping_sub(self.region.read(end.at - WORD)));
        let sound = tail.end() == end.at && tail.is_sound_free() && self.is_known(tail);
        if sound { Ok((tail.at, tail.size)) } else { Err(AllocError::Damaged) }
    }

    /// Grows so that the last block is free, has `need` bytes, and is the wilderness.
    #[cold]
    #[inline(never)]
    pub(super) fn grow(&mut self, need: u32) -> Result<(), AllocError> {
        let (at, size) = self.tail()?;
        let missing = need.saturating_sub(size).max(MIN_BLOCK);
        let bytes = self.memory.grow(missing).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: this is by how much the memory has grown.
        unsafe { self.region.set_bytes(self.region.bytes() + bytes) };
        if size != 0 {
            self.take_out(Block { at, size, flags: PREV_USED });
        }
        let old = self.wilderness();
        if old.size != 0 {
            self.insert(old.at, old.size);
        }
        self.set_header(self.region.last(), USED);
        self.put_in(at, size + bytes, Kept::AsWilderness);
        Ok(())
    }
}
