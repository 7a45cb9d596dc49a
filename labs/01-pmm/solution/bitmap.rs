//! Lab 01, the reference: a bitmap of frames, in groups that know their largest run.
//!
//! # The records
//! Frames are cut into *groups* of 1024, as many as the largest run has, so that
//! no run reaches over the edge of a group. A group's record is 36 words:
//!
//! ```text
//! word 0 … 31   the bitmap: bit b of word w is set if frame 32 w + b of the group is free
//! word 32 … 34  the rank of each word of the bitmap, one bit of the rank in each of these
//! word 35       the rank of the group, and its neighbours in the list of that rank
//! ```
//!
//! The *rank* of a word or a group says how large a free run is in it: 0 if
//! nothing is free, otherwise 1 + the order of its largest run. A word has
//! ranks 0 … 6, a group has ranks 0 … 11. Three bits hold the rank of a word;
//! word 32 holds the lowest bit of all 32 ranks, word 33 the next, word 34 the
//! highest. So a few logical operations on those three words find all
//! words of a group that have a run of some order.
//!
//! Groups of one rank are chained, as in a buddy allocator. To hand out a run:
//! take the smallest rank that is large enough and has a group, the first
//! group of its list, the first word of it that has such a run, and the first
//! such run in it. No step looks at more than one thing, whatever there is to
//! choose from. A free run is found whenever there is one, since every rank is
//! exact: freed neighbours make a larger run just by being set in one bitmap.
//!
//! The bitmap alone cannot tell an allocated frame from one that was never
//! managed. That is what the *extents* are for: a sorted list of what is
//! managed. Only groups with holes in them need to be looked up there.
//!
//! # What it costs
//! 36 words for 1024 frames are 0.141 bytes a frame; an extent is 8 bytes more.

use mm_api::layout::{FRAME_COUNT, PAGE_SIZE};
use mm_api::{
    Frame, FrameAllocator, FrameRange, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order, PhysRange,
    RegionKind,
};

/// Frames in a word of the bitmap.
const WORD_FRAMES: u32 = u32::BITS;
/// Words of the bitmap in a group.
const GROUP_BITMAP: u32 = 32;
/// Frames in a group: as many as in the largest run.
const GROUP_FRAMES: u32 = Order::MAX.frames();
/// Where the ranks of a group's words begin.
const RANKS: usize = GROUP_BITMAP as usize;
/// Where a group's [`Link`] is.
const LINK: usize = RANKS + 3;
/// Words in the record of a group.
const GROUP_WORDS: usize = LINK + 1;

/// The rank of a word whose frames are all free.
const WHOLE_WORD: u32 = 6;
/// How many ranks there are: nothing free, and one for each order.
const RANK_COUNT: usize = Order::MAX.power() as usize + 2;

/// The record of a group.
type Group = [u32; GROUP_WORDS];

/// Frames that follow each other and are all managed: the first one's number,
/// and the number after the last one's.
type Extent = [u32; 2];

/// The physical memory manager.
pub struct Pmm {
    /// The groups, from the one that holds the first managed frame to the one that holds the last.
    groups: &'static mut [Group],
    /// What is managed, in ascending order. No two extents touch.
    extents: &'static mut [Extent],
    /// The number of the first frame of the first group.
    base: u32,
    /// Bit `r` is set if some group has rank `r`. Bit 0 is never set.
    ranks: u32,
    /// The first group in the list of each rank, or [`NO_GROUP`].
    heads: [u16; RANK_COUNT],
    free: u32,
    managed: u32,
}

impl FrameAllocator for Pmm {
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        let (mut extents, mut first, mut end) = (0, FRAME_COUNT, 0);
        for usable in usable_ranges(map) {
            extents += 1;
            first = first.min(usable.first());
            end = usable.end();
        }
        if extents == 0 {
            return Err(InitError::NoUsableMemory);
        }
        let base = first / GROUP_FRAMES * GROUP_FRAMES;
        let groups = (end - base).div_ceil(GROUP_FRAMES) as usize;
        // Borrowing the records may cut one extent in two.
        let extent_words = (extents + 1) * size_of::<Extent>() / size_of::<u32>();
        let (lent, words) = borrow(map, lender, groups * GROUP_WORDS + extent_words)?;

        let (groups, rest) = words.split_at_mut(groups * GROUP_WORDS);
        let (groups, _) = groups.as_chunks_mut();
        let (extents, _) = rest.as_chunks_mut();
        let mut pmm = Self {
            groups,
            extents: &mut [],
            base,
            ranks: 0,
            heads: [NO_GROUP as u16; RANK_COUNT],
            free: 0,
            managed: 0,
        };
        pmm.fill(map, lent, extents);
        if pmm.managed == 0 { Err(InitError::NoUsableMemory) } else { Ok(pmm) }
    }

    fn allocate(&mut self) -> Option<Frame> {
        self.allocate_run(Order::ZERO).map(FrameRun::first)
    }

    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        // Of the groups that have such a run, one whose largest is smallest, to keep large runs whole.
        let enough = self.ranks & (!1 << order.power());
        if enough == 0 {
            return None;
        }
        let index = usize::from(self.heads[enough.trailing_zeros() as usize]);
        let group = &mut self.groups[index];
        let at = if order.power() < WHOLE_WORD - 1 {
            let word = words_with(group, order.power() + 1).trailing_zeros();
            let bit = runs(group[word as usize], order.power()).trailing_zeros();
            group[word as usize] &= !(low_bits(order.frames()) << bit);
            self.rank_word(index, word);
            word * WORD_FRAMES + bit
        } else {
            let word = runs(words_with(group, WHOLE_WORD), order.power() - (WHOLE_WORD - 1)).trailing_zeros();
            self.set_words(index, word, order.frames() / WORD_FRAMES, 0);
            word * WORD_FRAMES
        };
        self.free -= order.frames();
        FrameRun::new(Frame::new(self.base + index as u32 * GROUP_FRAMES + at)?, order)
    }

    fn free(&mut self, frame: Frame) -> Result<(), FreeError> {
        let at = frame.number().wrapping_sub(self.base);
        let index = (at / GROUP_FRAMES) as usize;
        let group = self.groups.get_mut(index).ok_or(FreeError::NotManaged)?;
        if group[LINK] & HOLES != 0 && !is_managed(self.extents, FrameRange::new(frame.number(), frame.number() + 1)) {
            return Err(FreeError::NotManaged);
        }
        let word = at / WORD_FRAMES % GROUP_BITMAP;
        let bit = 1 << (at % WORD_FRAMES);
        if group[word as usize] & bit != 0 {
            return Err(FreeError::AlreadyFree);
        }
        group[word as usize] |= bit;
        self.free += 1;
        self.rank_word(index, word);
        Ok(())
    }

    fn free_run(&mut self, run: FrameRun) -> Result<(), FreeError> {
        let at = run.first().number().wrapping_sub(self.base);
        let index = (at / GROUP_FRAMES) as usize;
        let group = self.groups.get_mut(index).ok_or(FreeError::NotManaged)?;
        if group[LINK] & HOLES != 0 && !is_managed(self.extents, run.frames()) {
            return Err(FreeError::NotManaged);
        }
        let word = at / WORD_FRAMES % GROUP_BITMAP;
        let frames = run.order().frames();
        if frames < WORD_FRAMES {
            let bits = low_bits(frames) << (at % WORD_FRAMES);
            if group[word as usize] & bits != 0 {
                return Err(FreeError::AlreadyFree);
            }
            group[word as usize] |= bits;
            self.rank_word(index, word);
        } else {
            let words = frames / WORD_FRAMES;
            if group[word as usize..][..words as usize].iter().any(|&word| word != 0) {
                return Err(FreeError::AlreadyFree);
            }
            self.set_words(index, word, words, !0);
        }
        self.free += frames;
        Ok(())
    }

    fn free_frames(&self) -> u32 {
        self.free
    }

    fn managed_frames(&self) -> u32 {
        self.managed
    }
}

/// A group's neighbours in the list of its rank, as its last word holds them:
/// eleven bits each for the next and the one before, four for the rank, and
/// [`HOLES`].
struct Link {
    next: u32,
    before: u32,
    rank: u32,
    holes: u32,
}

/// No group: one more than the number of the last there can be.
const NO_GROUP: u32 = FRAME_COUNT / GROUP_FRAMES;
const INDEX_BITS: u32 = 11;
const INDEX: u32 = (1 << INDEX_BITS) - 1;
/// Set in a group's link if not every frame of the group is managed.
const HOLES: u32 = 1 << 31;

impl Link {
    fn unpack(word: u32) -> Self {
        Self {
            next: word & INDEX,
            before: word >> INDEX_BITS & INDEX,
            rank: word >> (2 * INDEX_BITS) & 0xF,
            holes: word & HOLES,
        }
    }

    fn pack(self) -> u32 {
        self.next | self.before << INDEX_BITS | self.rank << (2 * INDEX_BITS) | self.holes
    }
}

impl Pmm {
    /// Enters what is usable, except what was lent, into the records.
    fn fill(&mut self, map: &MemoryMap<'_>, lent: FrameRange, extents: &'static mut [Extent]) {
        let mut count = 0;
        for usable in usable_ranges(map) {
            let before = FrameRange::new(usable.first(), usable.end().min(lent.first()));
            let after = FrameRange::new(usable.first().max(lent.end()), usable.end());
            for part in [before, after] {
                if !part.is_empty() {
                    extents[count] = [part.first(), part.end()];
                    count += 1;
                    self.managed += part.len();
                    self.mark_free(part);
                }
            }
        }
        self.extents = &mut extents[..count];
        self.free = self.managed;
        for index in 0..self.groups.len() {
            let whole = self.groups[index][..RANKS].iter().all(|&word| word == !0);
            self.groups[index][LINK] = if whole { 0 } else { HOLES };
            for word in 0..GROUP_BITMAP {
                self.rank_word(index, word);
            }
        }
    }

    /// Sets the bits of `frames`, and nothing else.
    fn mark_free(&mut self, frames: FrameRange) {
        let (mut at, end) = (frames.first() - self.base, frames.end() - self.base);
        while at < end {
            let bit = at % WORD_FRAMES;
            let count = (WORD_FRAMES - bit).min(end - at);
            let word = at / WORD_FRAMES;
            self.groups[(word / GROUP_BITMAP) as usize][(word % GROUP_BITMAP) as usize] |= low_bits(count) << bit;
            at += count;
        }
    }

    /// Enters the rank of a word whose bits have changed.
    fn rank_word(&mut self, index: usize, word: u32) {
        let rank = rank(self.groups[index][word as usize]);
        self.set_ranks(index, 1 << word, rank);
    }

    /// Gives whole words of the bitmap a value, all zeros or all ones, and enters their ranks.
    fn set_words(&mut self, index: usize, word: u32, count: u32, value: u32) {
        self.groups[index][word as usize..][..count as usize].fill(value);
        self.set_ranks(index, low_bits(count) << word, if value == 0 { 0 } else { WHOLE_WORD });
    }

    /// Enters the rank of some words of a group, which is the same for all of them.
    fn set_ranks(&mut self, index: usize, words: u32, rank: u32) {
        let group = &mut self.groups[index];
        for (bit, ranks) in group[RANKS..LINK].iter_mut().enumerate() {
            if rank >> bit & 1 != 0 {
                *ranks |= words;
            } else {
                *ranks &= !words;
            }
        }
        let rank = group_rank(group);
        let old = Link::unpack(group[LINK]);
        if rank != old.rank {
            self.unchain(&old);
            self.chain(index, rank, old.holes);
        }
    }

    /// Takes a group out of its list.
    fn unchain(&mut self, link: &Link) {
        if link.rank == 0 {
            return;
        }
        if link.before != NO_GROUP {
            let before = &mut self.groups[link.before as usize][LINK];
            *before = *before & !INDEX | link.next;
        } else {
            self.heads[link.rank as usize] = link.next as u16;
            if link.next == NO_GROUP {
                self.ranks &= !(1 << link.rank);
            }
        }
        if link.next != NO_GROUP {
            let next = &mut self.groups[link.next as usize][LINK];
            *next = *next & !(INDEX << INDEX_BITS) | link.before << INDEX_BITS;
        }
    }

    /// Puts a group at the head of the list of its rank.
    fn chain(&mut self, index: usize, rank: u32, holes: u32) {
        let mut link = Link { next: NO_GROUP, before: NO_GROUP, rank, holes };
        if rank != 0 {
            link.next = u32::from(self.heads[rank as usize]);
            if link.next != NO_GROUP {
                let next = &mut self.groups[link.next as usize][LINK];
                *next = *next & !(INDEX << INDEX_BITS) | (index as u32) << INDEX_BITS;
            }
            self.heads[rank as usize] = index as u16;
            self.ranks |= 1 << rank;
        }
        self.groups[index][LINK] = link.pack();
    }
}

/// `count` ones in the lowest bits; `count` is 1 … 32.
fn low_bits(count: u32) -> u32 {
    u32::MAX >> (u32::BITS - count)
}

/// The bits of a word at which a run of each order can begin.
const ALIGNED: [u32; 6] = [!0, 0x5555_5555, 0x1111_1111, 0x0101_0101, 0x0001_0001, 1];

/// The bits of `word` at which a run of `2^order` ones begins, aligned to its size.
fn runs(word: u32, order: u32) -> u32 {
    // Two runs side by side are one of the next order.
    let both = (0..order).fold(word, |runs, half| runs & (runs >> (1 << half)));
    both & ALIGNED[order as usize]
}

/// 0 if no bit of `word` is set, otherwise 1 + the order of its largest aligned run of ones.
fn rank(word: u32) -> u32 {
    let (mut rank, mut runs) = (0, word);
    while runs != 0 && rank < WHOLE_WORD {
        // Two runs side by side are one of the next order.
        runs &= runs >> (1 << rank);
        rank += 1;
        runs &= ALIGNED.get(rank as usize).copied().unwrap_or(0);
    }
    rank
}

/// The words of a group whose rank is at least this, 1 … 6.
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
fn group_rank(group: &Group) -> u32 {
    let [low, mid, high] = [group[RANKS], group[RANKS + 1], group[RANKS + 2]];
    let whole = mid & high;
    if whole != 0 {
        WHOLE_WORD - 1 + rank(whole)
    } else if high != 0 {
        4 + u32::from(low & high != 0)
    } else if mid != 0 {
        2 + u32::from(low & mid != 0)
    } else {
        u32::from(low != 0)
    }
}

/// Whether all of `frames` are managed; there is at least one.
fn is_managed(extents: &[Extent], frames: FrameRange) -> bool {
    let next = extents.partition_point(|&[_, end]| end <= frames.first());
    extents.get(next).is_some_and(|&[first, end]| first <= frames.first() && frames.end() <= end)
}

/// Borrows memory for `words` words: the lowest that is large enough and reachable.
fn borrow(
    map: &MemoryMap<'_>,
    lender: &mut dyn MetadataLender,
    words: usize,
) -> Result<(FrameRange, &'static mut [u32]), InitError> {
    let frames = (words * size_of::<u32>()).div_ceil(PAGE_SIZE as usize) as u32;
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
    core::iter::from_fn(move || {
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
