//! Runs as bits of words.

use core::ops::Range;

use mm_api::{FrameRange, FrameRun};

/// Bits in a word.
pub const BITS: u32 = u32::BITS;

/// How many orders of runs there are in a word: 1, 2, 4, 8, 16 and 32 bits.
pub const ORDERS: usize = 6;

/// Two runs side by side are one run of the next order, if they begin where such a
/// run can. So for each order: the size of its halves, and the bits at which a
/// run can begin. Order 0 has no halves.
const JOINS: [(u32, u32); ORDERS] =
    [(0, !0), (1, 0x5555_5555), (2, 0x1111_1111), (4, 0x0101_0101), (8, 0x0001_0001), (16, 1)];

/// The words that a run has bits in, and which bits those are. A run is
/// aligned, so it is either a part of one word, or some whole words.
#[inline]
pub fn place(run: FrameRun) -> (Range<usize>, u32) {
    let (first, frames) = (run.first().number(), run.order().frames());
    let word = (first / BITS) as usize;
    (word..word + frames.div_ceil(BITS) as usize, u32::MAX >> (BITS - frames.min(BITS)) << (first % BITS))
}

/// The bits that some frames have in a word: those from the first frame up to, not including, their end.
pub fn bits_of(frames: FrameRange, word: u32) -> u32 {
    let below = |number: u32| u32::MAX.unbounded_shr(BITS - number.saturating_sub(word * BITS).min(BITS));
    below(frames.end()) & !below(frames.start())
}

/// The bits of `word` at which a run of ones of this order begins.
pub fn runs(word: u32, power: usize) -> u32 {
    JOINS.iter().take(power + 1).fold(word, |runs, (half, starts)| runs & runs >> half & starts)
}

/// Of how many orders `word` has a run of ones: 0 if it is zero, otherwise one more than the largest.
pub fn order_count(word: u32) -> usize {
    let mut runs = word;
    let has_run = |(half, starts): &&(u32, u32)| {
        runs &= runs >> half & starts;
        runs != 0
    };
    JOINS.iter().take_while(has_run).count()
}
