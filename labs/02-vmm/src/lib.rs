//! Lab 02: the virtual memory manager.
//!
//! This file is not yours to edit: it chooses between your `page_tables.rs` and
//! the reference, and proves to the compiler that what it chose is a virtual
//! memory manager. Your file is [`page_tables.rs`](../page_tables.rs), in this
//! folder.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/page_tables.rs")]
mod page_tables;

#[cfg(not(feature = "compiled"))]
pub use page_tables::Vmm;

/// The reference as hand-outs have it: compiled.
#[cfg(feature = "compiled")]
pub use lab_abi::components::Vmm;

/// Compiles only if [`Vmm`] keeps the signatures of the trait, on every machine.
#[allow(dead_code)]
fn keeps_the_signatures<M: mm_api::Machine>() {
    fn is_a_virtual_memory_manager<M: mm_api::Machine, T: mm_api::VirtualMemory<M>>() {}
    is_a_virtual_memory_manager::<M, Vmm<M>>();
}
