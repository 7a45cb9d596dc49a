//! The record of a group.

use mm_api::Order;
use mm_api::layout::FRAME_COUNT;

use super::words::{self, WHOLE_WORD, WORD_FRAMES, WORD_ORDER, ones};

/// Frames in a group: as many as in the largest run.
pub const GROUP_FRAMES: u32 = Order::MAX.frames();
/// Words in a group's bitmap.
pub const BITMAP_WORDS: u32 = GROUP_FRAMES / WORD_FRAMES;
/// How many ranks a group can have.
pub const GROUP_RANKS: usize = Order::MAX.power() as usize + 2;

/// The record of a group.
pub type Group = [u32; STATE + 1];
/// Where the ranks of a group's words begin: a word with bit 0 of each rank, then one each for bits 1 and 2.
pub const RANKS: usize = BITMAP_WORDS as usize;
/// Where a group keeps its sole run: the number of its first frame in the low bits, its order above.
pub const SOLE_RUN: usize = RANKS;
pub const SOLE_ORDER_SHIFT: u32 = FRAME_COUNT.ilog2();
/// Where a group keeps its state. It is 0 if all of the group is managed and allocated.
pub const STATE: usize = RANKS + 3;

// The parts of a state:
//
//     bits 0 … 10    the next group of the list
//     bits 11 … 14   the rank, or all ones if the group has a sole run
//     bit 15         set if not every frame of the group is managed
//     bits 16 … 31   the group before it, unless it is the first of the list
//
// Where there is no next group, the number is one that no group has.
pub const NEXT: u32 = (1 << RANK_SHIFT) - 1;
pub const RANK_SHIFT: u32 = 11;
pub const RANK: u32 = 0xF << RANK_SHIFT;
pub const SOLE: u32 = RANK;
pub const HOLES: u32 = 1 << 15;
pub const BEFORE_SHIFT: u32 = 16;
pub const BEFORE: u32 = !0 << BEFORE_SHIFT;
/// No group: one more than the largest index that a group can have.
pub const NO_GROUP: u32 = FRAME_COUNT / GROUP_FRAMES;

/// Enters the rank of some words of a group.
#[inline]
pub fn set_ranks(group: &mut Group, words: u32, rank: u32) {
    for (bit, ranks) in group[RANKS..STATE].iter_mut().enumerate() {
        *ranks = if rank >> bit & 1 != 0 { *ranks | words } else { *ranks & !words };
    }
}

/// The words of a group whose rank is at least `rank`, 1 … 6.
#[inline]
pub fn words_with(group: &Group, rank: u32) -> u32 {
    let [low, mid, high] = [group[RANKS], group[RANKS + 1], group[RANKS + 2]];
    match rank {
        1 => low | mid | high,
        2 => mid | high,
        3 => low & mid | high,
        4 => high,
        5 => (low | mid) & high,
        _ => mid & high,
    }
}

/// The rank of a group, from those of its words.
#[inline]
pub fn group_rank(group: &Group) -> u32 {
    let [low, mid, high] = [group[RANKS], group[RANKS + 1], group[RANKS + 2]];
    if mid & high != 0 {
        // Whole words make runs of words as frames make runs of frames.
        WORD_ORDER + words::rank(mid & high)
    } else if high != 0 {
        4 + u32::from(low & high != 0)
    } else if mid != 0 {
        2 + u32::from(low & mid != 0)
    } else {
        u32::from(low != 0)
    }
}

/// The sole run of a group: its first frame's number, and its order.
#[inline]
pub fn sole_run(group: &Group) -> (u32, u32) {
    (group[SOLE_RUN] % FRAME_COUNT, group[SOLE_RUN] >> SOLE_ORDER_SHIFT)
}

/// Enters the sole run of a group into its bitmap.
#[inline(never)]
pub fn spread(group: &mut Group) {
    let (first, order) = sole_run(group);
    group[STATE] ^= SOLE ^ (order + 1) << RANK_SHIFT;
    group[RANKS..STATE].fill(0);
    let word = first / WORD_FRAMES % BITMAP_WORDS;
    if order == 0 {
        group[word as usize] = 1 << (first % WORD_FRAMES);
        group[RANKS] = 1 << word;
        return;
    }
    if order < WORD_ORDER {
        group[word as usize] = ones(1 << order) << (first % WORD_FRAMES);
        set_ranks(group, 1 << word, order + 1);
    } else {
        let words = 1 << (order - WORD_ORDER);
        group[word as usize..][..words as usize].fill(!0);
        set_ranks(group, ones(words) << word, WHOLE_WORD);
    }
}
