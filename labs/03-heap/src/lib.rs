//! Lab 03: the kernel's heap.
//!
//! This file is not yours to edit: it chooses between your `blocks.rs` and the
//! reference, and proves to the compiler that what it chose is a heap. Your
//! file is [`blocks.rs`](../blocks.rs), in this folder.
#![no_std]
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg_attr(feature = "solution", path = "../solution/blocks.rs")]
mod blocks;

pub use blocks::Heap;

/// Compiles only if [`Heap`] keeps the signatures of the trait and of `new`.
const _: fn() = || {
    fn is_a_heap<T: mm_api::KernelHeap>() {}
    fn with<M: mm_api::HeapMemory>() {
        is_a_heap::<Heap<M>>();
        let _: unsafe fn(core::ptr::NonNull<u8>, M) -> Result<Heap<M>, mm_api::AllocError> = Heap::new;
    }
    let _ = with::<Never>;
    enum Never {}
    impl mm_api::HeapMemory for Never {
        fn grow(&mut self, _bytes: u32) -> Option<u32> {
            match *self {}
        }
        fn shrink(&mut self, _bytes: u32) -> u32 {
            match *self {}
        }
    }
};
