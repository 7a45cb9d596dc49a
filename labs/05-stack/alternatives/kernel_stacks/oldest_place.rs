//! An alternative: a freed place is used again as late as possible.
//!
//! Then a pointer into a destroyed stack faults for a long time, instead of pointing
//! into another process's stack. Places that were never used come first, and after
//! them the freed ones, in the order in which they were freed: a ring of
//! numbers holds them.

use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START, PAGE_SIZE};
use mm_api::{KERNEL_STACK_PAGES, KernelStack, KernelStacks, PageRange, Pages, StackError};

use crate::zeroed_pages;

const PLACE: u32 = KERNEL_STACK_PAGES + 1;

/// The most places of an area.
const MOST: usize = ((KERNEL_STACKS_END.as_u32() - KERNEL_STACKS_START.as_u32()) / PAGE_SIZE / PLACE) as usize;

/// The kernel's stacks.
pub struct StackArea {
    area: PageRange,
    /// How many places have been used so far.
    used: u16,
    /// The numbers of freed places: `waiting` of them, from `oldest` on.
    ring: [u16; MOST],
    oldest: usize,
    waiting: usize,
}

impl StackArea {
    fn place(&self, number: u16) -> Option<PageRange> {
        PageRange::new(self.area.first().checked_add(u32::from(number) * PLACE + 1)?, KERNEL_STACK_PAGES)
    }
}

impl KernelStacks for StackArea {
    fn new(area: PageRange) -> Self {
        Self { area, used: 0, ring: [0; MOST], oldest: 0, waiting: 0 }
    }

    fn create(&mut self, pages: &mut dyn Pages) -> Result<KernelStack, StackError> {
        let fresh = u32::from(self.used) < self.area.len() / PLACE;
        if !fresh && self.waiting == 0 {
            return Err(StackError::NoRoom);
        }
        let number = if fresh { self.used } else { self.ring[self.oldest] };
        let place = self.place(number).ok_or(StackError::NoRoom)?;
        zeroed_pages::map(pages, place)?;
        if fresh {
            self.used += 1;
        } else {
            self.oldest = (self.oldest + 1) % MOST;
            self.waiting -= 1;
        }
        Ok(KernelStack::new(place))
    }

    fn destroy(&mut self, pages: &mut dyn Pages, stack: KernelStack) {
        zeroed_pages::unmap(pages, stack.pages());
        let number = (stack.pages().first().number() - self.area.first().number()) / PLACE;
        self.ring[(self.oldest + self.waiting) % MOST] = number as u16;
        self.waiting += 1;
    }
}
