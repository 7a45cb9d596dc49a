//! Choosing a free block for a request, and the end of it.

use mm_api::HEAP_ALIGN;

use super::header::{Block, FREE, PREV_FREE};
use super::tree::Found;
use super::{Growth, Heap, MIN_BLOCK};

/// The largest block that counts as small.
const SMALL: u32 = 104;

/// A request for a block.
#[derive(Clone, Copy)]
pub struct Request {
    /// The block's size in bytes, with its header.
    pub need: u32,
    /// The block's alignment: a power of two, at least [`HEAP_ALIGN`].
    pub align: u32,
    pub asked: Asked,
}

/// Why a block is asked for.
#[derive(Clone, Copy)]
pub enum Asked {
    /// The block is new.
    New,
    /// The block grew, and has to move: it will grow again.
    Larger,
}

/// Where a block is to lie: in a free block, at an offset.
#[derive(Clone, Copy)]
pub struct Place {
    pub found: Found,
    pub at: u32,
}

impl Place {
    /// The place at the low end of a free block that is large enough.
    fn low(found: Found) -> Self {
        Self { found, at: found.free.at }
    }

    /// The place at the high end, if the rest is enough for a block.
    fn high(found: Found, need: u32) -> Self {
        let Block { at, size, .. } = found.free;
        let rest = size - need;
        Self { found, at: if rest < MIN_BLOCK { at } else { at + rest } }
    }
}

impl Heap<'_> {
    /// Hands out a block, if some free block has a place for it.
    pub(super) fn place(&mut self, request: Request) -> Option<u32> {
        self.coarsest = self.coarsest.max(request.align);
        let place = self.choose(request)?;
        Some(self.cut(place, request.need))
    }

    /// Chooses the place for a block.
    fn choose(&self, request: Request) -> Option<Place> {
        let Request { need, asked, .. } = request;
        if self.coarsest > HEAP_ALIGN {
            return self.choose_aligned(request);
        }
        match (self.growth, asked) {
            (_, Asked::Larger) => self.choose_low(need),
            (Growth::Seen, Asked::New) => self.choose_out_of_the_way(need),
            (Growth::Unseen, Asked::New) if need <= SMALL => self.choose_low(need),
            (Growth::Unseen, Asked::New) => self.choose_high(need),
        }
    }

    /// The lowest place. Small blocks live longer on average, and this way the low end of the memory
    /// fills up with them. And behind a block that is to grow, the memory is not yet cut up.
    fn choose_low(&self, need: u32) -> Option<Place> {
        Some(Place::low(self.lowest(need)?))
    }

    /// The lowest place that is not in the way of blocks that grow towards the end of the memory.
    fn choose_out_of_the_way(&self, need: u32) -> Option<Place> {
        let found = self.lowest(need)?;
        let is_last = found.free.end() == self.region.last();
        Some(if is_last { Place::high(found, need) } else { Place::low(found) })
    }

    /// A high place, in a free block that is not much too large.
    fn choose_high(&self, need: u32) -> Option<Place> {
        let found = self.snug(need)?;
        // The rest of the last free block may grow with the memory.
        let is_last = found.free.end() == self.region.last();
        let stays_low = is_last && found.free.size < 2 * need;
        Some(if stays_low { Place::low(found) } else { Place::high(found, need) })
    }

    /// Makes `need` bytes of a free block, from the place on, a used block. The rests in front and
    /// behind stay free, if they are enough for a block.
    fn cut(&mut self, Place { found, at }: Place, need: u32) -> u32 {
        let free = found.free;
        let front = at - free.at;
        let rest = free.size - front - need;
        let (need, rest) = if rest < MIN_BLOCK { (need + rest, 0) } else { (need, rest) };
        match (front, rest) {
            (0, 0) => self.take(found),
            (0, _) => self.shorten_free(found, at + need, rest),
            _ => self.shorten_free(found, free.at, front),
        }
        if rest == 0 {
            self.region.set_prev_used(at + need);
        } else if front != 0 {
            self.add_free(at + need, rest);
        }
        self.region.set_header(at, if front == 0 { need } else { need | PREV_FREE });
        at
    }

    /// Shortens a free block to the `size` bytes from `at` on.
    #[inline(always)]
    fn shorten_free(&mut self, found: Found, at: u32, size: u32) {
        self.region.mark_free(at, size);
        self.diminish(found, Block { at, size, flags: FREE });
    }

    /// Makes `need` of the bytes of `room` a used block, and the rest a free one, if it is enough for
    /// one. The block behind believes that the one before it is free.
    pub(super) fn settle(&mut self, room: Block, need: u32) {
        let rest = room.size - need;
        if rest < MIN_BLOCK {
            self.region.set_header(room.at, room.size | room.flags);
            self.region.set_prev_used(room.end());
        } else {
            self.region.set_header(room.at, need | room.flags);
            self.add_free(room.at + need, rest);
        }
    }

    /// Makes a free block. The block before it is used, and the one behind it knows that this one is
    /// free.
    pub(super) fn add_free(&mut self, at: u32, size: u32) {
        self.region.mark_free(at, size);
        self.insert(Block { at, size, flags: FREE });
    }
}
