//! The processor: everything that is written in assembly or names a register.
//!
//! Numbers of chapters and sections in the Intel SDM are those of edition 075, June 2021 (volume 1:
//! order number 253665; volume 3: 325384). In current editions of volume 3A the numbers of the
//! chapters from 4 on are higher: paging is chapter 5, and interrupts and exceptions, here chapter
//! 6, is chapter 7.

use core::arch::global_asm;

mod apic;
pub mod breakpoints;
pub(crate) mod clock;
pub(crate) mod copy;
mod descriptors;
pub(crate) mod exceptions;
pub(crate) mod fill;
pub mod interrupts;
pub(crate) mod paging;
mod pic;
mod pit;
pub(crate) mod ports;
pub(crate) mod probe;
pub(crate) mod protection;
pub mod provoke;
pub(crate) mod registers;
pub(crate) mod symbols;
pub mod trap;
pub(crate) mod vectors;

global_asm!(include_str!("boot.s"));
global_asm!(include_str!("conclude.s"));
global_asm!(include_str!("copy.s"));
global_asm!(include_str!("exceptions.s"));
global_asm!(include_str!("probe.s"));
global_asm!(include_str!("provoke.s"));

unsafe extern "C" {
    /// Stops the machine at the end of a check, if a host listens that can resume it. Interrupts
    /// are off from then on. The low byte of `why` tells the host the reason.
    pub(crate) safe fn stop_at_conclusion(why: u32);
}

/// Sets up the descriptor tables, so that exceptions are reported, and the interrupt controllers,
/// so that no device's interrupt passes for an exception.
pub(crate) fn init(reporter: &'static exceptions::Reporter) {
    descriptors::load();
    exceptions::load(reporter);
    pic::init();
    apic::let_through();
    registers::forbid_floating_point();
    clock::calibrate();
}

/// Stops the processor until the next interrupt.
pub(crate) fn halt() {
    // SAFETY: the kernel runs in ring 0.
    unsafe { x86::halt() }
}
