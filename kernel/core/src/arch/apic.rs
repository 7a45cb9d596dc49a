//! The processor's own interrupt controller, the local APIC (Intel SDM volume 3A,
//! chapter 10). It stands between the processor and the two controllers that
//! this kernel uses, and is only told to let their interrupts through: the
//! "virtual wire mode" of the MultiProcessor Specification 1.4, section 3.6.2.2.
//! Some firmwares have done so before the kernel runs, and some have not.

use core::ptr;

use mm_api::{Frame, PhysAddr};
use x86::msr;

use super::paging::TemporaryMapping;

/// CPUID leaf 1, EDX: there is such a controller, and it is on.
const PRESENT: u32 = 1 << 9;
/// The spurious interrupt vector register's offset …
const SPURIOUS: usize = 0xF0;
/// … and what it says that the controller works, and that an interrupt that is
/// gone before the processor answers it is line 15's, of which nothing comes.
const WORKS: u32 = 1 << 8 | 0x2F;
/// The offset of the register for its input LINT0, to which the others are wired …
const LINT0: usize = 0x350;
/// … and what it says that they deliver interrupts there, vectors and all
/// ("ExtINT"), and that it is not masked.
const EXTERNAL: u32 = 7 << 8;

/// Lets the interrupts of the other controllers through to the processor.
pub(super) fn let_through() {
    if core::arch::x86::__cpuid(1).edx & PRESENT == 0 {
        return;
    }
    // SAFETY: the kernel runs in ring 0, and a processor with such a controller
    // has the register.
    let base = unsafe { msr::rdmsr(msr::IA32_APIC_BASE) } as u32;
    let Some(mapping) = TemporaryMapping::new(Frame::containing(PhysAddr::new(base))) else {
        return;
    };
    for (register, value) in [(SPURIOUS, WORKS), (LINT0, EXTERNAL)] {
        let address = mapping.page().as_u32() as usize + register;
        let register: *mut u32 = ptr::with_exposed_provenance_mut(address);
        // SAFETY: the page shows the controller's registers. They touch no memory,
        // and every vector that may come of it has a stub.
        unsafe { register.write_volatile(value) };
    }
}
