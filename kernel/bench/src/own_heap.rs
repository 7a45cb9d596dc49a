//! The heap of the benchmark itself, which also holds the records of peers.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

use talc::TalcCell;
use talc::source::Manual;

/// Bytes of the heap.
const SIZE: usize = 24 << 20;

/// An allocator that counts the bytes in use.
struct Heap {
    talc: TalcCell<Manual>,
    memory: UnsafeCell<[u64; SIZE / 8]>,
    live: AtomicUsize,
    peak: AtomicUsize,
}

// SAFETY: there is one processor, and interrupts are off.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap {
    talc: TalcCell::new(Manual),
    memory: UnsafeCell::new([0; SIZE / 8]),
    live: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
};

// SAFETY: every block is one of talc's, which keeps the contract of `GlobalAlloc`.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = self.live.load(Ordering::Relaxed) + layout.size();
        self.live.store(live, Ordering::Relaxed);
        if live > self.peak.load(Ordering::Relaxed) {
            self.peak.store(live, Ordering::Relaxed);
        }
        // SAFETY: the layout has a size, as `GlobalAlloc::alloc` demands.
        unsafe { self.talc.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.live.store(self.live.load(Ordering::Relaxed) - layout.size(), Ordering::Relaxed);
        // SAFETY: `alloc` got the block from talc, for this layout, as
        // `GlobalAlloc::dealloc` demands.
        unsafe { self.talc.dealloc(block, layout) }
    }
}

/// Makes the heap usable. To be called once, before anything else.
pub fn init() {
    // SAFETY: the memory is the heap's own, and nothing else refers to it.
    unsafe { HEAP.talc.claim(HEAP.memory.get().cast(), SIZE) };
}

/// The number of bytes in use.
pub fn live() -> usize {
    HEAP.live.load(Ordering::Relaxed)
}

/// Makes [`peak`] count from now on.
pub fn reset_peak() {
    HEAP.peak.store(live(), Ordering::Relaxed);
}

/// The most bytes that were in use at a time since [`reset_peak`].
pub fn peak() -> usize {
    HEAP.peak.load(Ordering::Relaxed)
}
