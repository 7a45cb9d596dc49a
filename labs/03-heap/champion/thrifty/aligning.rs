//! Placing blocks where some of them are aligned.
//!
//! An aligned block may begin only at a *boundary*: a multiple of its alignment. Any other block may
//! lie across boundaries or beside them, and each boundary that it covers is lost to aligned blocks.
//! So of all places, this takes the one whose coarsest covered boundary is finest, such as a gap
//! between two blocks that are aligned to pages.

use super::header::Block;
use super::placing::{Place, Request};
use super::region::WORD;
use super::{Heap, MIN_BLOCK};

/// How many free blocks that have a place are considered.
const LOOKS: u32 = 16;

/// The first place in a free block, or the memory behind it, whose block begins at a multiple of
/// `align`. The rest in front of it is nothing, or enough for a block.
pub fn first_place(free: u32, align: u32) -> u32 {
    let at = (free + WORD).next_multiple_of(align) - WORD;
    if at != free && at - free < MIN_BLOCK { at + align } else { at }
}

/// The last such place in a free block, which has the first.
fn last_place(free: Block, need: u32, align: u32) -> u32 {
    let at = ((free.end() - need + WORD) & align.wrapping_neg()) - WORD;
    if at != free.at && at - free.at < MIN_BLOCK { at - align } else { at }
}

/// The coarsest boundary that a block covers, as a power of two: of all addresses at which this block,
/// or another one in its place, could begin, the multiple of the largest power of two counts.
fn covers(at: u32, need: u32) -> u32 {
    let before = at + WORD - 1;
    (before ^ (before + need)).ilog2()
}

impl Heap<'_> {
    /// The place whose coarsest covered boundary is finest, where no boundary counts as coarser than the
    /// coarsest alignment so far. Of several such places, the one in the smallest free block. The search
    /// tries both ends of the lowest [`LOOKS`] free blocks that have a place.
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
