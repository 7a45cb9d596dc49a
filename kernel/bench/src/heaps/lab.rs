//! The heaps of lab 03: the student's, the reference and the champion.

use core::alloc::Layout;
use core::mem;
use core::ptr::NonNull;

use mm_api::{HeapMemory, KernelHeap};

use super::candidate::{Candidate, Heap, Work};
use super::memory::Region;

/// The student's heap, or the reference.
pub struct Lab;

/// The reference, measured beside the student's heap.
#[cfg(feature = "heap-reference")]
pub struct Reference;

/// The champion.
#[cfg(feature = "heap-champion")]
pub struct Champion;

/// The champion's variant that needs little memory.
#[cfg(feature = "heap-champion")]
pub struct ThriftyChampion;

/// Gives the heap the whole region at once, as its peers get it.
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

/// Makes a lab's heap a candidate.
macro_rules! candidate {
    ($candidate:ident, $heap:ty) => {
        impl Candidate for $candidate {
            const ELSEWHERE: u32 = size_of::<$heap>() as u32;

            fn with(region: &Region<'_>, work: Work<'_>) {
                let mut memory = AtOnce { left: region.bytes };
                // SAFETY: the memory is new, the region begins at a page, and belongs to this heap
                // alone. The heap is not moved out of this function.
                let built = unsafe { <$heap>::new(region.base, &mut memory) };
                if let Ok(heap) = built {
                    work(&mut Measured(heap));
                }
            }
        }
    };
}

candidate!(Lab, heap::Heap<'_>);
#[cfg(feature = "heap-reference")]
candidate!(Reference, heap::measured_beside::reference::Heap<'_>);
#[cfg(feature = "heap-champion")]
candidate!(Champion, heap::measured_beside::champion::Heap<'_>);
#[cfg(feature = "heap-champion")]
candidate!(ThriftyChampion, heap::measured_beside::champion::thrifty::Heap<'_>);

/// A lab's heap behind the interface for measurements.
struct Measured<H>(H);

impl<H: KernelHeap> Heap for Measured<H> {
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
