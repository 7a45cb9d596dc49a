//! The processor: everything that is written in assembly or names a register.

use core::arch::global_asm;

pub(crate) mod clock;
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
    clock::calibrate();
}

/// Waits for an interrupt.
pub(crate) fn halt() {
    // SAFETY: the kernel runs in ring 0.
    unsafe { x86::halt() }
}
