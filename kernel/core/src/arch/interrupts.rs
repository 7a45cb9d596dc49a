//! The processor's interrupt flag: whether it takes the interrupts of devices
//! (Intel SDM volume 3A, section 6.8.1).
//!
//! The kernel boots with interrupts off, and what ring 3 does not interrupt runs
//! with interrupts off. They are on in ring 3, in [`wait`], and where somebody
//! asks for it.

use core::arch::asm;

use mm_api::Interrupts;

/// The flag, in EFLAGS.
pub(super) const INTERRUPT_FLAG: u32 = 1 << 9;

/// Whether interrupts are taken.
#[must_use]
pub fn enabled() -> bool {
    let flags: u32;
    // SAFETY: it only copies EFLAGS, by way of the stack.
    unsafe { asm!("pushfd", "pop {}", out(reg) flags, options(preserves_flags)) };
    flags & INTERRUPT_FLAG != 0
}

/// Takes no interrupts from now on, and returns whether they were taken before.
pub fn disable() -> bool {
    let were_enabled = enabled();
    // No access to memory may move past this, so it is not `nomem`.
    // SAFETY: the kernel runs in ring 0; what waits for an interrupt is in `wait`.
    unsafe { asm!("cli", options(nostack)) };
    were_enabled
}

/// Takes interrupts from now on. One that is due comes after the next instruction.
pub fn enable() {
    // SAFETY: every gate leads to the stubs of `exceptions.s`, which leave the
    // interrupted code's registers as they were. What handlers do in the middle
    // of other code is safe Rust.
    unsafe { asm!("sti", options(nostack)) };
}

/// Takes interrupts again if `were_enabled`: what the [`disable`] that belongs to
/// this call returned.
pub fn restore(were_enabled: bool) {
    if were_enabled {
        enable();
    }
}

/// Calls `work` with interrupts off. Afterwards they are as they were.
pub fn without<R>(work: impl FnOnce() -> R) -> R {
    let were_enabled = disable();
    let result = work();
    restore(were_enabled);
    result
}

/// Waits for the next interrupt, which is handled before this returns. Interrupts
/// are off then, whatever they were.
///
/// None is missed: STI takes effect after the instruction that follows it, so
/// that an interrupt which is due already ends HLT (Intel SDM vol. 2B, "STI").
pub fn wait() {
    // SAFETY: as in `enable`.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
}

/// The processor's interrupt flag, for a lock that is shared with a handler.
#[derive(Clone, Copy, Default, Debug)]
pub struct Processor;

impl Interrupts for Processor {
    fn disable(&self) -> bool {
        disable()
    }

    fn restore(&self, were_enabled: bool) {
        restore(were_enabled);
    }
}
