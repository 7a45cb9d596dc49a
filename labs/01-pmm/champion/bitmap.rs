//! Lab 01, the champion: a bitmap in groups that know their largest free run.
//!
//! This is no model to follow: it shows how far the design can go. It takes half the
//! memory of the reference, fewer instructions for a run, and twice the code.
//!
//! | File | What it is about |
//! |:---|:---|
//! | `bitmap.rs` | the answers to the kernel |
//! | `building.rs` | how the records are built |
//! | `taking.rs`, `giving.rs` | runs handed out and taken back |
//! | `group.rs` | the record of a group |
//! | `lists.rs` | groups by the size of their largest run |
//! | `words.rs` | runs in a word |
//! | `extents.rs`, `usable.rs` | which frames are managed, and which are usable |
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
//! The *rank* of a word, or of a group, says how large its largest free run is: 0 if
//! nothing is free, otherwise 1 + the order of that run. Words have ranks 0 … 6,
//! groups 0 … 11. Each of three words holds one bit of all 32 ranks, so a few
//! logical operations find every word that has a large enough run.
//!
//! All groups of one rank are linked in a list. To hand out a run, take the
//! smallest rank that is large enough and has a group, the first group of its
//! list, the first word of that group that has such a run, and the smallest run in
//! that word that is large enough. Nothing here is a search: the number of steps does
//! not depend on how much memory there is, or how much of it is taken. Every rank is
//! exact, so a run is found whenever there is one, and frames that are freed one
//! by one make a large run again because they are neighbours in a bitmap.
//!
//! A group whose free frames are *one* run does without its bitmap: it keeps the
//! number and the order of this *sole run* in word 32. When memory is
//! nearly full most groups are like that, or have nothing free at all.
//!
//! A bitmap cannot tell an allocated frame from one that is not managed. The
//! *extents* can: they are a sorted list of the managed frames. The list is read
//! only for groups with holes in them, which are few.
//!
//! # What it costs
//! 36 words for 1024 frames are 0.141 bytes a frame; an extent is 8 bytes more.

mod building;
mod extents;
mod giving;
mod group;
mod lists;
mod taking;
mod usable;
mod words;

use mm_api::layout::FRAME_COUNT;
use mm_api::{Frame, FrameAllocator, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order};

use building::borrow;
use extents::Extent;
use group::{GROUP_FRAMES, Group, HOLES, RANK_SHIFT, STATE, group_rank};
use lists::Lists;
use usable::usable_ranges;

/// The physical memory manager.
pub struct Pmm {
    /// The records of all groups from the first managed frame's to the last managed frame's.
    groups: &'static mut [Group],
    /// The managed frames, in ascending order. No two extents touch.
    extents: &'static [Extent],
    /// The number of the first group: its first frame's number, divided by the frames in a group.
    first_group: u32,
    /// The groups of each rank.
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
            first = first.min(range.start());
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

impl Pmm {
    /// Moves a group from the list of rank `old` to the list of its present rank.
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
