//! The interrupt descriptor table, and what happens at an exception
//! (Intel SDM volume 3A, chapter 6).

use core::mem::size_of;

use lazy_static::lazy_static;
use x86::Ring;
use x86::dtables::{DescriptorTablePointer, lidt};
use x86::segmentation::{
    BuildDescriptor, Descriptor, DescriptorBuilder, GateDescriptorBuilder, TaskGateDescriptorBuilder,
};

use super::registers::{Registers, fault_address};
use super::{descriptors, symbols};
use crate::crash;

/// The vectors that the processor reserves for exceptions.
const EXCEPTIONS: usize = 32;
/// Bytes that `exceptions.s` gives to a stub.
const STUB_SIZE: u32 = 16;
/// An exception while another one could not be delivered.
pub(crate) const DOUBLE_FAULT: u32 = 8;
/// An access to an address without a mapping that allows it.
pub(crate) const PAGE_FAULT: u32 = 14;

lazy_static! {
    /// The table. Where the stubs are is known to the linker only, so it is
    /// filled in at its first use; nobody changes it afterwards.
    ///
    /// It covers the exceptions only: any other vector is a general protection
    /// exception whose error code names it.
    static ref TABLE: [Descriptor; EXCEPTIONS] = core::array::from_fn(gate);
}

/// What is on the stack when [`exception_entry`] is called, lowest address first.
#[repr(C)]
struct ExceptionFrame {
    edi: u32,
    esi: u32,
    ebp: u32,
    /// ESP in the middle of the stub; of no use.
    _esp: u32,
    ebx: u32,
    edx: u32,
    ecx: u32,
    eax: u32,
    vector: u32,
    error_code: u32,
    eip: u32,
    cs: u32,
    eflags: u32,
}

/// Makes the processor use the table.
pub(super) fn load() {
    let pointer = DescriptorTablePointer::new_from_slice(&*TABLE);
    // SAFETY: the table is a static, so it stays, and its gates lead to the stubs
    // of `exceptions.s` and to a task that `descriptors::load` set up.
    unsafe { lidt(&pointer) };
}

/// The way from an exception to the kernel's code.
fn gate(vector: usize) -> Descriptor {
    let vector = vector as u32;
    let builder: DescriptorBuilder = if vector == DOUBLE_FAULT {
        // A task has a stack of its own: a double fault is what becomes of a
        // page fault when the stack is the page that is missing.
        TaskGateDescriptorBuilder::task_gate_descriptor(descriptors::DOUBLE_FAULT_TASK)
    } else {
        let stub = symbols::exception_stubs().as_u32() + STUB_SIZE * vector;
        GateDescriptorBuilder::<u32>::interrupt_descriptor(descriptors::KERNEL_CODE, stub)
    };
    builder.present().dpl(Ring::Ring0).finish()
}

/// Every exception but the double fault arrives here.
#[unsafe(no_mangle)]
extern "C" fn exception_entry(frame: &ExceptionFrame) -> ! {
    // Without a change of rings the processor pushes no ESP: the interrupted
    // code's stack begins where the frame ends.
    let esp = (&raw const *frame).addr() as u32 + size_of::<ExceptionFrame>() as u32;
    let registers = Registers {
        eip: frame.eip,
        esp,
        ebp: frame.ebp,
        eflags: frame.eflags,
        ebx: frame.ebx,
        ecx: frame.ecx,
        edx: frame.edx,
        esi: frame.esi,
        edi: frame.edi,
        eax: frame.eax,
    };
    crash::exception(frame.vector, frame.error_code, fault_address(), &registers)
}

/// The double fault's task.
#[unsafe(no_mangle)]
extern "C" fn double_fault_entry() -> ! {
    let registers = descriptors::interrupted();
    let address = fault_address();
    let guard = symbols::boot_stack_guard().as_u32()..symbols::boot_stack().as_u32();
    if guard.contains(&address) || guard.contains(&registers.esp) {
        crash::stack_overflow(&registers)
    }
    crash::exception(DOUBLE_FAULT, 0, address, &registers)
}

/// An exception's name, as the processor's manual has it.
pub(crate) fn name(vector: u32) -> &'static str {
    match vector {
        0 => "divide error",
        1 => "debug exception",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        4 => "overflow",
        5 => "BOUND range exceeded",
        6 => "invalid opcode",
        7 => "device not available",
        8 => "double fault",
        9 => "coprocessor segment overrun",
        10 => "invalid TSS",
        11 => "segment not present",
        12 => "stack-segment fault",
        13 => "general protection",
        14 => "page fault",
        16 => "x87 floating-point error",
        17 => "alignment check",
        18 => "machine check",
        19 => "SIMD floating-point exception",
        20 => "virtualization exception",
        21 => "control protection exception",
        28 => "hypervisor injection exception",
        29 => "VMM communication exception",
        30 => "security exception",
        _ => "reserved exception",
    }
}
