//! The usable frames of a memory map: steps 1 and 2.

use core::iter;

use mm_api::layout::{FRAME_COUNT, PAGE_SIZE};
use mm_api::{Frame, FrameRange, MemoryMap, PhysRange, RegionKind};

/// Bytes in a frame. The map counts in 64 bits, and so does this file.
const PAGE: u64 = PAGE_SIZE as u64;

/// Step 1: whether every byte of `frame` is in some usable region, none of it
/// is in an unusable one, and none of it is in a reserved range.
fn is_usable(map: &MemoryMap<'_>, frame: Frame) -> bool {
    let (start, end) = (u64::from(frame.number()) * PAGE, (u64::from(frame.number()) + 1) * PAGE);
    // Regions may cover the frame only together: where one ends, another one has to go on.
    let mut covered = start;
    let goes_on = |range: &PhysRange, from| range.start <= from && from < range.end.min(end);
    while let Some(range) = regions(map, RegionKind::Usable).find(|range| goes_on(range, covered)) {
        covered = range.end;
    }
    covered >= end && !taken(map).any(|range| range.start < end && start < range.end)
}

/// Step 2: the number after the last usable frame's, if any frame is usable.
pub fn end_of_usable(map: &MemoryMap<'_>) -> Option<u32> {
    usable_ranges(map).last().map(FrameRange::end)
}

/// The usable frames, as ranges in ascending order that do not touch.
pub fn usable_ranges(map: &MemoryMap<'_>) -> impl Iterator<Item = FrameRange> {
    let usable = |number| Frame::new(number).is_some_and(|frame| is_usable(map, frame));
    let mut at = 0;
    iter::from_fn(move || {
        while at < FRAME_COUNT && !usable(at) {
            at = next_edge(map, at);
        }
        let first = at;
        while usable(at) {
            at = next_edge(map, at);
        }
        (first < at).then(|| FrameRange::new(first, at))
    })
}

/// The next number at which the answer of [`is_usable`] can change: where a
/// range of the map begins or ends, also inside a frame. Asking only there
/// saves asking about each of the 2^20 frames.
fn next_edge(map: &MemoryMap<'_>, after: u32) -> u32 {
    let bounds = regions(map, RegionKind::Usable).chain(taken(map)).flat_map(|range| [range.start, range.end]);
    let edges = bounds.flat_map(|byte| [byte / PAGE, byte.div_ceil(PAGE)]).filter(|&edge| edge > u64::from(after));
    edges.fold(FRAME_COUNT, |nearest, edge| u64::from(nearest).min(edge) as u32)
}

/// The bytes that must not be used: the unusable regions and the reserved ranges. None is empty.
fn taken(map: &MemoryMap<'_>) -> impl Iterator<Item = PhysRange> {
    regions(map, RegionKind::Unusable).chain(map.reserved.iter().copied()).filter(|range| range.start < range.end)
}

/// The bytes of all regions of this kind, none of them past the last 64-bit address.
fn regions(map: &MemoryMap<'_>, kind: RegionKind) -> impl Iterator<Item = PhysRange> {
    let regions = map.regions.iter().filter(move |region| region.kind == kind);
    regions.map(|region| PhysRange { start: region.base, end: region.base.saturating_add(region.length) })
}
