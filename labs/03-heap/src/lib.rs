//! Lab 03: the kernel's heap.
//!
//! This file is not yours to edit: it chooses between your `blocks.rs` and the
//! reference, and proves to the compiler that what it chose is a heap. Your
//! file is [`blocks.rs`](../blocks.rs), in this folder.
#![no_std]

#[cfg_attr(feature = "solution", path = "../solution/blocks.rs")]
mod blocks;

pub use blocks::Heap;

use core::ptr::NonNull;

use mm_api::{AllocError, HeapMemory, KernelHeap};

/// Compiles only if [`Heap`] keeps the signatures of the trait and of `new`.
const _: fn() = || {
    fn is_a_heap<T: KernelHeap>(_: unsafe fn(NonNull<u8>, &'static mut dyn HeapMemory) -> Result<T, AllocError>) {}
    is_a_heap(Heap::new);
};
