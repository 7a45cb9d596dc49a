//! Lab 03, your second file: the heap, for a whole kernel.
//!
//! All of the kernel takes memory from one heap, interrupt handlers included. While
//! interrupts are on, one can come between any two instructions: also when a block
//! has left one list and is not in the next one yet. If its handler calls the heap
//! then, the heap breaks. A lock alone makes it worse: the handler waits for the lock,
//! and the code that holds the lock goes on only when the handler has returned.
//!
//! # What to do
//! Replace every `todo!()`, when `blocks.rs` is done. There is nothing `unsafe` in
//! here, and each function is a few lines. The contract is the documentation of
//! [`SharedKernelHeap`].
//!
//! # Good to know
//! - [`Mutex`] is a lock with the heap inside: only the holder of the lock reaches the
//!   heap. `try_lock()` returns `None` where `lock()` would wait. Both return a guard,
//!   which opens the lock when it goes out of scope or is dropped.
//! - [`Interrupts`] switches interrupts off and on again. In the kernel it acts on the
//!   processor; in the tests it is a fake that records your calls.

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

/// Step 14a: the layout for a number of bytes as a C program asks for them: aligned to
/// [`HEAP_ALIGN`].
///
/// # Errors
/// [`AllocError::OutOfMemory`] for more than half of the address space, which
/// `Layout::from_size_align` refuses.
fn layout(bytes: u32) -> Result<Layout, AllocError> {
    todo!("step 14a: a layout")
}

/// Step 14b: the block as a C pointer: null if there is none.
fn or_null(block: Result<NonNull<u8>, AllocError>) -> *mut u8 {
    todo!("step 14b: from a Rust result to a C pointer")
}

impl<H: KernelHeap, I: Interrupts> SharedKernelHeap<H, I> for SharedHeap<H, I> {
    fn new(heap: H, interrupts: I) -> Self {
        Self { heap: Mutex::new(heap), interrupts }
    }

    fn with<R>(&self, work: impl FnOnce(&mut H) -> R) -> R {
        // Interrupts off, lock, work, unlock, interrupts as before. Never wait for the
        // lock: a `panic!` that says what happened is worth more than a machine that
        // stands still.
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
