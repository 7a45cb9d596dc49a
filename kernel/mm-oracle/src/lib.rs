//! What is true of a memory map.
//!
//! The checks and the labs' host tests compare a lab's answers with these.
//! Everything here follows the contract's words one by one and is written to
//! be seen to be right, not to be fast. No lab can depend on this crate.
#![no_std]
#![forbid(unsafe_code)]

use mm_api::layout::{FRAME_COUNT, PAGE_SIZE};
use mm_api::{Frame, MemoryMap, PhysRange, RegionKind};

/// Whether `frame` is usable: every byte of it in some usable region, none of
/// it in an unusable one, and none of it reserved.
#[must_use]
pub fn is_usable(map: &MemoryMap<'_>, frame: Frame) -> bool {
    let start = u64::from(frame.start().as_u32());
    let whole = PhysRange { start, end: start + u64::from(PAGE_SIZE) };
    let touches = |range: PhysRange| range.start < range.end && range.start < whole.end && whole.start < range.end;

    let regions = |kind| map.regions.iter().filter(move |r| r.kind == kind).map(|r| byte_range(r.base, r.length));
    if regions(RegionKind::Unusable).any(touches) || map.reserved.iter().copied().any(touches) {
        return false;
    }
    // Usable regions may overlap or touch, and cover a frame only together:
    // walk through the frame, each time as far as some region reaches.
    let mut covered = whole.start;
    while covered < whole.end {
        let reach = regions(RegionKind::Usable).filter(|r| r.start <= covered && covered < r.end).map(|r| r.end).max();
        match reach {
            Some(end) => covered = end,
            None => return false,
        }
    }
    true
}

/// How many frames below 4 GiB are usable.
#[must_use]
pub fn usable_frames(map: &MemoryMap<'_>) -> u32 {
    let mut count = 0;
    for number in 0..FRAME_COUNT {
        if Frame::new(number).is_some_and(|frame| is_usable(map, frame)) {
            count += 1;
        }
    }
    count
}

/// The bytes of a region, cut at the last 64-bit address.
fn byte_range(base: u64, length: u64) -> PhysRange {
    PhysRange { start: base, end: base.saturating_add(length) }
}
