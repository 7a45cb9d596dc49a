//! The heap: what the benchmark keeps, and what peers keep there.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

use talc::TalcCell;
use talc::source::Manual;

/// Bytes of the heap.
const SIZE: usize = 24 << 20;

/// An allocator that knows how many bytes were asked for.
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

/// Makes the heap usable. To be called once, first of all.
pub fn init() {
    // SAFETY: the memory is the heap's own, and nothing else refers to it.
    unsafe { HEAP.talc.claim(HEAP.memory.get().cast(), SIZE) };
}

/// How many bytes are in use.
pub fn live() -> usize {
    HEAP.live.load(Ordering::Relaxed)
}

/// From now on, [`peak`] says how many bytes were in use at most since now.
pub fn reset_peak() {
    HEAP.peak.store(live(), Ordering::Relaxed);
}

/// How many bytes were in use at most since [`reset_peak`].
pub fn peak() -> usize {
    HEAP.peak.load(Ordering::Relaxed)
}
