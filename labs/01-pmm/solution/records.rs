//! Where the records go: step 3.

use mm_api::layout::PAGE_SIZE;
use mm_api::{FrameRange, InitError, MemoryMap};

use super::usable::usable_ranges;

/// Step 3: the lowest frames that hold `words` words, follow each other, are
/// all usable, and are all within `reachable`.
pub fn place_records(map: &MemoryMap<'_>, reachable: FrameRange, words: u32) -> Result<FrameRange, InitError> {
    let frames = (words * size_of::<u32>() as u32).div_ceil(PAGE_SIZE);
    let (first, end) = (reachable.start(), reachable.end());
    let within = |usable: FrameRange| FrameRange::new(usable.start().max(first), usable.end().min(end));
    let room = usable_ranges(map).map(within).find(|room| room.len() >= frames);
    room.map(|room| FrameRange::new(room.start(), room.start() + frames)).ok_or(InitError::NoRoomForMetadata)
}

/// Cuts the next part of the records, `count` words, off from the borrowed words.
/// They are enough for all parts: their number is the sum of the parts' sizes.
pub fn cut(words: &mut &'static mut [u32], count: u32) -> &'static mut [u32] {
    words.split_off_mut(..count as usize).unwrap_or_default()
}
