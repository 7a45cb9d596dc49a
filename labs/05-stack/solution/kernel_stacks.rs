//! Lab 05, the reference: the stacks of the kernel.

use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START, PAGE_SIZE};
use mm_api::{KERNEL_STACK_PAGES, KernelStack, KernelStacks, PageRange, Pages, StackError};

use crate::zeroed_pages;

/// Pages of a place: the guard page, and the stack's above it.
const PLACE_PAGES: u32 = 1 + KERNEL_STACK_PAGES;

/// The largest area's pages.
const AREA_MAX: u32 = (KERNEL_STACKS_END.as_u32() - KERNEL_STACKS_START.as_u32()) / PAGE_SIZE;

/// How many words hold one bit for each place of the largest area.
const WORDS: usize = (AREA_MAX / PLACE_PAGES).div_ceil(u32::BITS) as usize;

/// The kernel's stacks: the area, cut into places of the same size.
pub struct StackArea {
    area: PageRange,
    /// One bit for each place: set while there is a stack in it.
    taken: [u32; WORDS],
}

impl StackArea {
    /// How many places there are.
    fn places(&self) -> u32 {
        self.area.len() / PLACE_PAGES
    }

    /// The lowest place that is free.
    fn free_place(&self) -> Option<u32> {
        let (word, bits) = (0..).zip(self.taken).find(|(_, bits)| *bits != u32::MAX)?;
        let place = word * u32::BITS + bits.trailing_ones();
        (place < self.places()).then_some(place)
    }

    /// The pages of the stack in a place.
    fn stack(&self, place: u32) -> Option<PageRange> {
        let first = self.area.first().checked_add(place * PLACE_PAGES + 1)?;
        PageRange::new(first, KERNEL_STACK_PAGES)
    }
}

impl KernelStacks for StackArea {
    fn new(area: PageRange) -> Self {
        assert!(area.len() <= AREA_MAX, "{area:?} are more pages than the kernel's stacks may have");
        Self { area, taken: [0; WORDS] }
    }

    fn create(&mut self, pages: &mut dyn Pages) -> Result<KernelStack, StackError> {
        let place = self.free_place().ok_or(StackError::NoRoom)?;
        let stack = self.stack(place).ok_or(StackError::NoRoom)?;
        zeroed_pages::map(pages, stack)?;
        self.taken[(place / u32::BITS) as usize] |= 1 << (place % u32::BITS);
        Ok(KernelStack::new(stack))
    }

    fn destroy(&mut self, pages: &mut dyn Pages, stack: KernelStack) {
        let place = (stack.pages().first().number() - self.area.first().number()) / PLACE_PAGES;
        zeroed_pages::unmap(pages, stack.pages());
        self.taken[(place / u32::BITS) as usize] &= !(1 << (place % u32::BITS));
    }
}
