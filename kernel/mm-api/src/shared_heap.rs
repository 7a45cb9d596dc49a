//! Lab 03, second part: a heap that the whole kernel shares.

use crate::{BlockError, HeapDamage, HeapSummary, Interrupts, KernelHeap};

// ANCHOR: shared-heap
/// A heap that all of the kernel shares: interrupt handlers too.
///
/// # The contract
/// **One at a time.** A [`KernelHeap`] in the middle of a call is inconsistent:
/// a block may be in two lists, or in none. While interrupts are on, one can
/// arrive between any two instructions, and its handler may allocate memory. So
/// interrupts are off while the heap works, and a lock records that it works.
///
/// **In this order:** interrupts off, lock, work, unlock, interrupts as before. In
/// any other, there is a moment at which an interrupt finds the lock closed. Its
/// handler would wait for ever: the code that opens the lock goes on only when the
/// handler returns. There is one processor.
///
/// **As before** means: on if they were on. A caller with interrupts off (such
/// as an interrupt handler) has a reason for it, and finds them off afterwards.
///
/// **No call waits.** A call that finds the lock closed all the same comes from the
/// work that closed it, and would wait for itself. It panics.
pub trait SharedKernelHeap<H: KernelHeap, I: Interrupts> {
    /// Shares `heap`. `interrupts` are those that are switched off around it.
    fn new(heap: H, interrupts: I) -> Self
    where
        Self: Sized;

    /// Calls `work` with the heap, and answers what it answers.
    ///
    /// # Panics
    /// If the heap is at work: `work` may not call this heap again.
    fn with<R>(&self, work: impl FnOnce(&mut H) -> R) -> R
    where
        Self: Sized;

    /// A block of at least `bytes` bytes, aligned to
    /// [`HEAP_ALIGN`](crate::HEAP_ALIGN). Null if there is none.
    ///
    /// A block of no bytes is a block like any other, and is to be freed.
    fn kmalloc(&self, bytes: u32) -> *mut u8;

    /// The same, and its first `bytes` bytes are zero.
    fn kzalloc(&self, bytes: u32) -> *mut u8;

    /// Takes back a block. Null is no block, and nothing happens.
    ///
    /// # Errors
    /// What C leaves undefined has a name here: see [`BlockError`].
    fn kfree(&self, block: *mut u8) -> Result<(), BlockError>;

    /// [`kmalloc`](Self::kmalloc), under its name in C.
    fn malloc(&self, bytes: u32) -> *mut u8 {
        self.kmalloc(bytes)
    }

    /// A block for `count` elements of `size` bytes, all zero. Null if there is
    /// none, and also if the product is past the last `u32`.
    fn calloc(&self, count: u32, size: u32) -> *mut u8;

    /// Makes a block larger or smaller, and answers where it is now. Null if
    /// that is not possible: then the block is where it was, as it was.
    ///
    /// Of null it makes a new block, as [`malloc`](Self::malloc). With no
    /// bytes, the block becomes one of no bytes; it is not freed.
    ///
    /// # Errors
    /// As [`kfree`](Self::kfree).
    fn realloc(&self, block: *mut u8, bytes: u32) -> Result<*mut u8, BlockError>;

    /// [`kfree`](Self::kfree), under its name in C.
    ///
    /// # Errors
    /// As there.
    fn free(&self, block: *mut u8) -> Result<(), BlockError> {
        self.kfree(block)
    }

    /// What [`KernelHeap::check`] says (`Heap_SelfTest`).
    ///
    /// # Errors
    /// As there.
    fn heap_self_test(&self) -> Result<HeapSummary, HeapDamage>;
}
// ANCHOR_END: shared-heap
