//! An alternative: the page tables are the only record of the stacks.
//!
//! A place is taken if its topmost page is mapped. The places begin at the end of
//! the area, so that surplus pages are its first ones, and the highest
//! free place is used first. Pages are cleared word by word, as slowly as a
//! student would do it.

use mm_api::layout::PAGE_SIZE;
use mm_api::{KERNEL_STACK_PAGES, KernelStack, KernelStacks, Page, PageRange, Pages, StackError, VirtAddr};

/// The kernel's stacks.
pub struct StackArea {
    area: PageRange,
}

impl StackArea {
    /// The stacks' pages in all places, the highest first.
    fn places(&self) -> impl Iterator<Item = PageRange> + use<> {
        let Self { area } = *self;
        let ends = (area.first().number()..=area.end()).rev().step_by(KERNEL_STACK_PAGES as usize + 1);
        // The guard belongs to the area, too.
        ends.map_while(move |end| {
            let first = end.checked_sub(KERNEL_STACK_PAGES).filter(|first| *first > area.first().number())?;
            PageRange::new(Page::new(first)?, KERNEL_STACK_PAGES)
        })
    }
}

impl KernelStacks for StackArea {
    fn new(area: PageRange) -> Self {
        Self { area }
    }

    fn create(&mut self, pages: &mut dyn Pages) -> Result<KernelStack, StackError> {
        let last = |place: &PageRange| Page::new(place.end() - 1);
        let free = self.places().find(|place| last(place).is_some_and(|page| !pages.is_mapped(page)));
        let place = free.ok_or(StackError::NoRoom)?;
        let mut mapped = 0;
        for page in place.iter().rev() {
            if let Err(error) = pages.map(page) {
                place.iter().rev().take(mapped).for_each(|page| pages.unmap(page));
                return Err(error.into());
            }
            for word in 0..PAGE_SIZE / 4 {
                pages.write(VirtAddr::new(page.start().as_u32() + 4 * word), &[0; 4]);
            }
            mapped += 1;
        }
        Ok(KernelStack::new(place))
    }

    fn destroy(&mut self, pages: &mut dyn Pages, stack: KernelStack) {
        stack.pages().iter().for_each(|page| pages.unmap(page));
    }
}
