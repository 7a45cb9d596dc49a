//! A heap that does nothing, to measure the cost of a call itself.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::candidate::{Candidate, Heap, Work};
use super::memory::Region;

/// Does nothing, and hands out the same address every time.
pub struct Nothing(NonNull<u8>);

impl Candidate for Nothing {
    const REAL: bool = false;

    fn with(region: &Region<'_>, work: Work<'_>) {
        work(&mut Self(region.base));
    }
}

impl Heap for Nothing {
    fn allocate(&mut self, _layout: Layout) -> Option<NonNull<u8>> {
        Some(self.0)
    }

    unsafe fn free(&mut self, _block: NonNull<u8>, _layout: Layout) -> bool {
        true
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, _old: Layout, _new: Layout) -> Option<NonNull<u8>> {
        Some(block)
    }
}
