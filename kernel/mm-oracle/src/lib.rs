//! The true facts about a memory map, page tables and regions.
//!
//! The checks and the labs' host tests compare a lab's answers with these facts.
//! The code follows the contract word by word, so that a reader sees that it is
//! right. It allocates no memory, so the kernel can use it before there is an
//! allocator. No lab can depend on this crate.
#![no_std]
#![forbid(unsafe_code)]

pub mod regions;
pub mod walk;

use core::iter;

use mm_api::layout::{FRAME_COUNT, PAGE_SIZE};
use mm_api::{Frame, FrameRange, MemoryMap, PhysRange, RegionKind};

/// Whether `frame` is usable: every byte of it in some usable region, none of
/// it in an unusable one, and none of it reserved.
#[must_use]
pub fn is_usable(map: &MemoryMap<'_>, frame: Frame) -> bool {
    let start = u64::from(frame.start().as_u32());
    let whole = PhysRange { start, end: start + u64::from(PAGE_SIZE) };
    let touches = |range: PhysRange| range.start < range.end && range.start < whole.end && whole.start < range.end;

    if regions(map, RegionKind::Unusable).any(touches) || map.reserved.iter().copied().any(touches) {
        return false;
    }
    // Usable regions may overlap or touch, and cover a frame only together:
    // walk through the frame, each time as far as some region reaches.
    let mut covered = whole.start;
    while covered < whole.end {
        let here = regions(map, RegionKind::Usable).filter(|r| r.start <= covered && covered < r.end);
        match here.map(|r| r.end).max() {
            Some(end) => covered = end,
            None => return false,
        }
    }
    true
}

/// The usable frames below 4 GiB, as ranges in ascending order. No two of them
/// touch, and none is empty.
///
/// This looks at one frame between every two neighbouring bounds of the map
/// instead of at every frame: for `n` regions and reserved ranges it takes a
/// number of steps in the order of `n²`, however much memory there is.
pub fn usable_ranges<'a>(map: &'a MemoryMap<'a>) -> impl Iterator<Item = FrameRange> + 'a {
    let mut next = 0;
    iter::from_fn(move || {
        while next < FRAME_COUNT {
            let first = next;
            next = same_until(map, first);
            if !usable_number(map, first) {
                continue;
            }
            while next < FRAME_COUNT && usable_number(map, next) {
                next = same_until(map, next);
            }
            return Some(FrameRange::new(first, next));
        }
        None
    })
}

/// How many frames below 4 GiB are usable.
#[must_use]
pub fn usable_frames(map: &MemoryMap<'_>) -> u32 {
    usable_ranges(map).map(FrameRange::len).sum()
}

/// Whether every frame of `frames` is usable. True of an empty range.
#[must_use]
pub fn all_usable(map: &MemoryMap<'_>, frames: FrameRange) -> bool {
    let mut next = frames.start();
    while next < frames.end() {
        if !usable_number(map, next) {
            return false;
        }
        next = same_until(map, next);
    }
    true
}

/// The number of the first frame after `number` that may differ from it in being usable.
///
/// Two neighbouring frames can only differ if some region or reserved range
/// begins or ends between them or inside one of them. So a frame is like all
/// frames before it back to `number`, unless it holds a bound.
fn same_until(map: &MemoryMap<'_>, number: u32) -> u32 {
    let all = map.regions.iter().map(|r| byte_range(r.base, r.length)).chain(map.reserved.iter().copied());
    let bounds = all.flat_map(|range| [range.start, range.end]);
    let holding = bounds.map(|bound| u32::try_from(bound / u64::from(PAGE_SIZE)).unwrap_or(FRAME_COUNT));
    // A bound may also lie inside `number` itself, or on its first byte: then
    // the frame after it may differ.
    let later = holding.filter(|&frame| frame >= number).map(|frame| frame.max(number + 1));
    later.min().unwrap_or(FRAME_COUNT).min(FRAME_COUNT)
}

/// [`is_usable`] by number; no frame past the last one is usable.
fn usable_number(map: &MemoryMap<'_>, number: u32) -> bool {
    Frame::new(number).is_some_and(|frame| is_usable(map, frame))
}

/// The bytes of the regions of one kind.
fn regions<'a>(map: &'a MemoryMap<'a>, kind: RegionKind) -> impl Iterator<Item = PhysRange> + 'a {
    map.regions.iter().filter(move |r| r.kind == kind).map(|r| byte_range(r.base, r.length))
}

/// The bytes of a region, cut at the last 64-bit address.
fn byte_range(base: u64, length: u64) -> PhysRange {
    PhysRange { start: base, end: base.saturating_add(length) }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use mm_api::MemoryRegion;

    use super::*;

    fn usable(base: u64, length: u64) -> MemoryRegion {
        MemoryRegion { base, length, kind: RegionKind::Usable }
    }

    fn unusable(base: u64, length: u64) -> MemoryRegion {
        MemoryRegion { base, length, kind: RegionKind::Unusable }
    }

    /// The ranges of a map, checked frame by frame against [`is_usable`] in
    /// the first 16 MiB and the last 16 MiB.
    #[track_caller]
    fn ranges(regions: &[MemoryRegion], reserved: &[PhysRange]) -> Vec<(u32, u32)> {
        let map = MemoryMap { regions, reserved };
        let ranges: Vec<FrameRange> = usable_ranges(&map).collect();
        for number in (0..4096).chain(FRAME_COUNT - 4096..FRAME_COUNT) {
            let frame = Frame::new(number).unwrap();
            assert_eq!(ranges.iter().any(|r| r.contains(frame)), is_usable(&map, frame), "{frame} of {map:?}");
        }
        assert!(ranges.windows(2).all(|pair| pair[0].end() < pair[1].start()), "{ranges:?}");
        assert_eq!(usable_frames(&map), ranges.iter().map(|r| r.len()).sum());
        assert!(ranges.iter().all(|&r| all_usable(&map, r)));
        ranges.iter().map(|r| (r.start(), r.end())).collect()
    }

    #[test]
    fn no_region_no_frame() {
        assert_eq!(ranges(&[], &[]), []);
        assert_eq!(ranges(&[usable(0x5000, 0)], &[]), []);
    }

    #[test]
    fn a_frame_that_is_only_partly_usable_is_not_usable() {
        assert_eq!(ranges(&[usable(0x1001, 0x2FFE)], &[]), [(2, 3)]);
        assert_eq!(ranges(&[usable(0x1001, 0xFFF)], &[]), []);
    }

    #[test]
    fn regions_may_cover_a_frame_together() {
        assert_eq!(ranges(&[usable(0x2800, 0x1800), usable(0x1000, 0x1800)], &[]), [(1, 4)]);
        assert_eq!(ranges(&[usable(0x2801, 0x17FF), usable(0x1000, 0x1800)], &[]), [(1, 2), (3, 4)]);
    }

    #[test]
    fn an_unusable_region_wins() {
        assert_eq!(ranges(&[usable(0, 0x10000), unusable(0x3FFF, 2)], &[]), [(0, 3), (5, 16)]);
        assert_eq!(ranges(&[unusable(0x3000, 0), usable(0, 0x10000)], &[]), [(0, 16)]);
    }

    #[test]
    fn a_reserved_byte_takes_its_frame() {
        assert_eq!(ranges(&[usable(0, 0x10000)], &[PhysRange { start: 0x3FFF, end: 0x4001 }]), [(0, 3), (5, 16)]);
        assert_eq!(ranges(&[usable(0, 0x10000)], &[PhysRange { start: 0x4001, end: 0x3FFF }]), [(0, 16)]);
    }

    #[test]
    fn memory_beyond_four_gib_does_not_count() {
        assert_eq!(ranges(&[usable(0xFFFF_E000, u64::MAX)], &[]), [(FRAME_COUNT - 2, FRAME_COUNT)]);
        assert_eq!(ranges(&[usable(0x1_0000_0000, 0x1000)], &[]), []);
    }

    #[test]
    fn part_of_a_usable_range_is_all_usable_and_more_is_not() {
        let regions = [usable(0x1000, 0x4000)];
        let map = MemoryMap { regions: &regions, reserved: &[] };
        assert!(all_usable(&map, FrameRange::EMPTY));
        assert!(all_usable(&map, FrameRange::new(1, 5)));
        assert!(!all_usable(&map, FrameRange::new(0, 5)));
        assert!(!all_usable(&map, FrameRange::new(1, 6)));
    }
}
