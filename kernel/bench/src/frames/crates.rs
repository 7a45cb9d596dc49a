//! Frame allocators from crates.io.

use alloc::boxed::Box;

use bitmap_allocator::BitAlloc;

use super::candidate::{Allocator, Candidate, RUN, Taken, free_ranges};

/// A cascade of 16-way bitmaps, with room for a fixed number of frames.
pub struct Bitmap<B>(B);

impl<B: BitAlloc + 'static> Candidate for Bitmap<B> {
    const MOST: u32 = B::CAP as u32;

    fn build(frames: u32, taken: Taken<'_>) -> Box<dyn Allocator> {
        let mut bitmap = Box::new(Self(B::DEFAULT));
        free_ranges(frames, taken, |first, end| bitmap.0.insert(first as usize..end as usize));
        bitmap
    }
}

impl<B: BitAlloc> Allocator for Bitmap<B> {
    fn allocate(&mut self) -> Option<u32> {
        self.0.alloc().map(|frame| frame as u32)
    }

    fn free(&mut self, frame: u32) {
        self.0.dealloc(frame as usize);
    }

    fn allocate_run(&mut self) -> Option<u32> {
        self.0.alloc_contiguous(None, RUN as usize, RUN.ilog2() as usize).map(|first| first as u32)
    }

    fn free_run(&mut self, first: u32) {
        self.0.dealloc_contiguous(first as usize, RUN as usize);
    }
}

/// The buddy system, with a set for each order; the sets are on the heap.
pub struct BuddySystem(buddy_system_allocator::FrameAllocator<32>);

impl Candidate for BuddySystem {
    fn build(frames: u32, taken: Taken<'_>) -> Box<dyn Allocator> {
        let mut buddies = Box::new(Self(buddy_system_allocator::FrameAllocator::new()));
        free_ranges(frames, taken, |first, end| buddies.0.add_frame(first as usize, end as usize));
        buddies
    }
}

impl Allocator for BuddySystem {
    fn allocate(&mut self) -> Option<u32> {
        self.0.alloc(1).map(|frame| frame as u32)
    }

    fn free(&mut self, frame: u32) {
        self.0.dealloc(frame as usize, 1);
    }

    fn allocate_run(&mut self) -> Option<u32> {
        self.0.alloc(RUN as usize).map(|first| first as u32)
    }

    fn free_run(&mut self, first: u32) {
        self.0.dealloc(first as usize, RUN as usize);
    }
}
