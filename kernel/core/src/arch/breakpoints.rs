//! Breakpoints on the four functions that the compiler calls by itself (Intel SDM volume
//! 3B, section 17.2): how a check finds out that lab 00 calls them.
//!
//! The processor has four registers for addresses. One that is about to be executed is the
//! exception 1, before the instruction. The handler notes it and switches all four off, so
//! the function runs as if nothing had happened.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

unsafe extern "C" {
    fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;
    fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;
    fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8;
    fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32;
}

/// The functions, in the order of the registers.
const NAMES: [&str; 4] = ["memcpy", "memmove", "memset", "memcmp"];

/// DR7: the four breakpoints are on; each is for executing, which is encoded as 0.
const ALL_ON: u32 = 0b01_01_01_01;

/// Which breakpoint was hit, as the bits of DR6 name them; 0 if none was.
static HIT: AtomicU32 = AtomicU32::new(0);

/// Calls `work`, and returns its answer with the name of the first of the four functions
/// that was called meanwhile, if one was.
pub fn memory_function_called_in<R>(work: impl FnOnce() -> R) -> (R, Option<&'static str>) {
    HIT.store(0, Ordering::Relaxed);
    let addresses = [
        memcpy as *const () as u32,
        memmove as *const () as u32,
        memset as *const () as u32,
        memcmp as *const () as u32,
    ];
    // SAFETY: the kernel runs in ring 0, and `resume_if_hit` handles what comes of it. What
    // `work` writes may not move past the assembly, so it is not `nomem`.
    unsafe {
        asm!(
            "mov dr0, {0:e}",
            "mov dr1, {1:e}",
            "mov dr2, {2:e}",
            "mov dr3, {3:e}",
            in(reg) addresses[0],
            in(reg) addresses[1],
            in(reg) addresses[2],
            in(reg) addresses[3],
            options(nostack, preserves_flags)
        );
    }
    switch(ALL_ON);
    let answer = work();
    switch(0);
    let hit = HIT.swap(0, Ordering::Relaxed);
    let name = NAMES.iter().enumerate().find(|(index, _)| hit & 1 << index != 0).map(|(_, name)| *name);
    (answer, name)
}

/// If this exception 1 is one of the breakpoints, notes which, switches them off, and says
/// so: the code that was interrupted goes on.
pub(super) fn resume_if_hit() -> bool {
    let status: u32;
    // SAFETY: the kernel runs in ring 0. DR6 keeps its bits until they are cleared; those
    // that are reserved ignore what is written.
    unsafe {
        asm!("mov {0:e}, dr6", "mov dr6, {1:e}", out(reg) status, in(reg) 0, options(nomem, nostack, preserves_flags));
    }
    let hit = status & 0xF;
    if hit == 0 {
        return false;
    }
    HIT.store(hit, Ordering::Relaxed);
    switch(0);
    true
}

/// Switches breakpoints on and off: `control` is for DR7.
fn switch(control: u32) {
    // SAFETY: the kernel runs in ring 0. What is watched may not move past this, so it is
    // not `nomem`.
    unsafe { asm!("mov dr7, {0:e}", in(reg) control, options(nostack, preserves_flags)) };
}
