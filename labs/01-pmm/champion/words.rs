//! Runs in a word.

/// Frames in a word of a bitmap.
pub const WORD_FRAMES: u32 = u32::BITS;

/// The order of a run of as many frames as a word has.
pub const WORD_ORDER: u32 = WORD_FRAMES.ilog2();

/// The rank of a word that is all free.
pub const WHOLE_WORD: u32 = WORD_ORDER + 1;

/// `count` ones in the lowest bits; `count` is 1 … 32.
#[inline]
pub fn ones(count: u32) -> u32 {
    u32::MAX >> (u32::BITS - count)
}

/// The bits of a word at which a run of each order can begin.
const STARTS: [u32; 6] = [!0, 0x5555_5555, 0x1111_1111, 0x0101_0101, 0x0001_0001, 1];

/// Where the runs of the next order begin, given where the runs of this order begin: two make one.
#[inline]
fn pairs(runs: u32, order: u32) -> u32 {
    runs & runs >> (1 << order) & STARTS[order as usize + 1]
}

/// 0 if no bit of `word` is set, otherwise 1 + the order of its largest run of ones.
#[inline]
pub fn rank(word: u32) -> u32 {
    let mut runs = word;
    for order in 0..WORD_ORDER {
        if runs == 0 {
            return order;
        }
        runs = pairs(runs, order);
    }
    WORD_ORDER + u32::from(runs != 0)
}

/// Chooses a run of ones in `word`, which has a run of this order: returns the bit at
/// which it begins. It is part of the smallest run that is large enough.
///
/// If the word's rank falls when the run is taken, also returns the new rank: 0 stands
/// for any rank that is not larger than the order.
#[inline]
pub fn split(word: u32, order: u32) -> (u32, Option<u32>) {
    let mut runs = (0..order).fold(word, pairs);
    for size in order..WORD_ORDER {
        let larger = pairs(runs, size);
        let alone = runs & !(larger | larger << (1 << size));
        if alone != 0 {
            // All larger runs stay. So does the rank, unless this is the only one of the largest size.
            let falls = larger == 0 && alone & (alone - 1) == 0;
            return (alone.trailing_zeros(), falls.then_some(if size == order { 0 } else { size }));
        }
        runs = larger;
    }
    (0, Some(if order == WORD_ORDER { 0 } else { WORD_ORDER }))
}

/// The new rank of a word that had the bits `before` and gets one more run, if the rank rises.
#[inline]
pub fn join(before: u32, bit: u32, order: u32) -> Option<u32> {
    let mut runs = (0..order).fold(before, pairs);
    let (mut bit, mut order) = (bit, order);
    // While the run's buddy is free too, both are one run of the next order.
    while order < WORD_ORDER && runs >> (bit ^ 1 << order) & 1 != 0 {
        runs = pairs(runs, order);
        bit &= !(1 << order);
        order += 1;
    }
    (runs == 0).then_some(order + 1)
}
