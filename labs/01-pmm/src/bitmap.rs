//! Lab 01, your file: the physical memory manager, which hands out frames.
//!
//! Everything that the kernel puts into memory lies in frames that this component
//! handed out: page tables, heaps, programs, stacks. It must know for every frame
//! whether the frame may be used, and whether it is in use.
//!
//! # What to do
//! Replace every `todo!()`. They are numbered in an order that works, and the checks
//! come in the same order: `cargo grade 01` shows after each step which checks pass.
//! Each item documents its promises; the whole contract is the documentation of
//! [`FrameAllocator`], and `README.md` in the folder above summarises it.
//!
//! No check passes before step 4 is written. Steps 1 to 3 have tests at the end of this
//! file, which run on your own computer within seconds, once they are built:
//! `cargo test --package pmm --lib step_1`.
//!
//! # The suggested records
//! Two bitmaps with one bit for each frame number: *is this frame managed?* and *is it
//! free?* That is simple and earns most of the points. It is a suggestion: rename,
//! change or drop every private item here, the fields included. Only the trait is
//! fixed. (The last two checks count instructions, at most 500 for a frame and 800 for
//! a run, and a search through plain bitmaps will not pass those. Get the rest right
//! first.)
//!
//! # Good to know
//! - There is no heap yet, so no `Vec` and no `Box`: your records live in the
//!   memory that you borrow from the [`MetadataLender`].
//! - `log::info!("free: {}", self.free_count);` works anywhere in this file.
//!   `cargo grade 01 -v` shows the log.
//! - Arithmetic that overflows, and an index past the end of a slice, panic.
//!   The grader then shows you the line.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, dead_code)]

use mm_api::{Frame, FrameAllocator, FrameRange, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order};

/// Bits in a word of the records.
const BITS: u32 = u32::BITS;

/// The physical memory manager.
pub struct Pmm {
    /// One bit per frame, set if the frame is managed. Frame `n` has bit `n % 32`
    /// of word `n / 32`. Does not change once the manager is built.
    managed: &'static mut [u32],
    /// One bit per frame, in the same order, set if the frame is managed *and* free.
    free: &'static mut [u32],
    /// How many bits are set in `managed`.
    managed_count: u32,
    /// How many bits are set in `free`.
    free_count: u32,
}

// Building the records. Each step is a function of its own, so that you can
// get them right one by one; `new`, below, is written for you and calls them.

/// Step 1: whether every byte of `frame` is in some usable region, and no byte
/// is in an unusable region or in a reserved range.
///
/// A map makes no promises. Its regions come in any order, overlap, touch, are
/// empty, begin and end in the middle of a frame, and lie or reach beyond
/// 4 GiB; the end of one, `base + length`, may not even fit in 64 bits. Two
/// regions may cover a frame only together.
fn is_usable(map: &MemoryMap<'_>, frame: Frame) -> bool {
    todo!("step 1: say whether a frame is usable")
}

/// Step 2: the number after the last usable frame's, so that the records need
/// cover only frames below it; 0 if no frame is usable.
fn end_of_usable(map: &MemoryMap<'_>) -> u32 {
    todo!("step 2: say how far the records have to reach")
}

/// Step 3: finds the place for the records: the lowest frames that hold `words`
/// words, follow each other, are all usable, and are all within `reachable`.
///
/// The first usable frames may be too few, and a place may begin within
/// `reachable` and reach out of it.
///
/// # Errors
/// [`InitError::NoRoomForMetadata`] if there is no such place.
fn place_records(map: &MemoryMap<'_>, reachable: FrameRange, words: u32) -> Result<FrameRange, InitError> {
    todo!("step 3: find a place for the records")
}

impl Pmm {
    /// Step 4: marks every usable frame as managed and free, except those that
    /// hold the `records`, and counts what it marked.
    ///
    /// When it is called, no bit is set and both counts are 0.
    fn mark_usable(&mut self, map: &MemoryMap<'_>, records: FrameRange) {
        todo!("step 4: mark the usable frames")
    }

    /// Whether `frame` is managed. Any frame below 4 GiB may be asked for, also
    /// one past the end of the records.
    fn is_managed(&self, frame: Frame) -> bool {
        todo!("step 6: say whether a frame is managed")
    }
}

impl FrameAllocator for Pmm {
    /// Builds the manager: finds out what is usable, borrows memory for the
    /// records, and fills them in.
    ///
    /// # Errors
    /// - [`InitError::NoUsableMemory`] if the map leaves not one whole frame.
    /// - [`InitError::NoRoomForMetadata`] if the records fit nowhere.
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        // Given: the steps above, one after the other.
        let end = end_of_usable(map);
        if end == 0 {
            return Err(InitError::NoUsableMemory);
        }
        let words_each = end.div_ceil(BITS);
        let place = place_records(map, lender.reachable(), 2 * words_each)?;
        let records = lender.lend(place).map_err(|_| InitError::NoRoomForMetadata)?;

        let (managed, rest) = records.split_at_mut(words_each as usize);
        let (free, _) = rest.split_at_mut(words_each as usize);
        let mut pmm = Self { managed, free, managed_count: 0, free_count: 0 };
        pmm.mark_usable(map, place);
        Ok(pmm)
    }

    /// Step 5: takes a free frame, any of them, and marks it as allocated.
    ///
    /// `None` if no frame is free: that is an answer, never a panic.
    fn allocate(&mut self) -> Option<Frame> {
        todo!("step 5: hand out a frame")
    }

    /// Step 6: marks an allocated frame as free.
    ///
    /// # Errors
    /// After an error nothing may have changed.
    /// - [`FreeError::NotManaged`] if the frame is none of this manager's.
    /// - [`FreeError::AlreadyFree`] if it is free already.
    fn free(&mut self, frame: Frame) -> Result<(), FreeError> {
        todo!("step 6: take back a frame")
    }

    /// Step 7: takes `2^order` free frames that follow each other, the first
    /// one's number a multiple of `2^order`.
    ///
    /// `None` only if there is no such run anywhere.
    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        todo!("step 7: hand out a run")
    }

    /// Step 8: marks all frames of a run as free, however they were handed out.
    ///
    /// # Errors
    /// After an error nothing may have changed, not even for those frames of
    /// the run that could have been freed.
    /// - [`FreeError::NotManaged`] if some frame is none of this manager's, even
    ///   if another one is free already.
    /// - [`FreeError::AlreadyFree`] if some frame is free already.
    fn free_run(&mut self, run: FrameRun) -> Result<(), FreeError> {
        todo!("step 8: take back a run")
    }

    /// Step 4: how many managed frames are free now.
    fn free_frames(&self) -> u32 {
        todo!("step 4: say how many frames are free")
    }

    /// Step 4: how many frames are managed, free or not. Never changes.
    fn managed_frames(&self) -> u32 {
        todo!("step 4: say how many frames are managed")
    }
}

/// Tests of steps 1 to 3, for the functions that are suggested above. All of them run with
/// `cargo test --package pmm --lib`, and those of a step with its name, `step_1`, after that.
/// They are yours: add to them, and when you change a function, change its tests, or drop them.
#[cfg(test)]
mod steps {
    use mm_api::{MemoryRegion, PhysRange, RegionKind};

    use super::*;

    const fn usable(start: u64, end: u64) -> MemoryRegion {
        MemoryRegion { base: start, length: end - start, kind: RegionKind::Usable }
    }

    const fn unusable(start: u64, end: u64) -> MemoryRegion {
        MemoryRegion { base: start, length: end - start, kind: RegionKind::Unusable }
    }

    /// Whether a frame is usable, by its number.
    fn is_usable_frame(map: &MemoryMap<'_>, number: u32) -> bool {
        is_usable(map, Frame::new(number).expect("a frame's number"))
    }

    #[test]
    fn step_1_a_frame_is_usable_if_all_of_it_is_in_a_usable_region() {
        let map = MemoryMap { regions: &[usable(0x2000, 0x4000)], reserved: &[] };
        let seen = [1, 2, 3, 4].map(|number| is_usable_frame(&map, number));
        assert_eq!(seen, [false, true, true, false], "frames 1 to 4, of which 2 and 3 are usable");
    }

    #[test]
    fn step_1_a_frame_that_lacks_a_byte_is_not_usable() {
        let map = MemoryMap { regions: &[usable(0x2001, 0x4FFF)], reserved: &[] };
        let seen = [2, 3, 4].map(|number| is_usable_frame(&map, number));
        assert_eq!(seen, [false, true, false], "frames 2 to 4, of which only 3 is whole");
    }

    #[test]
    fn step_1_two_regions_may_cover_a_frame_together() {
        let map = MemoryMap { regions: &[usable(0x2800, 0x3000), usable(0x2000, 0x2800)], reserved: &[] };
        assert!(is_usable_frame(&map, 2), "frame 2: one region has its second half, the other its first");
        let map = MemoryMap { regions: &[usable(0x2801, 0x3000), usable(0x2000, 0x2800)], reserved: &[] };
        assert!(!is_usable_frame(&map, 2), "frame 2: no region has its byte 0x2800");
    }

    #[test]
    fn step_1_one_byte_that_is_unusable_or_reserved_spoils_a_frame() {
        let regions = [unusable(0x3FFF, 0x4001), usable(0x2000, 0x8000)];
        let map = MemoryMap { regions: &regions, reserved: &[PhysRange { start: 0x6800, end: 0x6801 }] };
        let seen = [2, 3, 4, 5, 6, 7].map(|number| is_usable_frame(&map, number));
        assert_eq!(seen, [true, false, false, true, false, true], "frames 2 to 7; 3, 4 and 6 are spoilt");
    }

    #[test]
    fn step_1_an_empty_region_spoils_nothing() {
        let regions = [usable(0x2000, 0x3000), unusable(0x2800, 0x2800)];
        let map = MemoryMap { regions: &regions, reserved: &[PhysRange { start: 0x2400, end: 0x2400 }] };
        assert!(is_usable_frame(&map, 2), "frame 2: the unusable region and the reserved range in it are empty");
    }

    #[test]
    fn step_1_a_region_may_end_past_the_last_address() {
        let all = MemoryRegion { base: 0x2000, length: u64::MAX, kind: RegionKind::Usable };
        let map = MemoryMap { regions: &[all], reserved: &[] };
        assert!(is_usable_frame(&map, 2) && is_usable_frame(&map, 0xF_FFFF), "the first frame and the last one");
    }

    #[test]
    fn step_2_the_records_reach_to_the_last_usable_frame() {
        let regions = [usable(0x10_0000, 0x20_0000), usable(0x2000, 0x4000), unusable(0x30_0000, 0x40_0000)];
        assert_eq!(end_of_usable(&MemoryMap { regions: &regions, reserved: &[] }), 0x200);
        let reserved = [PhysRange { start: 0x1F_E800, end: 0x20_0000 }];
        assert_eq!(end_of_usable(&MemoryMap { regions: &regions, reserved: &reserved }), 0x1FE);
    }

    #[test]
    fn step_2_nothing_usable_is_0() {
        assert_eq!(end_of_usable(&MemoryMap { regions: &[], reserved: &[] }), 0);
        // Half a frame, and memory beyond 4 GiB.
        let regions = [usable(0x2800, 0x3000), usable(0x1_0000_0000, 0x2_0000_0000)];
        assert_eq!(end_of_usable(&MemoryMap { regions: &regions, reserved: &[] }), 0);
    }

    #[test]
    fn step_2_memory_may_reach_beyond_4_gib() {
        let regions = [usable(0x10_0000, 0x2_0000_0000)];
        assert_eq!(end_of_usable(&MemoryMap { regions: &regions, reserved: &[] }), 0x10_0000);
    }

    #[test]
    fn step_3_the_records_go_to_the_lowest_frames_that_follow_each_other() {
        // One frame is too few; then a reserved one is in the way.
        let regions = [usable(0x2000, 0x3000), usable(0x10_0000, 0x20_0000)];
        let map = MemoryMap { regions: &regions, reserved: &[PhysRange { start: 0x10_1000, end: 0x10_1001 }] };
        let everywhere = FrameRange::new(0, 0x1000);
        assert_eq!(place_records(&map, everywhere, 1), Ok(FrameRange::new(2, 3)));
        assert_eq!(place_records(&map, everywhere, 1024), Ok(FrameRange::new(2, 3)), "1024 words are one frame");
        assert_eq!(place_records(&map, everywhere, 1025), Ok(FrameRange::new(0x102, 0x104)), "1025 words are two");
    }

    #[test]
    fn step_3_all_of_the_records_are_within_reach() {
        let map = MemoryMap { regions: &[usable(0x10_0000, 0x20_0000)], reserved: &[] };
        assert_eq!(place_records(&map, FrameRange::new(0x110, 0x112), 2048), Ok(FrameRange::new(0x110, 0x112)));
        let refused = Err(InitError::NoRoomForMetadata);
        assert_eq!(place_records(&map, FrameRange::new(0x110, 0x112), 2049), refused, "three frames, two in reach");
        assert_eq!(place_records(&map, FrameRange::new(0xFF, 0x101), 1025), refused, "of two, one is not usable");
        assert_eq!(place_records(&map, FrameRange::new(0, 0), 1), refused, "nothing is in reach");
    }
}
