//! Building the records.

use mm_api::layout::PAGE_SIZE;
use mm_api::{FrameRange, InitError, MemoryMap, MetadataLender};

use super::Pmm;
use super::extents::Extent;
use super::group::{BITMAP_WORDS, GROUP_FRAMES, HOLES, RANKS, STATE, set_ranks};
use super::usable::usable_ranges;
use super::words::{self, WORD_FRAMES, ones};

impl Pmm {
    /// Enters the usable frames, except those that were borrowed, into the records, which are all zero.
    pub(super) fn enter(&mut self, map: &MemoryMap<'_>, borrowed: FrameRange, extents: &'static mut [Extent]) {
        let mut count = 0;
        for usable in usable_ranges(map) {
            let before = FrameRange::new(usable.start(), usable.end().min(borrowed.start()));
            let after = FrameRange::new(usable.start().max(borrowed.end()), usable.end());
            for part in [before, after] {
                if !part.is_empty() {
                    extents[count] = [part.start(), part.end()];
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
                let rank = words::rank(group[word as usize]);
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
        let (mut at, end) = (frames.start() - base, frames.end() - base);
        while at < end {
            let (word, bit) = (at / WORD_FRAMES, at % WORD_FRAMES);
            let count = (WORD_FRAMES - bit).min(end - at);
            self.groups[(word / BITMAP_WORDS) as usize][(word % BITMAP_WORDS) as usize] |= ones(count) << bit;
            at += count;
        }
    }
}

/// Borrows the lowest frames that are reachable and hold this many bytes.
pub(super) fn borrow(
    map: &MemoryMap<'_>,
    lender: &mut dyn MetadataLender,
    bytes: usize,
) -> Result<(FrameRange, &'static mut [u32]), InitError> {
    let frames = bytes.div_ceil(PAGE_SIZE as usize) as u32;
    let reachable = lender.reachable();
    for usable in usable_ranges(map) {
        let first = usable.start().max(reachable.start());
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
