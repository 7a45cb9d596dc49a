//! Heaps from crates.io, each used as its documentation says, with one region.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ptr::{self, NonNull};

use talc::TalcCell;
use talc::source::Manual;

use super::candidate::{Candidate, Heap, Work};
use super::memory::Region;

/// Boundary tags, and bins of free blocks by size.
pub struct Talc(TalcCell<Manual>);

impl Candidate for Talc {
    fn with(region: &Region<'_>, work: Work<'_>) {
        let talc = TalcCell::new(Manual);
        // SAFETY: the region belongs to this heap alone.
        if unsafe { talc.claim(region.base.as_ptr(), region.bytes as usize) }.is_some() {
            work(&mut Self(talc));
        }
    }
}

impl Heap for Talc {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: no trace asks for 0 bytes.
        NonNull::new(unsafe { self.0.alloc(layout) })
    }

    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) -> bool {
        // SAFETY: this heap handed the block out for this layout, and it is no longer used.
        unsafe { self.0.dealloc(block.as_ptr(), layout) };
        true
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        // SAFETY: this heap handed the block out for `old`, and no trace asks for 0 bytes.
        NonNull::new(unsafe { self.0.realloc(block.as_ptr(), old, new.size()) })
    }
}

/// Two-level segregated fit, for blocks of up to 64 MiB.
pub struct Rlsf(rlsf::Tlsf<'static, u32, u16, 22, 16>);

impl Candidate for Rlsf {
    fn with(region: &Region<'_>, work: Work<'_>) {
        let mut tlsf = rlsf::Tlsf::new();
        let block = NonNull::slice_from_raw_parts(region.base, region.bytes as usize);
        // SAFETY: the region belongs to this heap alone, and outlives it.
        if unsafe { tlsf.insert_free_block_ptr(block) }.is_some() {
            work(&mut Self(tlsf));
        }
    }
}

impl Heap for Rlsf {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.allocate(layout)
    }

    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) -> bool {
        // SAFETY: this heap handed the block out for this layout, and it is no longer used.
        unsafe { self.0.deallocate(block, layout.align()) };
        true
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, _old: Layout, new: Layout) -> Option<NonNull<u8>> {
        // SAFETY: this heap handed the block out, for the alignment of `new`.
        unsafe { self.0.reallocate(block, new) }
    }
}

/// Doug Lea's malloc.
pub struct Dlmalloc(dlmalloc::Dlmalloc<AtOnce>);

/// Gives the heap the whole region at its first request.
struct AtOnce(Cell<Option<(NonNull<u8>, u32)>>);

// SAFETY: there is one processor, and interrupts are off.
unsafe impl Send for AtOnce {}

// SAFETY: the region belongs to the heap alone. It is handed out once, and never taken back.
unsafe impl dlmalloc::Allocator for AtOnce {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        match self.0.take() {
            Some((base, bytes)) if size <= bytes as usize => (base.as_ptr(), bytes as usize, 0),
            _ => (ptr::null_mut(), 0, 0),
        }
    }

    fn remap(&self, _block: *mut u8, _old: usize, _new: usize, _can_move: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _block: *mut u8, _old: usize, _new: usize) -> bool {
        false
    }

    fn free(&self, _block: *mut u8, _size: usize) -> bool {
        false
    }

    fn can_release_part(&self, _flags: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        false
    }

    fn page_size(&self) -> usize {
        4096
    }
}

impl Candidate for Dlmalloc {
    fn with(region: &Region<'_>, work: Work<'_>) {
        let source = AtOnce(Cell::new(Some((region.base, region.bytes))));
        let mut heap = dlmalloc::Dlmalloc::new_with_allocator(source);
        // The smallest granularity: requests for memory are not rounded up to pages.
        heap.set_granularity(16);
        work(&mut Self(heap));
    }
}

impl Heap for Dlmalloc {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: a layout has a valid size and alignment.
        NonNull::new(unsafe { self.0.malloc(layout.size(), layout.align()) })
    }

    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) -> bool {
        // SAFETY: this heap handed the block out for this layout, and it is no longer used.
        unsafe { self.0.free(block.as_ptr(), layout.size(), layout.align()) };
        true
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        // SAFETY: this heap handed the block out for `old`, and no trace asks for 0 bytes.
        NonNull::new(unsafe { self.0.realloc(block.as_ptr(), old.size(), old.align(), new.size()) })
    }
}

/// First fit, in a list of free memory by ascending address.
pub struct LinkedList(linked_list_allocator::Heap);

impl Candidate for LinkedList {
    fn with(region: &Region<'_>, work: Work<'_>) {
        // SAFETY: the region belongs to this heap alone, and outlives it.
        work(&mut Self(unsafe { linked_list_allocator::Heap::new(region.base.as_ptr(), region.bytes as usize) }));
    }
}

impl Heap for LinkedList {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.allocate_first_fit(layout).ok()
    }

    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) -> bool {
        // SAFETY: this heap handed the block out for this layout, and it is no longer used.
        unsafe { self.0.deallocate(block, layout) };
        true
    }
}

/// The buddy system, with a list for each power of two.
pub struct Buddies(buddy_system_allocator::Heap<26>);

impl Candidate for Buddies {
    fn with(region: &Region<'_>, work: Work<'_>) {
        let mut heap = buddy_system_allocator::Heap::new();
        // SAFETY: the region belongs to this heap alone, and outlives it.
        unsafe { heap.init(region.base.addr().get(), region.bytes as usize) };
        work(&mut Self(heap));
    }
}

impl Heap for Buddies {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.alloc(layout).ok()
    }

    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) -> bool {
        // SAFETY: this heap handed the block out for this layout, and it is no longer used.
        unsafe { self.0.dealloc(block, layout) };
        true
    }
}
