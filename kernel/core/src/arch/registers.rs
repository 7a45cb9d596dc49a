//! The contents of the processor's registers at some moment.

use core::fmt;

use x86::controlregs::{self, Cr0};

use super::paging;

/// The registers of interest in a crash. `exceptions.s` relies on the order.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Registers {
    pub eip: u32,
    pub esp: u32,
    pub ebp: u32,
    pub eflags: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
    pub esi: u32,
    pub edi: u32,
    pub eax: u32,
}

unsafe extern "C" {
    fn store_registers(registers: *mut Registers);
}

impl Registers {
    /// The registers now.
    #[inline(always)]
    pub(crate) fn now() -> Self {
        let mut registers = Self::default();
        // SAFETY: the function writes one `Registers` where it is told.
        unsafe { store_registers(&raw mut registers) };
        registers
    }
}

/// In the form that grader/WIRE.md gives, with the control registers.
impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the kernel runs in ring 0.
        let (cr0, cr4) = unsafe { (controlregs::cr0().bits(), controlregs::cr4().bits()) };
        let cr3 = paging::loaded_directory().start().as_u32();
        let Self { eip, esp, ebp, eflags, ebx, ecx, edx, esi, edi, eax } = self;
        write!(f, "eip={eip:#010x} esp={esp:#010x} ebp={ebp:#010x} eflags={eflags:#010x} ")?;
        write!(f, "eax={eax:#010x} ebx={ebx:#010x} ecx={ecx:#010x} edx={edx:#010x} esi={esi:#010x} edi={edi:#010x} ")?;
        write!(f, "cr0={cr0:#010x} cr3={cr3:#010x} cr4={cr4:#010x}")
    }
}

/// The address that the last page fault was about (CR2).
pub(crate) fn fault_address() -> u32 {
    // SAFETY: the kernel runs in ring 0.
    unsafe { controlregs::cr2() as u32 }
}

/// Makes every floating-point instruction raise exception 7, "device not available" (Intel SDM
/// volume 3A, section 2.5). Neither the kernel nor its programs are compiled to such instructions,
/// and a switch to another program does not save the registers that they use.
pub(super) fn forbid_floating_point() {
    // SAFETY: the kernel runs in ring 0, and uses no such instruction.
    unsafe { controlregs::cr0_write(controlregs::cr0() | Cr0::CR0_EMULATE_COPROCESSOR) };
}
