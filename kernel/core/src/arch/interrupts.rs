//! The processor's interrupt flag: whether the processor takes the interrupts of devices (Intel SDM
//! volume 3A, section 6.8.1).
//!
//! The kernel boots and works with interrupts off. They are on in ring 3, in [`wait`], and where
//! kernel code calls [`enable`].

use core::arch::asm;

use mm_api::Interrupts;

/// The flag, in EFLAGS.
pub(super) const INTERRUPT_FLAG: u32 = 1 << 9;

/// Whether the processor takes interrupts at the moment.
#[must_use]
pub fn enabled() -> bool {
    let flags: u32;
    // SAFETY: it only copies EFLAGS, by way of the stack.
    unsafe { asm!("pushfd", "pop {}", out(reg) flags, options(preserves_flags)) };
    flags & INTERRUPT_FLAG != 0
}

/// Switches interrupts off, and returns whether they were on.
pub fn disable() -> bool {
    let were_enabled = enabled();
    // No access to memory may move past this, so it is not `nomem`. SAFETY: the kernel runs in ring
    // 0; code that waits for an interrupt calls `wait`.
    unsafe { asm!("cli", options(nostack)) };
    were_enabled
}

/// Switches interrupts on. One that is pending comes after the next instruction.
pub fn enable() {
    // SAFETY: every gate leads to the stubs of `exceptions.s`, which leave the interrupted code's
    // registers as they were. Handlers that run in the middle of other code are safe Rust.
    unsafe { asm!("sti", options(nostack)) };
}

/// Switches interrupts on again if `were_enabled`, the result of the matching [`disable`].
pub fn restore(were_enabled: bool) {
    if were_enabled {
        enable();
    }
}

/// Calls `work` with interrupts off, then restores the flag.
pub fn without<R>(work: impl FnOnce() -> R) -> R {
    let were_enabled = disable();
    let result = work();
    restore(were_enabled);
    result
}

/// Waits for the next interrupt, which has been handled when this returns. Interrupts are off
/// afterwards, even if they were on before.
///
/// No interrupt is missed: STI takes effect only after the instruction that follows it, so an
/// interrupt that is already pending ends HLT (Intel SDM vol. 2B, "STI").
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
