//! A clock that counts instructions.
//!
//! Under `-icount shift=N` QEMU executes an instruction in `2^N` nanoseconds of guest time, and its
//! time stamp counter counts those nanoseconds. How far the counter advances in one instruction is
//! measured once, at boot.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

/// How far the time stamp counter advances in one instruction, as a power of two.
static SHIFT: AtomicU32 = AtomicU32::new(0);

/// Instructions that the measurement executes.
const SAMPLE: u32 = 2048;

/// Measures how far the time stamp counter advances in one instruction.
pub(super) fn calibrate() {
    let start = ticks();
    // SAFETY: it only counts a register down.
    unsafe { asm!("2: dec {0:e}", "jnz 2b", inout(reg) SAMPLE / 2 => _, options(nomem, nostack)) };
    let passed = (ticks() - start) as u32;
    // Rounded down: reading the counter takes some instructions itself.
    SHIFT.store((passed / SAMPLE).max(1).ilog2(), Ordering::Relaxed);
}

/// The processor's time stamp counter.
fn ticks() -> u64 {
    // SAFETY: every processor since the Pentium has it, and the kernel runs in
    // ring 0, which may always read it.
    unsafe { x86::time::rdtsc() }
}

/// What the time stamp counter shows after so many more instructions, where it counts them.
pub(super) fn after(instructions: u32) -> u64 {
    ticks() + (u64::from(instructions) << SHIFT.load(Ordering::Relaxed))
}

/// How many instructions the machine has executed, where its time stamp counter counts them.
#[inline(never)]
#[must_use]
pub fn instructions() -> u64 {
    ticks() >> SHIFT.load(Ordering::Relaxed)
}
