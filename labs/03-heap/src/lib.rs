//! Lab 03: the kernel's heap.
//!
//! This file is not yours to edit: it chooses between your two files and the
//! reference's, and proves to the compiler that what it chose is a heap, and can be
//! shared. Your files are [`blocks.rs`](../blocks.rs) and
//! [`shared.rs`](../shared.rs), in this folder.
#![no_std]

#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/blocks.rs")]
mod blocks;
#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/shared.rs")]
mod shared;

#[cfg(not(feature = "compiled"))]
pub use blocks::Heap;
#[cfg(not(feature = "compiled"))]
pub use shared::SharedHeap;

/// The reference as hand-outs have it: compiled.
#[cfg(feature = "compiled")]
pub use lab_abi::components::{Heap, SharedHeap};

/// Other implementations, which are built beside yours only to be measured and tested. The
/// grader refuses a file that names this module.
#[cfg(any(feature = "reference", feature = "champion"))]
#[path = ".."]
pub mod measured_beside {
    /// The reference.
    #[cfg(feature = "reference")]
    #[path = "solution/blocks.rs"]
    pub mod reference;

    /// How far it goes.
    #[cfg(feature = "champion")]
    #[path = "champion/blocks.rs"]
    pub mod champion;
}
use core::ptr::NonNull;

use mm_api::{AllocError, HeapMemory, Interrupts, KernelHeap, SharedKernelHeap};

/// Compiles only if [`Heap`] keeps the signatures of the trait and of `new`, and may be used
/// wherever it is moved to.
const _: fn() = || {
    fn is_a_heap<T: KernelHeap + Send>(
        _: unsafe fn(NonNull<u8>, &'static mut dyn HeapMemory) -> Result<T, AllocError>,
    ) {
    }
    is_a_heap(Heap::new);
};

/// Compiles only if [`SharedHeap`] keeps the signatures of its trait, and everybody
/// may share it who may share what it is made of.
#[allow(dead_code)]
fn can_be_shared<H: KernelHeap + Send, I: Interrupts + Send + Sync>() {
    fn is_shared<H: KernelHeap, I: Interrupts, T: SharedKernelHeap<H, I> + Send + Sync>() {}
    is_shared::<H, I, SharedHeap<H, I>>();
}
