//! Placing blocks where some of them are aligned.
//!
//! An aligned block may begin only at a *boundary*: a multiple of its alignment. Any other block may
//! lie across boundaries or beside them, and each one that it covers is a place less for those that
//! need it. So of all places, the one is taken that covers no boundary coarser than it has to, such as
//! what is left between two pages that are aligned to a page.

use super::header::Block;
use super::placing::{Place, Request};
use super::region::WORD;
use super::{Heap, MIN_BLOCK};

/// How many free blocks with a place in them are looked at.
const LOOKS: u32 = 16;

/// The first place in a free block, or the memory behind it, whose block begins at a multiple of
/// `align`. What is left in front of it is nothing, or enough for a block.
pub fn first_place(free: u32, align: u32) -> u32 {
    let at = (free + WORD).next_multiple_of(align) - WORD;
    if at != free && at - free < MIN_BLOCK { at + align } else { at }
}

/// The last such place in a free block, which has the first.
fn last_place(free: Block, need: u32, align: u32) -> u32 {
    let at = ((free.end() - need + WORD) & align.wrapping_neg()) - WORD;
    if at != free.at && at - free.at < MIN_BLOCK { at - align } else { at }
}

/// The power of the coarsest boundary that a block covers: that of the multiple of the largest power of
/// two at which it, or one that took its place, could begin.
fn covers(at: u32, need: u32) -> u32 {
    let before = at + WORD - 1;
    (before ^ (before + need)).ilog2()
}

impl Heap<'_> {
    /// The place that covers no coarser boundary than others, of those that blocks are aligned to; of
    /// several, that in the smallest free block. Both ends of the lowest few free blocks are looked
    /// at, and of those without a place all.
    pub(super) fn choose_aligned(&self, Request { need, align, .. }: Request) -> Option<Place> {
        let coarsest = self.coarsest.ilog2();
        let rank = |place: &Place| (covers(place.at, need).min(coarsest), place.found.free.size, place.at);
        let mut best: Option<Place> = None;
        let mut looks = 0;
        let mut next = self.lowest(need);
        while let Some(found) = next {
            let first = first_place(found.free.at, align);
            if first + need <= found.free.end() {
                for at in [first, last_place(found.free, need, align)] {
                    let place = Place { found, at };
                    if best.as_ref().is_none_or(|best| rank(&place) < rank(best)) {
                        best = Some(place);
                    }
                }
                looks += 1;
                if looks == LOOKS {
                    break;
                }
            }
            next = self.lowest_behind(found.free, need);
        }
        best
    }
}
