//! Taking a run.
//!
//! Single frames and runs share the same code, compiled twice: for a single frame
//! the order is known, so the compiler removes much of the code.

use mm_api::layout::PAGE_SHIFT;
use mm_api::{Frame, Order, PhysAddr};

use super::Pmm;
use super::group::{
    BITMAP_WORDS, GROUP_FRAMES, NEXT, RANK, SOLE, SOLE_RUN, STATE, group_rank, set_ranks, spread, words_with,
};
use super::words::{self, WHOLE_WORD, WORD_FRAMES, WORD_ORDER, ones, split};

impl Pmm {
    /// Takes a free run, and returns its first frame.
    #[inline(always)]
    pub(super) fn take(&mut self, order: Order) -> Option<Frame> {
        let wanted = order.power() + 1;
        let (rank, index) = self.lists.smallest(wanted)?;
        let group = self.groups.get_mut(index)?;
        let state = group[STATE];
        if rank == wanted && state & RANK == SOLE {
            self.lists.pop(rank, state & NEXT);
            group[STATE] = 0;
            self.free -= order.frames();
            return Some(frame(group[SOLE_RUN]));
        }
        if order == Order::ZERO { self.take_frame(rank, index) } else { self.take_run(rank, index, order) }
    }

    #[inline(never)]
    fn take_frame(&mut self, rank: u32, index: usize) -> Option<Frame> {
        self.take_part(rank, index, Order::ZERO)
    }

    #[inline(never)]
    fn take_run(&mut self, rank: u32, index: usize, order: Order) -> Option<Frame> {
        self.take_part(rank, index, order)
    }

    /// Takes a run from a group of this rank that has more free frames than that.
    #[inline(always)]
    fn take_part(&mut self, rank: u32, index: usize, order: Order) -> Option<Frame> {
        let group = self.groups.get_mut(index)?;
        if group[STATE] & RANK == SOLE {
            spread(group);
        }
        self.free -= order.frames();
        let number = (self.first_group + index as u32) * GROUP_FRAMES;
        if order.power() < WORD_ORDER {
            let word = words_with(group, order.power() + 1).trailing_zeros() % BITMAP_WORDS;
            let bits = group[word as usize];
            let (bit, fallen) = split(bits, order.power());
            let rest = bits & !(ones(order.frames()) << bit);
            group[word as usize] = rest;
            if let Some(fallen) = fallen {
                set_ranks(group, 1 << word, if fallen == 0 { words::rank(rest) } else { fallen });
                if group_rank(group) != rank {
                    self.move_group(index, rank);
                }
            }
            Some(frame(number + word * WORD_FRAMES + bit))
        } else {
            let (word, _) = split(words_with(group, WHOLE_WORD), order.power() - WORD_ORDER);
            let words = order.frames() / WORD_FRAMES;
            group[word as usize..][..words as usize].fill(0);
            set_ranks(group, ones(words) << word, 0);
            self.move_group(index, rank);
            Some(frame(number + word * WORD_FRAMES))
        }
    }
}

/// The frame with this number. It lies below 4 GiB.
#[inline]
fn frame(number: u32) -> Frame {
    Frame::containing(PhysAddr::new(number << PAGE_SHIFT))
}
