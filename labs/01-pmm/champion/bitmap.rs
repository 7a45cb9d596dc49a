//! Lab 01, the reference: a bitmap in groups that know their largest free run.
//!
//! # The records
//! Frames are cut into *groups* of 1024, as many as the largest run has, so no
//! run reaches over the edge of a group. The record of a group has 36 words:
//!
//! ```text
//! word 0 … 31    the bitmap: bit b of word w is set if frame 32 w + b of the group is free
//! word 32 … 34   the rank of each word of the bitmap: bit w of word 32 + i is bit i of its rank
//! word 35        the state: the rank of the group, and its neighbours in a list
//! ```
//!
//! The *rank* of a word, or of a group, says how large a run is free in it: 0 if
//! nothing is free, otherwise 1 + the order of its largest free run. Words have
//! ranks 0 … 6, groups 0 … 11. With one bit of all 32 ranks in each of three
//! words, a few logical operations find every word that has a large enough run.
//!
//! All groups of one rank are linked in a list. To hand out a run, take the
//! smallest rank that is large enough and has a group, the first group of its
//! list, the first word in it that has such a run, and the smallest run in that
//! word that will do. Nothing here is a search: however much memory there is and
//! however much of it is taken, the number of steps is the same. Every rank is
//! exact, so a run is found whenever there is one, and frames that are freed one
//! by one make a large run again just by standing side by side in a bitmap.
//!
//! A group whose free frames are *one* run does without its bitmap: it keeps the
//! number and the order of this *sole run* in word 32. When memory is
//! nearly full most groups are like that, or have nothing free at all.
//!
//! A bitmap cannot tell an allocated frame from one that is not managed. For
//! that there are the *extents*: a sorted list of what is managed. It is asked
//! only about groups with holes in them, which are few.
//!
//! # What it costs
//! 36 words for 1024 frames are 0.141 bytes a frame; an extent is 8 bytes more.

use core::iter;
use core::num::NonZeroU32;

use mm_api::layout::{FRAME_COUNT, PAGE_SHIFT, PAGE_SIZE};
use mm_api::{
    Frame, FrameAllocator, FrameRange, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order, PhysAddr,
    PhysRange, RegionKind,
};

/// Frames in a word of a bitmap.
const WORD_FRAMES: u32 = u32::BITS;
/// The order of a run of as many frames as a word has.
const WORD_ORDER: u32 = WORD_FRAMES.ilog2();
/// The rank of a word that is all free.
const WHOLE_WORD: u32 = WORD_ORDER + 1;

/// Frames in a group: as many as in the largest run.
const GROUP_FRAMES: u32 = Order::MAX.frames();
/// Words in a group's bitmap.
const BITMAP_WORDS: u32 = GROUP_FRAMES / WORD_FRAMES;
/// How many ranks a group can have.
const GROUP_RANKS: usize = Order::MAX.power() as usize + 2;

/// The record of a group.
type Group = [u32; STATE + 1];
/// Where the ranks of a group's words begin: bit 0 of each, then bits 1 and 2.
const RANKS: usize = BITMAP_WORDS as usize;
/// Where a group keeps its sole run: the number of its first frame in the low bits, its order above.
const SOLE_RUN: usize = RANKS;
const SOLE_ORDER_SHIFT: u32 = FRAME_COUNT.ilog2();
/// Where a group keeps its state. It is 0 if all of the group is managed and allocated.
const STATE: usize = RANKS + 3;

/// Frames that follow each other and are all managed: the number of the first,
/// and the number after the last one's.
type Extent = [u32; 2];

/// The physical memory manager.
pub struct Pmm {
    /// The records of all groups from the first managed frame's to the last managed frame's.
    groups: &'static mut [Group],
    /// What is managed, in ascending order. No two extents touch.
    extents: &'static [Extent],
    /// The number of the first group: that of its first frame, divided by the frames in a group.
    first_group: u32,
    /// Which groups have which rank.
    lists: Lists,
    /// How many managed frames are free.
    free: u32,
    /// How many frames are managed.
    managed: u32,
}

impl FrameAllocator for Pmm {
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        let (mut ranges, mut first, mut end) = (0, FRAME_COUNT, 0);
        for range in usable_ranges(map) {
            ranges += 1;
            first = first.min(range.first());
            end = range.end();
        }
        if ranges == 0 {
            return Err(InitError::NoUsableMemory);
        }
        let first_group = first / GROUP_FRAMES;
        let groups = (end.div_ceil(GROUP_FRAMES) - first_group) as usize;
        // One extent more than ranges, since borrowing the records may cut a range in two.
        let bytes = groups * size_of::<Group>() + (ranges + 1) * size_of::<Extent>();
        let (borrowed, words) = borrow(map, lender, bytes)?;

        let (groups, rest) = words.split_at_mut(groups * size_of::<Group>() / size_of::<u32>());
        let (groups, _) = groups.as_chunks_mut();
        let (extents, _) = rest.as_chunks_mut();
        let mut pmm = Self { groups, extents: &[], first_group, lists: Lists::EMPTY, free: 0, managed: 0 };
        pmm.enter(map, borrowed, extents);
        if pmm.managed == 0 { Err(InitError::NoUsableMemory) } else { Ok(pmm) }
    }

    #[inline]
    fn allocate(&mut self) -> Option<Frame> {
        self.take(Order::ZERO)
    }

    #[inline]
    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        FrameRun::new(self.take(order)?, order)
    }

    #[inline]
    fn free(&mut self, frame: Frame) -> Result<(), FreeError> {
        self.give(frame, Order::ZERO)
    }

    #[inline]
    fn free_run(&mut self, run: FrameRun) -> Result<(), FreeError> {
        self.give(run.first(), run.order())
    }

    fn free_frames(&self) -> u32 {
        self.free
    }

    fn managed_frames(&self) -> u32 {
        self.managed
    }
}

// Taking and giving. What is done for a frame and for a run is the same code,
// compiled twice: for a frame the order is known, and much of it falls away.
impl Pmm {
    /// Takes a free run: its first frame.
    #[inline(always)]
    fn take(&mut self, order: Order) -> Option<Frame> {
        let wanted = order.power() + 1;
        let (rank, index) = self.lists.smallest(wanted)?;
        let group = self.groups.get_mut(index)?;
        let state = group[STATE];
        if rank == wanted && state & RANK == SOLE {
            self.lists.pop(rank, state & NEXT);
            group[STATE] = 0;
            self.free -= order.frames();
            return Some(frame(group[SOLE_RUN]));
        }
        if order == Order::ZERO { self.take_frame(rank, index) } else { self.take_run(rank, index, order) }
    }

    #[inline(never)]
    fn take_frame(&mut self, rank: u32, index: usize) -> Option<Frame> {
        self.take_part(rank, index, Order::ZERO)
    }

    #[inline(never)]
    fn take_run(&mut self, rank: u32, index: usize, order: Order) -> Option<Frame> {
        self.take_part(rank, index, order)
    }

    /// Takes a run from a group of this rank, in which more is free.
    #[inline(always)]
    fn take_part(&mut self, rank: u32, index: usize, order: Order) -> Option<Frame> {
        let group = self.groups.get_mut(index)?;
        if group[STATE] & RANK == SOLE {
            spread(group);
        }
        self.free -= order.frames();
        let number = (self.first_group + index as u32) * GROUP_FRAMES;
        if order.power() < WORD_ORDER {
            let word = words_with(group, order.power() + 1).trailing_zeros() % BITMAP_WORDS;
            let bits = group[word as usize];
            let (bit, fallen) = split(bits, order.power());
            let rest = bits & !(ones(order.frames()) << bit);
            group[word as usize] = rest;
            if let Some(fallen) = fallen {
                set_ranks(group, 1 << word, if fallen == 0 { self::rank(rest) } else { fallen });
                if group_rank(group) != rank {
                    self.move_group(index, rank);
                }
            }
            Some(frame(number + word * WORD_FRAMES + bit))
        } else {
            let (word, _) = split(words_with(group, WHOLE_WORD), order.power() - WORD_ORDER);
            let words = order.frames() / WORD_FRAMES;
            group[word as usize..][..words as usize].fill(0);
            set_ranks(group, ones(words) << word, 0);
            self.move_group(index, rank);
            Some(frame(number + word * WORD_FRAMES))
        }
    }

    /// Takes back a run.
    #[inline(always)]
    fn give(&mut self, first: Frame, order: Order) -> Result<(), FreeError> {
        let index = (first.number() / GROUP_FRAMES).wrapping_sub(self.first_group) as usize;
        let groups = &mut *self.groups;
        if let Some(group) = groups.get_mut(index)
            && group[STATE] == 0
        {
            group[SOLE_RUN] = first.number() | order.power() << SOLE_ORDER_SHIFT;
            self.free += order.frames();
            self.lists.push(groups, index, order.power() + 1, SOLE);
            return Ok(());
        }
        if order == Order::ZERO { self.give_frame(index, first) } else { self.give_run(index, first, order) }
    }

    #[inline(never)]
    fn give_frame(&mut self, index: usize, first: Frame) -> Result<(), FreeError> {
        self.give_part(index, first, Order::ZERO)
    }

    #[inline(never)]
    fn give_run(&mut self, index: usize, first: Frame, order: Order) -> Result<(), FreeError> {
        self.give_part(index, first, order)
    }

    /// Takes back a run into a group in which something is free already, or not managed.
    #[inline(always)]
    fn give_part(&mut self, index: usize, first: Frame, order: Order) -> Result<(), FreeError> {
        let group = self.groups.get_mut(index).ok_or(FreeError::NotManaged)?;
        let (number, frames) = (first.number(), order.frames());
        if group[STATE] & HOLES != 0 && !is_managed(self.extents, FrameRange::new(number, number + frames)) {
            return Err(FreeError::NotManaged);
        }
        if group[STATE] & RANK == SOLE {
            let (sole, sole_order) = sole_run(group);
            let larger = order.power().max(sole_order);
            if sole >> larger == number >> larger {
                return Err(FreeError::AlreadyFree);
            }
            spread(group);
        }
        let word = number / WORD_FRAMES % BITMAP_WORDS;
        if order.power() < WORD_ORDER {
            let (before, bit) = (group[word as usize], number % WORD_FRAMES);
            let run = ones(frames) << bit;
            if before & run != 0 {
                return Err(FreeError::AlreadyFree);
            }
            group[word as usize] = before | run;
            self.free += frames;
            let new = if before == 0 {
                set_ranks(group, 1 << word, order.power() + 1);
                order.power() + 1
            } else {
                let Some(new) = join(before, bit, order.power()) else { return Ok(()) };
                set_ranks(group, 1 << word, new);
                new
            };
            let rank = (group[STATE] & RANK) >> RANK_SHIFT;
            if new > rank || new == WHOLE_WORD {
                self.move_group(index, rank);
            }
        } else {
            let words = frames / WORD_FRAMES;
            let bitmap = &mut group[word as usize..][..words as usize];
            if bitmap.iter().any(|&word| word != 0) {
                return Err(FreeError::AlreadyFree);
            }
            bitmap.fill(!0);
            self.free += frames;
            set_ranks(group, ones(words) << word, WHOLE_WORD);
            let rank = (group[STATE] & RANK) >> RANK_SHIFT;
            self.move_group(index, rank);
        }
        Ok(())
    }

    /// Moves a group from the list of rank `old` to that of the rank that it has now.
    #[inline(never)]
    fn move_group(&mut self, index: usize, old: u32) {
        let group = &mut self.groups[index];
        let (state, new) = (group[STATE], group_rank(group));
        if old != new {
            group[STATE] = state & HOLES;
            if old != 0 {
                self.lists.remove(self.groups, index, old, state);
            }
            if new != 0 {
                self.lists.push(self.groups, index, new, state & HOLES | new << RANK_SHIFT);
            }
        }
    }
}

/// The lists of groups, one for each rank but 0.
///
/// A group's state links it into its list:
///
/// ```text
/// bits 0 … 10    the next group of the list
/// bits 11 … 14   the rank, or all ones if the group has a sole run
/// bit 15         set if not every frame of the group is managed
/// bits 16 … 31   the group before it, unless it is the first of the list
/// ```
///
/// Where there is no next group, the number is one that no group has.
struct Lists {
    /// Bit `r` is set if the list of rank `r` is not empty.
    ranks: u32,
    /// The first group of each list.
    heads: [u16; GROUP_RANKS],
}

const NEXT: u32 = (1 << RANK_SHIFT) - 1;
const RANK_SHIFT: u32 = 11;
const RANK: u32 = 0xF << RANK_SHIFT;
const SOLE: u32 = RANK;
const HOLES: u32 = 1 << 15;
const BEFORE_SHIFT: u32 = 16;
const BEFORE: u32 = !0 << BEFORE_SHIFT;
/// No group: one more than the largest index that a group can have.
const NO_GROUP: u32 = FRAME_COUNT / GROUP_FRAMES;

impl Lists {
    const EMPTY: Self = Self { ranks: 0, heads: [NO_GROUP as u16; GROUP_RANKS] };

    /// The smallest rank from `rank` up that some group has, and the first such group.
    #[inline]
    fn smallest(&self, rank: u32) -> Option<(u32, usize)> {
        let rank = NonZeroU32::new(self.ranks & (!0 << rank))?.trailing_zeros();
        Some((rank, usize::from(*self.heads.get(rank as usize)?)))
    }

    /// Makes a group the first of a list. `mark` is its state without the links.
    #[inline]
    fn push(&mut self, groups: &mut [Group], index: usize, rank: u32, mark: u32) {
        let next = u32::from(self.heads[rank as usize]);
        groups[index][STATE] = mark | next;
        if let Some(next) = groups.get_mut(next as usize) {
            next[STATE] = next[STATE] & !BEFORE | (index as u32) << BEFORE_SHIFT;
        }
        self.heads[rank as usize] = index as u16;
        self.ranks |= 1 << rank;
    }

    /// Takes the first group out of a list; `next` is the one after it.
    #[inline]
    fn pop(&mut self, rank: u32, next: u32) {
        self.heads[rank as usize] = next as u16;
        if next == NO_GROUP {
            self.ranks &= !(1 << rank);
        }
    }

    /// Takes any group out of a list.
    #[inline]
    fn remove(&mut self, groups: &mut [Group], index: usize, rank: u32, state: u32) {
        let next = state & NEXT;
        if usize::from(self.heads[rank as usize]) == index {
            return self.pop(rank, next);
        }
        if let Some(before) = groups.get_mut((state >> BEFORE_SHIFT) as usize) {
            before[STATE] = before[STATE] & !NEXT | next;
        }
        if let Some(next) = groups.get_mut(next as usize) {
            next[STATE] = next[STATE] & !BEFORE | state & BEFORE;
        }
    }
}

/// Enters the rank of some words of a group.
#[inline]
fn set_ranks(group: &mut Group, words: u32, rank: u32) {
    for (bit, ranks) in group[RANKS..STATE].iter_mut().enumerate() {
        *ranks = if rank >> bit & 1 != 0 { *ranks | words } else { *ranks & !words };
    }
}

/// The words of a group whose rank is at least `rank`, 1 … 6.
#[inline]
fn words_with(group: &Group, rank: u32) -> u32 {
    let [low, mid, high] = [group[RANKS], group[RANKS + 1], group[RANKS + 2]];
    match rank {
        1 => low | mid | high,
        2 => mid | high,
        3 => low & mid | high,
        4 => high,
        5 => (low | mid) & high,
        _ => mid & high,
    }
}

/// The rank of a group, from those of its words.
#[inline]
fn group_rank(group: &Group) -> u32 {
    let [low, mid, high] = [group[RANKS], group[RANKS + 1], group[RANKS + 2]];
    if mid & high != 0 {
        // Whole words make runs of words as frames make runs of frames.
        WORD_ORDER + rank(mid & high)
    } else if high != 0 {
        4 + u32::from(low & high != 0)
    } else if mid != 0 {
        2 + u32::from(low & mid != 0)
    } else {
        u32::from(low != 0)
    }
}

/// The sole run of a group: the number of its first frame, and its order.
#[inline]
fn sole_run(group: &Group) -> (u32, u32) {
    (group[SOLE_RUN] % FRAME_COUNT, group[SOLE_RUN] >> SOLE_ORDER_SHIFT)
}

/// Enters the sole run of a group into its bitmap.
#[inline(never)]
fn spread(group: &mut Group) {
    let (first, order) = sole_run(group);
    group[STATE] ^= SOLE ^ (order + 1) << RANK_SHIFT;
    group[RANKS..STATE].fill(0);
    let word = first / WORD_FRAMES % BITMAP_WORDS;
    if order == 0 {
        group[word as usize] = 1 << (first % WORD_FRAMES);
        group[RANKS] = 1 << word;
        return;
    }
    if order < WORD_ORDER {
        group[word as usize] = ones(1 << order) << (first % WORD_FRAMES);
        set_ranks(group, 1 << word, order + 1);
    } else {
        let words = 1 << (order - WORD_ORDER);
        group[word as usize..][..words as usize].fill(!0);
        set_ranks(group, ones(words) << word, WHOLE_WORD);
    }
}

/// `count` ones in the lowest bits; `count` is 1 … 32.
#[inline]
fn ones(count: u32) -> u32 {
    u32::MAX >> (u32::BITS - count)
}

/// The bits of a word at which a run of each order can begin.
const STARTS: [u32; 6] = [!0, 0x5555_5555, 0x1111_1111, 0x0101_0101, 0x0001_0001, 1];

/// Given where the runs of one order begin, tells where those of the next begin: two are one.
#[inline]
fn pairs(runs: u32, order: u32) -> u32 {
    runs & runs >> (1 << order) & STARTS[order as usize + 1]
}

/// 0 if no bit of `word` is set, otherwise 1 + the order of its largest run of ones.
#[inline]
fn rank(word: u32) -> u32 {
    let mut runs = word;
    for order in 0..WORD_ORDER {
        if runs == 0 {
            return order;
        }
        runs = pairs(runs, order);
    }
    WORD_ORDER + u32::from(runs != 0)
}

/// Chooses a run of ones in `word`, which has one of this order: the bit at
/// which it begins. It is part of the smallest that will do.
///
/// If the word's rank falls when the run is taken, also says to which: 0 stands
/// for any that is not larger than the order.
#[inline]
fn split(word: u32, order: u32) -> (u32, Option<u32>) {
    let mut runs = (0..order).fold(word, pairs);
    for size in order..WORD_ORDER {
        let larger = pairs(runs, size);
        let alone = runs & !(larger | larger << (1 << size));
        if alone != 0 {
            // All larger runs stay. So does the rank, unless this is the only one of the largest size.
            let falls = larger == 0 && alone & (alone - 1) == 0;
            return (alone.trailing_zeros(), falls.then_some(if size == order { 0 } else { size }));
        }
        runs = larger;
    }
    (0, Some(if order == WORD_ORDER { 0 } else { WORD_ORDER }))
}

/// The rank of a word that had the bits `before` and gets one more run, if it rises.
#[inline]
fn join(before: u32, bit: u32, order: u32) -> Option<u32> {
    let mut runs = (0..order).fold(before, pairs);
    let (mut bit, mut order) = (bit, order);
    // While the run's buddy is free too, both are one run of the next order.
    while order < WORD_ORDER && runs >> (bit ^ 1 << order) & 1 != 0 {
        runs = pairs(runs, order);
        bit &= !(1 << order);
        order += 1;
    }
    (runs == 0).then_some(order + 1)
}

/// The frame of this number, which is below 4 GiB.
#[inline]
fn frame(number: u32) -> Frame {
    Frame::containing(PhysAddr::new(number << PAGE_SHIFT))
}

// From here on: how the records come about.

impl Pmm {
    /// Enters what is usable, except what was borrowed, into the records, which are all zero.
    fn enter(&mut self, map: &MemoryMap<'_>, borrowed: FrameRange, extents: &'static mut [Extent]) {
        let mut count = 0;
        for usable in usable_ranges(map) {
            let before = FrameRange::new(usable.first(), usable.end().min(borrowed.first()));
            let after = FrameRange::new(usable.first().max(borrowed.end()), usable.end());
            for part in [before, after] {
                if !part.is_empty() {
                    extents[count] = [part.first(), part.end()];
                    count += 1;
                    self.managed += part.len();
                    self.mark_free(part);
                }
            }
        }
        self.extents = &extents[..count];
        self.free = self.managed;

        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            for word in 0..BITMAP_WORDS {
                let rank = rank(group[word as usize]);
                set_ranks(group, 1 << word, rank);
            }
            if group[..RANKS].iter().any(|&word| word != !0) {
                group[STATE] = HOLES;
            }
            self.move_group(index, 0);
        }
    }

    /// Sets the bits of `frames`.
    fn mark_free(&mut self, frames: FrameRange) {
        let base = self.first_group * GROUP_FRAMES;
        let (mut at, end) = (frames.first() - base, frames.end() - base);
        while at < end {
            let (word, bit) = (at / WORD_FRAMES, at % WORD_FRAMES);
            let count = (WORD_FRAMES - bit).min(end - at);
            self.groups[(word / BITMAP_WORDS) as usize][(word % BITMAP_WORDS) as usize] |= ones(count) << bit;
            at += count;
        }
    }
}

/// Whether all of `frames` are managed; there is at least one.
fn is_managed(extents: &[Extent], frames: FrameRange) -> bool {
    let next = extents.partition_point(|&[_, end]| end <= frames.first());
    extents.get(next).is_some_and(|&[first, end]| first <= frames.first() && frames.end() <= end)
}

/// Borrows the lowest frames that are reachable and hold this many bytes.
fn borrow(
    map: &MemoryMap<'_>,
    lender: &mut dyn MetadataLender,
    bytes: usize,
) -> Result<(FrameRange, &'static mut [u32]), InitError> {
    let frames = bytes.div_ceil(PAGE_SIZE as usize) as u32;
    let reachable = lender.reachable();
    for usable in usable_ranges(map) {
        let first = usable.first().max(reachable.first());
        let room = FrameRange::new(first, usable.end().min(reachable.end()));
        if room.len() >= frames {
            let range = FrameRange::new(first, first + frames);
            if let Ok(words) = lender.lend(range) {
                return Ok((range, words));
            }
        }
    }
    Err(InitError::NoRoomForMetadata)
}

/// The usable frames, as ranges in ascending order that do not touch.
fn usable_ranges(map: &MemoryMap<'_>) -> impl Iterator<Item = FrameRange> {
    let mut from = 0;
    iter::from_fn(move || {
        let range = next_usable(map, from)?;
        from = range.end();
        Some(range)
    })
}

/// The first usable range that begins at frame number `from` or later.
///
/// Needs no memory, and one look at the whole map for each bound that it passes.
fn next_usable(map: &MemoryMap<'_>, from: u32) -> Option<FrameRange> {
    let page = u64::from(PAGE_SIZE);
    let usable = || map.regions.iter().filter(|r| r.kind == RegionKind::Usable).map(|r| below_4_gib(r.base, r.length));
    let mut first = u64::from(from);
    loop {
        // The first frame that begins in a usable region.
        let byte = usable().filter(|r| r.end > first * page).map(|r| r.start.max(first * page)).min()?;
        first = byte.div_ceil(page);
        if let Some(end) = taken(map).filter(|t| t.start <= first && first < t.end).map(|t| t.end).max() {
            first = end;
            continue;
        }
        // As far as one usable region after another reaches.
        let mut reach = first * page;
        while let Some(end) = usable().filter(|r| r.start <= reach && reach < r.end).map(|r| r.end).max() {
            reach = end;
        }
        let next_taken = taken(map).map(|t| t.start).filter(|&start| start > first).min();
        let end = (reach / page).min(next_taken.unwrap_or(u64::MAX));
        if end > first {
            return Some(FrameRange::new(first as u32, end as u32));
        }
        first += 1;
    }
}

/// What is unusable or reserved, in numbers of frames: each frame of which some byte is.
fn taken(map: &MemoryMap<'_>) -> impl Iterator<Item = PhysRange> {
    let unusable = map.regions.iter().filter(|r| r.kind == RegionKind::Unusable).map(|r| below_4_gib(r.base, r.length));
    let reserved = map.reserved.iter().map(|r| below_4_gib(r.start, r.end.saturating_sub(r.start)));
    unusable.chain(reserved).filter(|range| range.start < range.end).map(|range| PhysRange {
        start: range.start / u64::from(PAGE_SIZE),
        end: range.end.div_ceil(u64::from(PAGE_SIZE)),
    })
}

/// The bytes of a range that lie below 4 GiB.
fn below_4_gib(start: u64, length: u64) -> PhysRange {
    let limit = u64::from(FRAME_COUNT) * u64::from(PAGE_SIZE);
    PhysRange { start: start.min(limit), end: start.saturating_add(length).min(limit) }
}
