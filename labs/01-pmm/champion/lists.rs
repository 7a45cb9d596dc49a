//! The lists of groups, one for each rank but 0.

use core::num::NonZeroU32;

use super::group::{BEFORE, BEFORE_SHIFT, GROUP_RANKS, Group, NEXT, NO_GROUP, STATE};

/// The lists. A group's state links it into its list.
pub struct Lists {
    /// Bit `r` is set if the list of rank `r` is not empty.
    ranks: u32,
    /// The first group of each list.
    heads: [u16; GROUP_RANKS],
}

impl Lists {
    pub const EMPTY: Self = Self { ranks: 0, heads: [NO_GROUP as u16; GROUP_RANKS] };

    /// The smallest rank from `rank` up that some group has, and the first such group.
    #[inline]
    pub fn smallest(&self, rank: u32) -> Option<(u32, usize)> {
        let rank = NonZeroU32::new(self.ranks & (!0 << rank))?.trailing_zeros();
        Some((rank, usize::from(*self.heads.get(rank as usize)?)))
    }

    /// Makes a group the first of a list. `mark` is the group's state without the links.
    #[inline]
    pub fn push(&mut self, groups: &mut [Group], index: usize, rank: u32, mark: u32) {
        let next = u32::from(self.heads[rank as usize]);
        groups[index][STATE] = mark | next;
        if let Some(next) = groups.get_mut(next as usize) {
            next[STATE] = next[STATE] & !BEFORE | (index as u32) << BEFORE_SHIFT;
        }
        self.heads[rank as usize] = index as u16;
        self.ranks |= 1 << rank;
    }

    /// Takes the first group out of a list; `next` is the group after it.
    #[inline]
    pub fn pop(&mut self, rank: u32, next: u32) {
        self.heads[rank as usize] = next as u16;
        if next == NO_GROUP {
            self.ranks &= !(1 << rank);
        }
    }

    /// Takes any group out of a list.
    #[inline]
    pub fn remove(&mut self, groups: &mut [Group], index: usize, rank: u32, state: u32) {
        let next = state & NEXT;
        if usize::from(self.heads[rank as usize]) == index {
            return self.pop(rank, next);
        }
        if let Some(before) = groups.get_mut((state >> BEFORE_SHIFT) as usize) {
            before[STATE] = before[STATE] & !NEXT | next;
        }
        if let Some(next) = groups.get_mut(next as usize) {
            next[STATE] = next[STATE] & !BEFORE | state & BEFORE;
        }
    }
}
