//! Lab 03, your second file: the heap, for a whole kernel.
//!
//! There is one heap, and everybody wants memory from it: interrupt handlers too.
//! While interrupts are on, one can come between any two instructions: also when a
//! block has left one list and is not in the next one yet. If its handler calls the
//! heap then, the heap breaks. A lock alone makes it worse: the handler waits for the
//! lock, and the code that opens it goes on only when the handler has returned.
//!
//! # What to do
//! Replace every `todo!()`, when `blocks.rs` is done. There is nothing `unsafe` in
//! here, and each function is a few lines. The contract is the documentation of
//! [`SharedKernelHeap`].
//!
//! # What there is to help
//! - [`Mutex`] is a lock with the heap inside: only the holder of the lock reaches the
//!   heap. `try_lock()` answers `None` where `lock()` would wait. What it
//!   answers opens the lock when it goes out of scope, or with `drop()`.
//! - [`Interrupts`] switches them off and on again. In the kernel that is the
//!   processor; in the tests, a fake one that watches you.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use mm_api::{
    AllocError, BlockError, HEAP_ALIGN, HeapDamage, HeapSummary, Interrupts, KernelHeap, ReallocError, SharedKernelHeap,
};
use spin::Mutex;

/// The heap that all of the kernel shares.
pub struct SharedHeap<H, I> {
    heap: Mutex<H>,
    interrupts: I,
}

/// Step 14a: what a C program asks for with a number of bytes: so many, aligned to
/// [`HEAP_ALIGN`]. More than half of all addresses are [`AllocError::OutOfMemory`].
///
/// `Layout::from_size_align` makes it, and refuses what is too much.
fn layout(bytes: u32) -> Result<Layout, AllocError> {
    todo!("step 14a: a layout")
}

/// Step 14b: a block as a C program knows it: null if there is none.
fn or_null(block: Result<NonNull<u8>, AllocError>) -> *mut u8 {
    todo!("step 14b: from a Rust answer to a C answer")
}

impl<H: KernelHeap, I: Interrupts> SharedKernelHeap<H, I> for SharedHeap<H, I> {
    fn new(heap: H, interrupts: I) -> Self {
        Self { heap: Mutex::new(heap), interrupts }
    }

    fn with<R>(&self, work: impl FnOnce(&mut H) -> R) -> R {
        // Interrupts off, lock, work, unlock, interrupts as before. The lock is never
        // waited for: a `panic!` that says what happened is worth more than a machine
        // that stands still.
        todo!("step 13: a lock that no interrupt gets caught in")
    }

    fn kmalloc(&self, bytes: u32) -> *mut u8 {
        todo!("step 14c: a block")
    }

    fn kzalloc(&self, bytes: u32) -> *mut u8 {
        todo!("step 14d: a block of zeros")
    }

    fn kfree(&self, block: *mut u8) -> Result<(), BlockError> {
        todo!("step 14e: take a block back")
    }

    fn calloc(&self, count: u32, size: u32) -> *mut u8 {
        todo!("step 14f: an array of zeros")
    }

    fn realloc(&self, block: *mut u8, bytes: u32) -> Result<*mut u8, BlockError> {
        todo!("step 14g: make a block larger or smaller")
    }

    fn heap_self_test(&self) -> Result<HeapSummary, HeapDamage> {
        todo!("step 14h: the self-test")
    }
}
