//! Lab 01: the physical memory manager.
//!
//! This file is not yours to edit: it chooses between your `bitmap.rs` and the
//! reference, and proves to the compiler that what it chose is a frame
//! allocator. Your file is [`bitmap.rs`](../bitmap.rs), in this folder.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/bitmap.rs")]
mod bitmap;

#[cfg(not(feature = "compiled"))]
pub use bitmap::Pmm;

/// The reference as hand-outs have it: compiled.
#[cfg(feature = "compiled")]
pub use lab_abi::components::Pmm;

/// Other implementations, which are built beside yours only to be measured and tested. The
/// grader refuses a file that names this module.
#[cfg(any(feature = "reference", feature = "champion"))]
#[path = ".."]
pub mod measured_beside {
    /// The reference.
    #[cfg(feature = "reference")]
    #[path = "solution/bitmap.rs"]
    pub mod reference;

    /// How far it goes.
    #[cfg(feature = "champion")]
    #[path = "champion/bitmap.rs"]
    pub mod champion;
}

/// Compiles only if [`Pmm`] keeps the signatures of the trait.
const _: fn() = || {
    fn is_a_frame_allocator<T: mm_api::FrameAllocator>() {}
    is_a_frame_allocator::<Pmm>();
};
