//! Taking back a run. The code is compiled twice, as in `taking.rs`.

use mm_api::{Frame, FrameRange, FreeError, Order};

use super::Pmm;
use super::extents::is_managed;
use super::group::{
    BITMAP_WORDS, GROUP_FRAMES, HOLES, RANK, RANK_SHIFT, SOLE, SOLE_ORDER_SHIFT, SOLE_RUN, STATE, set_ranks, sole_run,
    spread,
};
use super::words::{WHOLE_WORD, WORD_FRAMES, WORD_ORDER, join, ones};

impl Pmm {
    /// Takes back a run.
    #[inline(always)]
    pub(super) fn give(&mut self, first: Frame, order: Order) -> Result<(), FreeError> {
        let index = (first.number() / GROUP_FRAMES).wrapping_sub(self.first_group) as usize;
        let groups = &mut *self.groups;
        if let Some(group) = groups.get_mut(index)
            && group[STATE] == 0
        {
            group[SOLE_RUN] = first.number() | order.power() << SOLE_ORDER_SHIFT;
            self.free += order.frames();
            self.lists.push(groups, index, order.power() + 1, SOLE);
            return Ok(());
        }
        if order == Order::ZERO { self.give_frame(index, first) } else { self.give_run(index, first, order) }
    }

    #[inline(never)]
    fn give_frame(&mut self, index: usize, first: Frame) -> Result<(), FreeError> {
        self.give_part(index, first, Order::ZERO)
    }

    #[inline(never)]
    fn give_run(&mut self, index: usize, first: Frame, order: Order) -> Result<(), FreeError> {
        self.give_part(index, first, order)
    }

    /// Takes back a run into a group that has free frames already, or frames that are not managed.
    #[inline(always)]
    fn give_part(&mut self, index: usize, first: Frame, order: Order) -> Result<(), FreeError> {
        let group = self.groups.get_mut(index).ok_or(FreeError::NotManaged)?;
        let (number, frames) = (first.number(), order.frames());
        if group[STATE] & HOLES != 0 && !is_managed(self.extents, FrameRange::new(number, number + frames)) {
            return Err(FreeError::NotManaged);
        }
        if group[STATE] & RANK == SOLE {
            let (sole, sole_order) = sole_run(group);
            let larger = order.power().max(sole_order);
            if sole >> larger == number >> larger {
                return Err(FreeError::AlreadyFree);
            }
            spread(group);
        }
        let word = number / WORD_FRAMES % BITMAP_WORDS;
        if order.power() < WORD_ORDER {
            let (before, bit) = (group[word as usize], number % WORD_FRAMES);
            let run = ones(frames) << bit;
            if before & run != 0 {
                return Err(FreeError::AlreadyFree);
            }
            group[word as usize] = before | run;
            self.free += frames;
            let new = if before == 0 {
                set_ranks(group, 1 << word, order.power() + 1);
                order.power() + 1
            } else {
                let Some(new) = join(before, bit, order.power()) else { return Ok(()) };
                set_ranks(group, 1 << word, new);
                new
            };
            let rank = (group[STATE] & RANK) >> RANK_SHIFT;
            if new > rank || new == WHOLE_WORD {
                self.move_group(index, rank);
            }
        } else {
            let words = frames / WORD_FRAMES;
            let bitmap = &mut group[word as usize..][..words as usize];
            if bitmap.iter().any(|&word| word != 0) {
                return Err(FreeError::AlreadyFree);
            }
            bitmap.fill(!0);
            self.free += frames;
            set_ranks(group, ones(words) << word, WHOLE_WORD);
            let rank = (group[STATE] & RANK) >> RANK_SHIFT;
            self.move_group(index, rank);
        }
        Ok(())
    }
}
