//! The usable frames of a memory map.

use core::iter;

use mm_api::layout::{FRAME_COUNT, PAGE_SIZE};
use mm_api::{FrameRange, MemoryMap, PhysRange, RegionKind};

/// The usable frames, as ranges in ascending order that do not touch.
pub fn usable_ranges(map: &MemoryMap<'_>) -> impl Iterator<Item = FrameRange> {
    let mut from = 0;
    iter::from_fn(move || {
        let range = next_usable(map, from)?;
        from = range.end();
        Some(range)
    })
}

/// The first usable range that begins at frame number `from` or later.
///
/// It allocates nothing, and reads the whole map once for each bound that it passes.
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

/// The unusable and reserved ranges as frame numbers: each frame with such a byte.
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
