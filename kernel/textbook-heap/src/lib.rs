//! The textbook's heap: boundary tags and one list of free blocks, in as few lines as possible,
//! with its policies as parameters.
//!
//! The benchmark measures the cost of each policy, and the book's picture of a heap shows the
//! blocks one by one.
//!
//! A block is a header with the memory behind it; the payload begins where the header ends. The
//! header's last word holds the block's size and two flags. A free block has its links behind its
//! header, and its size again in its last word.
#![no_std]

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// Which free block serves a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The first block of the list that is large enough.
    First,
    /// As `First`, but the search continues where the last one ended.
    Next,
    /// The smallest block that is large enough.
    Best,
    /// The largest block.
    Worst,
    /// The first block of the lowest list that has one; there is a list for each power of two.
    Segregated,
}

/// The order of the free list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The block that was freed last comes first.
    NewestFirst,
    /// By ascending address.
    ByAddress,
}

/// The end of a free block from which a block is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The low end.
    Low,
    /// The low end for small blocks, the high end for others.
    BySize,
}

/// The choices that a heap can make.
#[derive(Clone, Copy)]
pub struct Policy {
    /// Which free block serves a request.
    pub fit: Fit,
    /// The order of the free list.
    pub order: Order,
    /// The end of the free block from which the new block is cut.
    pub ends: Ends,
    /// Whether neighbouring free blocks become one block.
    pub merges: bool,
    /// The smallest remainder that becomes a block of its own, in bytes.
    pub split_from: u32,
    /// Bytes of the header in front of a used block's payload.
    pub header: u32,
    /// Whether sizes are rounded up to powers of two.
    pub powers_of_two: bool,
    /// The heap grows by multiples of this many bytes.
    pub grows_by: u32,
}

/// A policy as a type.
pub trait Variant {
    /// The policy that the type stands for.
    const POLICY: Policy;
}

/// First fit, with the block that was freed last at the front. The other variants each change one
/// thing of it.
pub const FIRST_FIT: Policy = Policy {
    fit: Fit::First,
    order: Order::NewestFirst,
    ends: Ends::Low,
    merges: true,
    split_from: 16,
    header: 4,
    powers_of_two: false,
    grows_by: 64,
};

const WORD: u32 = 4;
const USED: u32 = 1;
const PREV_USED: u32 = 2;
/// The most bytes of a small block.
const SMALL: u32 = 104;
/// The number of lists, if one is not enough.
const LISTS: usize = 26;
/// No offset.
const NONE: u32 = u32::MAX;

/// The textbook's heap, with the policy of `V`.
pub struct Textbook<V> {
    base: NonNull<u8>,
    /// How many bytes of the region may be taken, and how many are.
    limit: u32,
    end: u32,
    heads: [u32; LISTS],
    /// The block at which the next search begins.
    rover: u32,
    variant: PhantomData<V>,
}

/// A block as it lies in the heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// The offset of its header from the start of the region, in bytes.
    pub start: u32,
    /// Its size in bytes, including the header.
    pub bytes: u32,
    /// Whether it is handed out.
    pub used: bool,
}

/// A place for a new block inside a free one.
#[derive(Clone, Copy)]
struct Place {
    free: u32,
    at: u32,
}

impl<V: Variant> Textbook<V> {
    const P: Policy = V::POLICY;
    /// The size of the smallest block in bytes, including the header.
    pub const MIN: u32 = (Self::P.header + 3 * WORD).next_multiple_of(8);

    /// A heap that may take `limit` bytes from `base` on, and has taken none yet.
    ///
    /// # Safety
    /// These bytes are memory that can be read and written, and only the heap does so as long as it
    /// is used; `base` is a multiple of eight.
    ///
    /// # Panics
    /// If there is no room for two of the [smallest](Self::MIN) blocks.
    pub unsafe fn new(base: NonNull<u8>, limit: u32) -> Self {
        assert!(limit > 2 * Self::MIN);
        let end = Self::first();
        Self { base, limit, end, heads: [NONE; LISTS], rover: NONE, variant: PhantomData }
    }

    /// The offset of the first block, chosen so that its header ends at a multiple of eight.
    fn first() -> u32 {
        Self::P.header.next_multiple_of(8) - Self::P.header
    }

    /// How many bytes of the region the heap has taken: up to the end of the last block.
    pub fn taken(&self) -> u32 {
        self.end
    }

    /// The blocks, used and free, by ascending address.
    pub fn blocks(&self) -> impl Iterator<Item = Block> {
        let mut at = Self::first();
        core::iter::from_fn(move || {
            let start = Some(at).filter(|at| *at < self.end)?;
            let bytes = self.size(start);
            at += bytes;
            Some(Block { start, bytes, used: self.has(start, USED) })
        })
    }

    fn word(&self, at: u32) -> NonNull<u32> {
        assert!(at <= self.limit - WORD);
        // SAFETY: the word lies in the region, which belongs to this heap alone.
        unsafe { self.base.add(at as usize).cast() }
    }

    fn read(&self, at: u32) -> u32 {
        // SAFETY: `word` has checked the offset, and offsets are multiples of four.
        unsafe { self.word(at).read() }
    }

    fn write(&self, at: u32, word: u32) {
        // SAFETY: as in `read`.
        unsafe { self.word(at).write(word) }
    }

    /// The offset of a block's size and flags.
    fn tag(at: u32) -> u32 {
        at + Self::P.header - WORD
    }

    fn size(&self, at: u32) -> u32 {
        self.read(Self::tag(at)) & !7
    }

    fn has(&self, at: u32, flag: u32) -> bool {
        self.read(Self::tag(at)) & flag != 0
    }

    fn need(size: usize) -> u32 {
        let size = (size as u32 + Self::P.header).max(Self::MIN);
        if Self::P.powers_of_two { size.next_power_of_two() } else { size.next_multiple_of(8) }
    }

    /// The list for free blocks of this size.
    fn list(size: u32) -> usize {
        if Self::P.fit == Fit::Segregated { size.ilog2() as usize } else { 0 }
    }

    fn next(at: u32) -> u32 {
        at + Self::P.header
    }

    fn back(at: u32) -> u32 {
        at + Self::P.header + WORD
    }

    /// Makes a free block, and puts it into its list.
    fn put(&mut self, at: u32, size: u32, prev_used: u32) {
        self.write(Self::tag(at), size | prev_used);
        self.write(at + size - WORD, size);
        let list = Self::list(size);
        let (mut before, mut after) = (NONE, self.heads[list]);
        if Self::P.order == Order::ByAddress {
            while after != NONE && after < at {
                (before, after) = (after, self.read(Self::next(after)));
            }
        }
        self.write(Self::next(at), after);
        self.write(Self::back(at), before);
        if after != NONE {
            self.write(Self::back(after), at);
        }
        if before == NONE { self.heads[list] = at } else { self.write(Self::next(before), at) }
    }

    /// Takes a free block out of its list.
    fn take(&mut self, at: u32) {
        let (after, before) = (self.read(Self::next(at)), self.read(Self::back(at)));
        if after != NONE {
            self.write(Self::back(after), before);
        }
        let list = Self::list(self.size(at));
        if before == NONE {
            self.heads[list] = after
        } else {
            self.write(Self::next(before), after)
        }
        if self.rover == at {
            self.rover = after;
        }
    }

    /// The offset in a free block at which an aligned block fits.
    fn place_in(&self, free: u32, need: u32, align: u32) -> Option<u32> {
        let (size, header) = (self.size(free), Self::P.header);
        let last = (free + size).checked_sub(need)?;
        let high = Self::P.ends == Ends::BySize && need > SMALL;
        let mut at = if high {
            (last + header) / align * align - header
        } else {
            (free + header).next_multiple_of(align) - header
        };
        // The space in front of it is empty, or large enough for a block.
        while at != free && at.wrapping_sub(free) < Self::MIN {
            at = if high { at.checked_sub(align)? } else { at + align };
        }
        (free <= at && at <= last).then_some(at)
    }

    fn find(&mut self, need: u32, align: u32) -> Option<Place> {
        let mut best: Option<Place> = None;
        for list in Self::list(need)..LISTS {
            let start = if Self::P.fit == Fit::Next && self.rover != NONE { self.rover } else { self.heads[list] };
            let mut free = start;
            while free != NONE {
                if let Some(at) = self.place_in(free, need, align) {
                    let found = Place { free, at };
                    let is_better = best.is_none_or(|best| match Self::P.fit {
                        Fit::Best => self.size(free) < self.size(best.free),
                        Fit::Worst => self.size(free) > self.size(best.free),
                        _ => false,
                    });
                    if is_better {
                        best = Some(found);
                    }
                    if !matches!(Self::P.fit, Fit::Best | Fit::Worst) {
                        self.rover = self.read(Self::next(free));
                        return Some(found);
                    }
                }
                free = self.read(Self::next(free));
                if free == NONE && Self::P.fit == Fit::Next && start != self.heads[list] {
                    free = self.heads[list];
                }
                if free == start {
                    break;
                }
            }
            if best.is_some() || Self::P.fit != Fit::Segregated {
                break;
            }
        }
        best
    }

    /// Takes more memory, so that a block of this size fits.
    fn grow(&mut self, need: u32, align: u32) -> Option<()> {
        let more = if align > 8 { need + align + Self::MIN } else { need };
        // A header with size 0 and flags lies at the end, where the next block would begin.
        let last = self.limit - Self::P.header;
        let (mut at, mut prev_used) = (self.end, PREV_USED);
        let mut free = 0;
        if self.end >= Self::MIN && !self.has_nothing() {
            prev_used = self.read(Self::tag(self.end)) & PREV_USED;
            if prev_used == 0 && Self::P.merges {
                free = self.read(self.end - WORD);
            }
        }
        let bytes = more.saturating_sub(free).max(Self::MIN).next_multiple_of(Self::P.grows_by);
        if last.checked_sub(self.end)? < bytes {
            return None;
        }
        self.end += bytes;
        let mut size = bytes;
        if free != 0 {
            at -= free;
            size += free;
            prev_used = PREV_USED;
            self.take(at);
        }
        self.write(Self::tag(self.end), USED);
        self.put(at, size, prev_used);
        Some(())
    }

    /// Whether the heap has taken no memory yet.
    fn has_nothing(&self) -> bool {
        self.end < 2 * WORD + Self::P.header
    }

    /// Makes the block at a place used; the space in front of it and behind it becomes free blocks.
    fn cut(&mut self, Place { free, at }: Place, need: u32) {
        let (size, mut prev_used) = (self.size(free), self.read(Self::tag(free)) & PREV_USED);
        self.take(free);
        let front = at - free;
        if front != 0 {
            self.put(free, front, prev_used);
            prev_used = 0;
        }
        self.settle(at, size - front, need, prev_used);
    }

    /// Makes a used block of at least `need` of the `room` bytes at `at`.
    fn settle(&mut self, at: u32, room: u32, need: u32, prev_used: u32) {
        let rest = room - need;
        if rest < Self::P.split_from.max(Self::MIN) {
            self.write(Self::tag(at), room | USED | prev_used);
            let next = Self::tag(at + room);
            self.write(next, self.read(next) | PREV_USED);
        } else {
            self.write(Self::tag(at), need | USED | prev_used);
            self.put(at + need, rest, PREV_USED);
        }
    }

    fn release(&mut self, mut at: u32) {
        let (mut size, mut prev_used) = (self.size(at), self.read(Self::tag(at)) & PREV_USED);
        let next = at + size;
        if Self::P.merges && !self.has(next, USED) {
            self.take(next);
            size += self.size(next);
        } else {
            self.write(Self::tag(next), self.read(Self::tag(next)) & !PREV_USED);
        }
        if Self::P.merges && prev_used == 0 {
            let before = self.read(at - WORD);
            at -= before;
            self.take(at);
            size += before;
            prev_used = PREV_USED;
        }
        self.put(at, size, prev_used);
    }

    fn pointer(&self, at: u32) -> NonNull<u8> {
        self.word(at + Self::P.header).cast()
    }

    fn block(&self, block: NonNull<u8>) -> u32 {
        (block.addr().get() - self.base.addr().get()) as u32 - Self::P.header
    }

    /// Hands out a block; `None` if the region has no room for it.
    pub fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let (need, align) = (Self::need(layout.size()), (layout.align() as u32).max(8));
        let place = match self.find(need, align) {
            Some(place) => place,
            None => {
                self.grow(need, align)?;
                self.find(need, align)?
            }
        };
        self.cut(place, need);
        Some(self.pointer(place.at))
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// This heap has handed the block out, and it is no longer in use.
    pub unsafe fn free(&mut self, block: NonNull<u8>) {
        self.release(self.block(block));
    }

    /// Makes a block larger or smaller. `None` if the region has no room for it; the block then
    /// stays as it is. The alignment does not change.
    ///
    /// # Safety
    /// This heap has handed the block out for `old`; after a success, the old pointer is no longer
    /// used.
    pub unsafe fn reallocate(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        let (at, need) = (self.block(block), Self::need(new.size()));
        let (size, prev_used) = (self.size(at), self.read(Self::tag(at)) & PREV_USED);
        let next = at + size;
        if need <= size {
            return Some(block);
        }
        if Self::P.merges && !self.has(next, USED) && size + self.size(next) >= need {
            let room = size + self.size(next);
            self.take(next);
            self.settle(at, room, need, prev_used);
            return Some(block);
        }
        let moved = self.allocate(new)?;
        // SAFETY: both blocks have that many bytes, and they are different blocks.
        unsafe { block.copy_to_nonoverlapping(moved, old.size().min(new.size())) };
        self.release(self.block(block));
        Some(moved)
    }
}
