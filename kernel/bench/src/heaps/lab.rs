//! The heap of lab 03, the student's or the reference.

use core::alloc::Layout;
use core::mem;
use core::ptr::NonNull;

use mm_api::{HeapMemory, KernelHeap};

use super::candidate::{Candidate, Heap, Work};
use super::memory::Region;

/// The heap of lab 03.
pub struct Lab<'m>(heap::Heap<'m>);

/// Gives the heap the whole region at once, as the peers have it.
struct AtOnce {
    left: u32,
}

impl HeapMemory for AtOnce {
    fn grow(&mut self, bytes: u32) -> Option<u32> {
        if bytes > self.left { None } else { Some(mem::take(&mut self.left)) }
    }

    fn shrink(&mut self, _bytes: u32) -> u32 {
        0
    }
}

impl Candidate for Lab<'_> {
    const ELSEWHERE: u32 = size_of::<Self>() as u32;

    fn with(region: &Region<'_>, work: Work<'_>) {
        let mut memory = AtOnce { left: region.bytes };
        // SAFETY: the memory is new, the region begins at a page, and is this heap's alone.
        let built = unsafe { heap::Heap::new(region.base, &mut memory) };
        if let Ok(heap) = built {
            work(&mut Lab(heap));
        }
    }
}

impl Heap for Lab<'_> {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.allocate(layout).ok()
    }

    unsafe fn free(&mut self, block: NonNull<u8>, _layout: Layout) -> bool {
        self.0.free(block).is_ok()
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, _old: Layout, new: Layout) -> Option<NonNull<u8>> {
        self.0.reallocate(block, new).ok()
    }
}
