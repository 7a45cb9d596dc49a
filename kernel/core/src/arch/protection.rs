//! The protections of the processor that the kernel can switch on: CR0.WP, SMEP, SMAP and UMIP
//! (Intel SDM volume 3A, sections 2.5 and 4.6).

use core::arch::asm;
use core::arch::x86::{__cpuid, __cpuid_count};
use core::sync::atomic::{AtomicBool, Ordering};

use mm_api::{CpuFeatures, Enforced};
use x86::controlregs::{self, Cr0, Cr4};

/// CPUID leaf 7: the structured extended features.
const STRUCTURED_FEATURES: u32 = 7;
/// In its EBX: supervisor-mode execution prevention.
const SMEP: u32 = 1 << 7;
/// In its EBX: supervisor-mode access prevention.
const SMAP: u32 = 1 << 20;
/// In its ECX: user-mode instruction prevention.
const UMIP: u32 = 1 << 2;
/// EFLAGS.AC. With SMAP, the kernel may touch the pages of programs while the flag is set.
const WINDOW_FLAG: u32 = 1 << 18;

/// Whether SMAP is on. Without it STAC and CLAC may be unknown instructions.
static HAS_WINDOW: AtomicBool = AtomicBool::new(false);

/// Which protections this processor has.
pub(crate) fn features() -> CpuFeatures {
    if __cpuid(0).eax < STRUCTURED_FEATURES {
        return CpuFeatures::default();
    }
    let leaf = __cpuid_count(STRUCTURED_FEATURES, 0);
    CpuFeatures { smep: leaf.ebx & SMEP != 0, smap: leaf.ebx & SMAP != 0, umip: leaf.ecx & UMIP != 0 }
}

/// Which protections are switched on.
pub(crate) fn enforced() -> Enforced {
    // SAFETY: the kernel runs in ring 0.
    let (cr0, cr4) = unsafe { (controlregs::cr0(), controlregs::cr4()) };
    Enforced {
        write_protect: cr0.contains(Cr0::CR0_WRITE_PROTECT),
        smep: cr4.contains(Cr4::CR4_ENABLE_SMEP),
        smap: cr4.contains(Cr4::CR4_ENABLE_SMAP),
        umip: cr4.contains(Cr4::CR4_ENABLE_UMIP),
    }
}

/// Switches on the wanted protections that the processor has, and all others off.
pub(crate) fn enforce(wanted: Enforced) {
    let cpu = features();
    let smap = wanted.smap && cpu.smap;
    // SAFETY: the kernel runs in ring 0, and sets no bit that the processor does not know.
    // It executes no page of a program, and touches them through the window only.
    unsafe {
        let (mut cr0, mut cr4) = (controlregs::cr0(), controlregs::cr4());
        cr0.set(Cr0::CR0_WRITE_PROTECT, wanted.write_protect);
        cr4.set(Cr4::CR4_ENABLE_SMEP, wanted.smep && cpu.smep);
        cr4.set(Cr4::CR4_ENABLE_SMAP, smap);
        cr4.set(Cr4::CR4_ENABLE_UMIP, wanted.umip && cpu.umip);
        controlregs::cr0_write(cr0);
        controlregs::cr4_write(cr4);
    }
    HAS_WINDOW.store(smap, Ordering::Relaxed);
}

/// Lets the kernel touch the pages of programs (STAC), where SMAP forbids it.
pub(crate) fn open_window() {
    if HAS_WINDOW.load(Ordering::Relaxed) {
        // SAFETY: the processor has SMAP, so it knows the instruction. The kernel may do no more by
        // address than it may without SMAP. No access may be moved across.
        unsafe { asm!("stac", options(nostack)) };
    }
}

/// Forbids the kernel the pages of programs again (CLAC), where it has SMAP.
pub(crate) fn close_window() {
    if HAS_WINDOW.load(Ordering::Relaxed) {
        // SAFETY: as in `open_window`.
        unsafe { asm!("clac", options(nostack)) };
    }
}

/// Whether the kernel may touch the pages of programs though SMAP is on.
pub(crate) fn is_window_open() -> bool {
    let flags: u32;
    // SAFETY: it only copies EFLAGS, by way of the stack.
    unsafe { asm!("pushfd", "pop {}", out(reg) flags, options(preserves_flags)) };
    HAS_WINDOW.load(Ordering::Relaxed) && flags & WINDOW_FLAG != 0
}

/// Calls `work` with the window open, then restores the window's state.
pub(crate) fn through_window<R>(work: impl FnOnce() -> R) -> R {
    if is_window_open() {
        return work();
    }
    open_window();
    let result = work();
    close_window();
    result
}
