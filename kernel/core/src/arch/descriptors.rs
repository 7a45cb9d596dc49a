//! The global descriptor table and the task state segments
//! (Intel SDM volume 3A, chapters 3 and 7).

use core::mem::size_of;
use core::ptr;
use core::sync::atomic::{Ordering, compiler_fence};

use spin::mutex::SpinMutex;
use x86::Ring;
use x86::bits32::task::TaskStateSegment;
use x86::dtables::{DescriptorTablePointer, lgdt};
use x86::segmentation::{
    BuildDescriptor, CodeSegmentType, DataSegmentType, Descriptor, DescriptorBuilder, GateDescriptorBuilder,
    SegmentDescriptorBuilder, SegmentSelector, load_ds, load_es, load_fs, load_gs, load_ss,
};
use x86::task::load_tr;

use super::registers::Registers;
use super::symbols;
use crate::memory::physical;

/// Ring 0 code: all of the address space.
pub(super) const KERNEL_CODE: SegmentSelector = SegmentSelector::new(1, Ring::Ring0);
/// Ring 0 data: all of the address space.
const KERNEL_DATA: SegmentSelector = SegmentSelector::new(2, Ring::Ring0);
/// Ring 3 code: all of the address space. Paging keeps ring 3 out of the kernel's pages.
pub(super) const USER_CODE: SegmentSelector = SegmentSelector::new(3, Ring::Ring3);
/// Ring 3 data: all of the address space, likewise.
pub(super) const USER_DATA: SegmentSelector = SegmentSelector::new(4, Ring::Ring3);
/// The task that the kernel runs as.
const KERNEL_TASK: SegmentSelector = SegmentSelector::new(5, Ring::Ring0);
/// The task that a double fault switches to.
pub(super) const DOUBLE_FAULT_TASK: SegmentSelector = SegmentSelector::new(6, Ring::Ring0);

// Locked only while they are filled in. From then on the processor, too, writes to them (a
// segment's "accessed", a task's "busy", the registers at a switch).
static TABLE: SpinMutex<[Descriptor; 7]> = SpinMutex::new([Descriptor::NULL; 7]);
static KERNEL_STATE: SpinMutex<TaskStateSegment> = SpinMutex::new(TaskStateSegment::new());
static DOUBLE_FAULT_STATE: SpinMutex<TaskStateSegment> = SpinMutex::new(TaskStateSegment::new());

/// The last page of the address space, for segments of 4 GiB.
const WHOLE: u32 = 0xF_FFFF;

/// Fills in the tables and makes the processor use them.
pub(super) fn load() {
    let (kernel_state, double_fault_state) = (KERNEL_STATE.as_mut_ptr(), DOUBLE_FAULT_STATE.as_mut_ptr());
    {
        let mut state = KERNEL_STATE.lock();
        state.esp0 = symbols::boot_stack_end().as_u32();
        state.ss0 = KERNEL_DATA.bits();
        // Past the segment's end: there is no map of the ports that ring 3 may use, so it may use
        // none (Intel SDM volume 1, section 19.5.2).
        state.iobp_offset = size_of::<TaskStateSegment>() as u16;
    }
    {
        let mut state = DOUBLE_FAULT_STATE.lock();
        state.cr3 = physical(symbols::page_directory()).as_u32();
        state.eip = symbols::double_fault_entry_point().as_u32();
        state.eflags = 2; // bit 1 is always set; interrupts are off
        state.esp = symbols::fault_stack_end().as_u32();
        state.cs = KERNEL_CODE.bits();
        for segment in [&raw mut state.ss, &raw mut state.ds, &raw mut state.es, &raw mut state.fs, &raw mut state.gs] {
            // SAFETY: the fields are this locked structure's, which is packed.
            unsafe { segment.write_unaligned(KERNEL_DATA.bits()) };
        }
    }
    let pointer = {
        let mut table = TABLE.lock();
        *table = [
            Descriptor::NULL,
            code(Ring::Ring0),
            data(Ring::Ring0),
            code(Ring::Ring3),
            data(Ring::Ring3),
            task(kernel_state),
            task(double_fault_state),
        ];
        DescriptorTablePointer::new_from_slice(&*table)
    };
    // SAFETY: the table is a static, so it stays; its entries describe the flat
    // segments that the kernel is compiled for, and two task state segments that
    // are statics too.
    unsafe {
        lgdt(&pointer);
        x86::bits32::segmentation::load_cs(KERNEL_CODE);
        load_ss(KERNEL_DATA);
        load_ds(KERNEL_DATA);
        load_es(KERNEL_DATA);
        load_fs(KERNEL_DATA);
        load_gs(KERNEL_DATA);
        load_tr(KERNEL_TASK);
    }
}

/// A flat code segment.
fn code(ring: Ring) -> Descriptor {
    let builder: DescriptorBuilder =
        SegmentDescriptorBuilder::<u32>::code_descriptor(0, WHOLE, CodeSegmentType::ExecuteRead);
    builder.present().dpl(ring).limit_granularity_4kb().db().finish()
}

/// A flat data segment.
fn data(ring: Ring) -> Descriptor {
    let builder: DescriptorBuilder =
        SegmentDescriptorBuilder::<u32>::data_descriptor(0, WHOLE, DataSegmentType::ReadWrite);
    builder.present().dpl(ring).limit_granularity_4kb().db().finish()
}

/// A task state segment.
fn task(state: *const TaskStateSegment) -> Descriptor {
    let limit = size_of::<TaskStateSegment>() as u64 - 1;
    let builder: DescriptorBuilder = GateDescriptorBuilder::<u32>::tss_descriptor(state.addr() as u64, limit, true);
    builder.present().dpl(Ring::Ring0).finish()
}

/// The field from which the processor takes the kernel's stack pointer when ring 3 is interrupted.
pub(super) fn kernel_stack() -> *mut u32 {
    // SAFETY: only the field's address is used, and the state is a static.
    unsafe { &raw mut (*KERNEL_STATE.as_mut_ptr()).esp0 }
}

/// The top of the stack that the processor uses when ring 3 is interrupted.
pub(super) fn kernel_stack_top() -> u32 {
    // SAFETY: the field is in a static, and is not aligned.
    unsafe { kernel_stack().read_unaligned() }
}

/// From now on the processor uses the stack below `top` when ring 3 is interrupted.
pub(super) fn set_kernel_stack(top: u32) {
    // SAFETY: the field is the processor's to read, and is not aligned.
    unsafe { kernel_stack().write_unaligned(top) };
    compiler_fence(Ordering::SeqCst);
}

/// The registers of the kernel's task at the moment that a double fault left it.
pub(super) fn interrupted() -> Registers {
    // SAFETY: the processor wrote the state when it switched tasks, and nothing else does. The lock
    // does not matter: the task that could hold it is over.
    let state = unsafe { ptr::read_volatile(KERNEL_STATE.as_mut_ptr()) };
    Registers {
        eip: state.eip,
        esp: state.esp,
        ebp: state.ebp,
        eflags: state.eflags,
        ebx: state.ebx,
        ecx: state.ecx,
        edx: state.edx,
        esi: state.esi,
        edi: state.edi,
        eax: state.eax,
    }
}

/// If a double fault left ring 3: the top of the kernel stack that the processor could not use. The
/// registers that it saved are then the program's, as they were before the attempt.
pub(super) fn unusable_kernel_stack() -> Option<u32> {
    // SAFETY: as in `interrupted`.
    let state = unsafe { ptr::read_volatile(KERNEL_STATE.as_mut_ptr()) };
    (state.cs & 3 == 3).then_some(state.esp0)
}
