//! Lab 05, your third file: the stacks of the kernel.
//!
//! While the kernel works for a process it uses a stack that belongs to the process
//! but lies in the kernel's half. That stack cannot grow on a page fault: the fault
//! would be handled on that very stack. So an overflow must hit a page that is not
//! mapped, the guard page, and not another process's stack.
//!
//! # The suggested design
//! The area is cut into places of the same size, each with its guard page below:
//!
//! ```text
//! ┌───────┬───────────────────────────┬───────┬───────────────────────────┬──
//! │ guard │ stack                     │ guard │ stack                     │ …
//! └───────┴───────────────────────────┴───────┴───────────────────────────┴──
//! area.first()
//! ```
//!
//! A bit for each place says whether it is taken. It is a suggestion: rename,
//! change or drop every private item here. Only the trait is fixed.
//!
//! Replace every `todo!()`.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START, PAGE_SIZE};
use mm_api::{KERNEL_STACK_PAGES, KernelStack, KernelStacks, PageRange, Pages, StackError};

use crate::zeroed_pages;

/// Pages of a place: the guard page, and the stack's above it.
const PLACE_PAGES: u32 = 1 + KERNEL_STACK_PAGES;

/// The most pages that an area can have.
const AREA_MAX: u32 = (KERNEL_STACKS_END.as_u32() - KERNEL_STACKS_START.as_u32()) / PAGE_SIZE;

/// How many words have a bit for each place of the largest area.
const WORDS: usize = (AREA_MAX / PLACE_PAGES).div_ceil(u32::BITS) as usize;

/// The kernel's stacks: the area, cut into places of the same size.
pub struct StackArea {
    area: PageRange,
    /// One bit for each place: set while there is a stack in it.
    taken: [u32; WORDS],
}

impl StackArea {
    /// Step 8a: a place that is free; `None` if there is none.
    ///
    /// The area need not be a whole number of places, and `taken` has bits for more
    /// places than a small area has.
    fn free_place(&self) -> Option<u32> {
        todo!("step 8a: find a place")
    }

    /// Step 8b: the pages of the stack in a place, without the guard page.
    fn stack(&self, place: u32) -> Option<PageRange> {
        todo!("step 8b: from a place to a stack's pages")
    }
}

impl KernelStacks for StackArea {
    /// No stacks yet. This one is written for you.
    fn new(area: PageRange) -> Self {
        assert!(area.len() <= AREA_MAX, "{area:?} are more pages than the kernel's stacks may have");
        Self { area, taken: [0; WORDS] }
    }

    /// Step 8c: makes a stack. Return it as `KernelStack::new(pages)`.
    ///
    /// # Errors
    /// - [`StackError::NoRoom`] if every place is taken.
    /// - Those of [`zeroed_pages::map`]. The place is still free then.
    fn create(&mut self, pages: &mut dyn Pages) -> Result<KernelStack, StackError> {
        todo!("step 8c: make a stack")
    }

    /// Step 9: unmaps a stack's pages. Its place is free again.
    fn destroy(&mut self, pages: &mut dyn Pages, stack: KernelStack) {
        todo!("step 9: destroy a stack")
    }
}
