//! The processor's own interrupt controller, the local APIC (Intel SDM volume 3A, chapter 10). It
//! stands between the processor and the two 8259A controllers that this kernel uses. The kernel
//! only tells it to let their interrupts through: the "virtual wire mode" of the MultiProcessor
//! Specification 1.4, section 3.6.2.2. Some firmware sets this mode before the kernel runs, some
//! does not.

use core::ptr;

use mm_api::{Frame, PhysAddr};
use x86::msr;

use super::paging::TemporaryMapping;

/// CPUID leaf 1, EDX: the processor has a local APIC, and it is on.
const PRESENT: u32 = 1 << 9;
/// Offset of the spurious interrupt vector register.
const SPURIOUS: usize = 0xF0;
/// Its value: the controller works, and an interrupt that is gone before the processor answers it
/// gets the vector of line 15, whose handler ignores it.
const WORKS: u32 = 1 << 8 | 0x2F;
/// Offset of the register for the input LINT0, to which the 8259A controllers are wired.
const LINT0: usize = 0x350;
/// Its value: the 8259A controllers deliver their interrupts and vectors there ("ExtINT"), and the
/// input is not masked.
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
        // SAFETY: the page shows the controller's registers. They touch no memory, and every vector
        // that they can raise has a stub.
        unsafe { register.write_volatile(value) };
    }
}
