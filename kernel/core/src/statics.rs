//! The memory that a lab's statics take: the linker script puts them together.
//!
//! An allocator's cost is the memory that it borrows, and what its own `struct` takes. Records in a
//! `static` cost as much, so the checks on cost count them, too.

use crate::arch::symbols;

/// Bytes of lab 01's statics that can change.
#[must_use]
pub fn of_frame_allocator() -> u32 {
    (symbols::pmm_data_end() - symbols::pmm_data_start()) + (symbols::pmm_bss_end() - symbols::pmm_bss_start())
}

/// Bytes of lab 03's statics that can change.
#[must_use]
pub fn of_heap() -> u32 {
    (symbols::heap_data_end() - symbols::heap_data_start()) + (symbols::heap_bss_end() - symbols::heap_bss_start())
}
