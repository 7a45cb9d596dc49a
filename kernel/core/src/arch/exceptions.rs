//! The interrupt descriptor table, and the handling of exceptions and interrupts (Intel SDM volume
//! 3A, chapter 6).

use core::mem::size_of;

use lazy_static::lazy_static;
use mm_api::VirtAddr;
use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START};
use spin::Once;
use x86::Ring;
use x86::dtables::{DescriptorTablePointer, lidt};
use x86::segmentation::{
    BuildDescriptor, Descriptor, DescriptorBuilder, GateDescriptorBuilder, TaskGateDescriptorBuilder,
};

use super::registers::{Registers, fault_address};
use super::trap::{self, Trap, TrapFrame};
use super::vectors::{
    BREAKPOINT, DEBUG, DOUBLE_FAULT, EXCEPTIONS_END, MACHINE_CHECK, NON_MASKABLE, OVERFLOW, PAGE_FAULT, SYSTEM_CALL,
};
use super::{breakpoints, copy, descriptors, pic, probe, symbols};

/// The functions that report a fatal event and end the machine.
pub(crate) struct Reporter {
    /// An unhandled exception: its vector, its error code, and the address that a page fault is
    /// about.
    pub exception: fn(u32, u32, u32, &Registers) -> !,
    /// The kernel's stack is used up.
    pub stack_overflow: fn(&Registers) -> !,
    /// Ring 3 was interrupted, but the kernel stack for that, which ends at this address, is not
    /// mapped.
    pub no_kernel_stack: fn(u32, &Registers) -> !,
}

/// The reporter that [`load`] was given.
static REPORTER: Once<&Reporter> = Once::new();

fn reporter() -> &'static Reporter {
    REPORTER.get().expect("there is a reporter since the table is in use")
}

/// The first vector after those of the interrupt controllers' lines, which follow
/// the exceptions.
const LINES_END: u32 = pic::FIRST_VECTOR + pic::LINES;
/// Bytes that `exceptions.s` gives to a stub.
const STUB_SIZE: u32 = 16;

lazy_static! {
    /// The table. Only the linker knows where the stubs are, so the table is filled in at its first
    /// use. It never changes afterwards.
    ///
    /// An interrupt whose vector has no gate is a general protection exception. Its error code
    /// names the vector.
    static ref TABLE: [Descriptor; SYSTEM_CALL as usize + 1] = core::array::from_fn(gate);
}

/// The stack when [`trap_entry`] is called, lowest address first. These are the first fields of a
/// [`TrapFrame`]: without a change of rings the processor pushes neither SS nor ESP.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct KernelFrame {
    edi: u32,
    esi: u32,
    ebp: u32,
    /// ESP inside the stub; not used.
    _esp: u32,
    ebx: u32,
    edx: u32,
    ecx: u32,
    eax: u32,
    vector: u32,
    error_code: u32,
    eip: u32,
    cs: u32,
    pub(super) eflags: u32,
}

/// Makes the processor use the table. `reporter` reports unhandled exceptions.
pub(super) fn load(reporter: &'static Reporter) {
    REPORTER.call_once(|| reporter);
    let pointer = DescriptorTablePointer::new_from_slice(&*TABLE);
    // SAFETY: the table is a static, so it stays, and its gates lead to the stubs
    // of `exceptions.s` and to a task that `descriptors::load` set up.
    unsafe { lidt(&pointer) };
}

/// The gate of a vector. It leads to the kernel's code, with interrupts off.
fn gate(vector: usize) -> Descriptor {
    let vector = vector as u32;
    let builder: DescriptorBuilder = match vector {
        // A task has a stack of its own. The double fault needs one: a page fault becomes a double
        // fault when the missing page is the stack's.
        DOUBLE_FAULT => TaskGateDescriptorBuilder::task_gate_descriptor(descriptors::DOUBLE_FAULT_TASK),
        SYSTEM_CALL => GateDescriptorBuilder::<u32>::interrupt_descriptor(
            descriptors::KERNEL_CODE,
            symbols::system_call_stub().as_u32(),
        ),
        0..LINES_END => {
            let stub = symbols::exception_stubs().as_u32() + STUB_SIZE * vector;
            GateDescriptorBuilder::<u32>::interrupt_descriptor(descriptors::KERNEL_CODE, stub)
        }
        _ => return Descriptor::NULL,
    };
    // Programs may raise these by an instruction.
    let ring = if matches!(vector, SYSTEM_CALL | BREAKPOINT | OVERFLOW) { Ring::Ring3 } else { Ring::Ring0 };
    builder.present().dpl(ring).finish()
}

/// All exceptions but the double fault, all interrupts and system calls arrive here, with
/// interrupts off. When this returns, the interrupted code goes on with the registers in the frame.
///
/// # Safety
/// `frame` must be the frame that the stubs of `exceptions.s` put on the stack: a whole
/// [`TrapFrame`] if its CS says ring 3, and otherwise a [`KernelFrame`].
#[unsafe(no_mangle)]
unsafe extern "C" fn trap_entry(frame: *mut TrapFrame) {
    // SAFETY: the caller's promise; both begin with the same fields.
    let seen = unsafe { frame.cast::<KernelFrame>().read() };
    let in_ring_3 = seen.cs & 3 == 3;
    let trap = match seen.vector {
        // SAFETY: the caller's promise, for a frame of the kernel's own.
        DEBUG if !in_ring_3 && unsafe { breakpoints::resume_if_hit(frame.cast()) } => None,
        vector @ 0..EXCEPTIONS_END => {
            let address = fault_address();
            probe::resume_if_probing(&probe::Caught {
                vector,
                error_code: seen.error_code,
                address,
                eip: seen.eip,
                cs: seen.cs,
                eax: seen.eax,
            });
            if !in_ring_3 && let Some(eip) = copy::after_fault(vector, seen.eip) {
                // SAFETY: the caller's promise; this field is in both.
                unsafe { (*frame).eip = eip };
                return;
            }
            if !in_ring_3 || matches!(vector, NON_MASKABLE | MACHINE_CHECK) {
                crash(frame, &seen)
            }
            let address = VirtAddr::new(if vector == PAGE_FAULT { address } else { seen.eip });
            Some(Trap::Fault { vector, error_code: seen.error_code, address })
        }
        vector @ pic::FIRST_VECTOR..LINES_END => trap::interrupt((vector - pic::FIRST_VECTOR) as u8),
        _ => Some(Trap::SystemCall),
    };
    let Some(trap) = trap else { return };
    if !in_ring_3 {
        return trap::from_kernel(trap);
    }
    // SAFETY: the caller's promise.
    let handled = trap::from_user(trap, unsafe { &mut *frame });
    if !handled && matches!(trap, Trap::Fault { .. }) {
        crash(frame, &seen)
    }
}

/// Reports an unhandled exception.
fn crash(frame: *mut TrapFrame, seen: &KernelFrame) -> ! {
    // Without a change of rings the interrupted code's stack begins where the
    // frame ends.
    let esp = if seen.cs & 3 == 3 {
        // SAFETY: the frame of `trap_entry`, which is a whole one for ring 3.
        unsafe { (*frame).esp }
    } else {
        frame.addr() as u32 + size_of::<KernelFrame>() as u32
    };
    let registers = Registers {
        eip: seen.eip,
        esp,
        ebp: seen.ebp,
        eflags: seen.eflags,
        ebx: seen.ebx,
        ecx: seen.ecx,
        edx: seen.edx,
        esi: seen.esi,
        edi: seen.edi,
        eax: seen.eax,
    };
    (reporter().exception)(seen.vector, seen.error_code, fault_address(), &registers)
}

/// The double fault's task.
#[unsafe(no_mangle)]
extern "C" fn double_fault_entry() -> ! {
    let registers = descriptors::interrupted();
    let address = fault_address();
    if let Some(top) = descriptors::unusable_kernel_stack() {
        (reporter().no_kernel_stack)(top, &registers)
    }
    let guard = symbols::boot_stack_guard().as_u32()..symbols::boot_stack().as_u32();
    // The area of kernel stacks holds nothing but the stacks and their guard pages.
    let stacks = KERNEL_STACKS_START.as_u32()..KERNEL_STACKS_END.as_u32();
    if [address, registers.esp].iter().any(|at| guard.contains(at) || stacks.contains(at)) {
        (reporter().stack_overflow)(&registers)
    }
    (reporter().exception)(DOUBLE_FAULT, 0, address, &registers)
}
