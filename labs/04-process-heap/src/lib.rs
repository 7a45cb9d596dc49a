//! Lab 04: the heap of a process.
//!
//! This file is not yours to edit: it chooses between your `program_break.rs`
//! and the reference, and proves to the compiler that what it chose is a heap.
//! Your file is [`program_break.rs`](../program_break.rs), in this folder.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/program_break.rs")]
mod program_break;

#[cfg(not(feature = "compiled"))]
pub use program_break::Heap;

/// The reference as hand-outs have it: compiled.
#[cfg(feature = "compiled")]
pub use lab_abi::components::HeapOfProcess as Heap;

/// Compiles only if [`Heap`] keeps the signatures of the trait.
const _: fn() = || {
    fn is_a_process_heap<T: mm_api::ProcessHeap>() {}
    is_a_process_heap::<Heap>();
};
