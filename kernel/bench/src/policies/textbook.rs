//! The textbook's heap as a candidate.

use core::alloc::Layout;
use core::ptr::NonNull;

use textbook_heap::{Textbook, Variant};

use crate::heaps::{Candidate, Heap, Region, Work};

impl<V: Variant> Candidate for Textbook<V> {
    fn with(region: &Region<'_>, work: Work<'_>) {
        if region.bytes > 2 * Self::MIN {
            // SAFETY: the region belongs to this heap alone while it is borrowed, and begins at a
            // page.
            work(&mut unsafe { Self::new(region.base, region.bytes) });
        }
    }
}

impl<V: Variant> Heap for Textbook<V> {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        Textbook::allocate(self, layout)
    }

    unsafe fn free(&mut self, block: NonNull<u8>, _layout: Layout) -> bool {
        // SAFETY: the caller's promise.
        unsafe { Textbook::free(self, block) };
        true
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        unsafe { Textbook::reallocate(self, block, old, new) }
    }
}
