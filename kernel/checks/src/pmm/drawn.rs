//! Memory maps that the seed decides: the invented ones in another order and at another place, and
//! random ones.

use kernel_core::rng::Rng;
use mm_api::layout::PAGE_SHIFT;
use mm_api::{FrameRange, MemoryMap, MemoryRegion, PhysRange, RegionKind};

use super::maps::{self, Case, reserved, unusable, usable};

/// The most regions, and the most reserved ranges, that a map has here.
const MOST: (usize, usize) = (200, 50);

/// How far maps are moved: their records still lie below 96 MiB, so even records of 16 bytes per frame
/// find room in the MiB that most maps have for them.
const HIGHEST: u64 = 0x0600_0000;

/// A map, and the frames that the kernel can reach.
pub struct Drawn {
    regions: [MemoryRegion; MOST.0],
    reserved: [PhysRange; MOST.1],
    counts: (usize, usize),
    /// The frames that the kernel can reach.
    pub reachable: FrameRange,
}

impl Drawn {
    /// The map of a case, with both lists in another order.
    pub fn shuffled(case: &Case, rng: &mut Rng) -> Self {
        let mut drawn = Self {
            regions: [usable(0, 0); MOST.0],
            reserved: [reserved(0, 0); MOST.1],
            counts: (case.regions.len().min(MOST.0), case.reserved.len().min(MOST.1)),
            reachable: case.reachable,
        };
        let (regions, ranges) = drawn.counts;
        drawn.regions[..regions].copy_from_slice(&case.regions[..regions]);
        drawn.reserved[..ranges].copy_from_slice(&case.reserved[..ranges]);
        shuffle(&mut drawn.regions[..regions], rng);
        shuffle(&mut drawn.reserved[..ranges], rng);
        drawn
    }

    /// The same map, this many whole frames further up. A map that reaches too far for that stays where it is.
    pub fn moved(mut self, rng: &mut Rng) -> Self {
        let regions = self.map().regions.iter().map(|region| region.base.saturating_add(region.length));
        let ranges = self.map().reserved.iter().map(|range| range.start.max(range.end));
        let end = regions.chain(ranges).max().unwrap_or(0);
        let Some(room) = HIGHEST.checked_sub(end) else { return self };
        let frames = rng.below((room >> PAGE_SHIFT) as u32);
        let bytes = u64::from(frames) << PAGE_SHIFT;
        self.regions.iter_mut().for_each(|region| region.base += bytes);
        for range in &mut self.reserved {
            (range.start, range.end) = (range.start + bytes, range.end + bytes);
        }
        self.reachable = FrameRange::new(self.reachable.start(), self.reachable.end() + frames);
        self
    }

    /// Up to 24 regions and 6 reserved ranges between 4 MiB and 13 MiB, of both kinds, that overlap
    /// and begin and end anywhere; and a MiB of usable memory for the records.
    pub fn at_random(rng: &mut Rng) -> Self {
        let mut drawn = Self::shuffled(&Case::of("", &[]), rng);
        let (regions, ranges) = (2 + rng.below(22) as usize, rng.below(7) as usize);
        for region in &mut drawn.regions[..regions] {
            let (start, end) = bounds(rng);
            *region = if rng.below(3) == 0 { unusable(start, end) } else { usable(start, end) };
        }
        for range in &mut drawn.reserved[..ranges] {
            let (start, end) = bounds(rng);
            // Fewer than the usable ones, or no usable memory would be left.
            *range = reserved(start, start + (end - start) / 4);
        }
        drawn.regions[regions] = maps::ROOM;
        drawn.counts = (regions + 1, ranges);
        shuffle(&mut drawn.regions[..=regions], rng);
        drawn
    }

    /// The map as the allocator gets it.
    pub fn map(&self) -> MemoryMap<'_> {
        MemoryMap { regions: &self.regions[..self.counts.0], reserved: &self.reserved[..self.counts.1] }
    }

    /// The number after the last frame that a usable region touches.
    pub fn end(&self) -> u32 {
        let usable = self.map().regions.iter().filter(|region| region.kind == RegionKind::Usable);
        let end = usable.map(|region| region.base.saturating_add(region.length)).max().unwrap_or(0);
        (end >> PAGE_SHIFT) as u32 + 1
    }
}

/// Where a region begins and ends: at a frame's bound, or anywhere.
fn bounds(rng: &mut Rng) -> (u64, u64) {
    let start = 0x40_0000 + u64::from(rng.below(0x80_0000));
    let end = start + u64::from(rng.below(0x10_0000));
    if rng.below(2) == 0 { (start >> PAGE_SHIFT << PAGE_SHIFT, end >> PAGE_SHIFT << PAGE_SHIFT) } else { (start, end) }
}

/// Puts a list into another order (Fisher and Yates; Knuth, TAOCP vol. 2, algorithm 3.4.2 P).
fn shuffle<T>(list: &mut [T], rng: &mut Rng) {
    for last in (1..list.len()).rev() {
        list.swap(last, rng.below(last as u32 + 1) as usize);
    }
}
