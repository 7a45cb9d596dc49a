//! The processor: everything that is written in assembly or names a register.

use core::arch::global_asm;

mod descriptors;
pub(crate) mod exceptions;
pub(crate) mod paging;
pub(crate) mod ports;
pub mod provoke;
pub(crate) mod registers;
pub(crate) mod symbols;

global_asm!(include_str!("boot.s"));
global_asm!(include_str!("exceptions.s"));

/// Sets up the descriptor tables, so that exceptions are reported.
pub(crate) fn init() {
    descriptors::load();
    exceptions::load();
}

/// The processor's time stamp counter.
#[inline]
pub(crate) fn time_stamp() -> u64 {
    // SAFETY: every processor since the Pentium has it, and the kernel runs in
    // ring 0, which may always read it.
    unsafe { x86::time::rdtsc() }
}

/// Waits for an interrupt.
pub(crate) fn halt() {
    // SAFETY: the kernel runs in ring 0.
    unsafe { x86::halt() }
}
