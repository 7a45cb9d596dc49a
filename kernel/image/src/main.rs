//! The kernel's image: the components of the labs, and the kernel's entry.
//!
//! This is the only crate that names the labs' types. Cargo's features decide whether a lab is the
//! student's or the reference. When a student saves, only the lab and this crate are compiled, and
//! everything is linked again.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::ptr::NonNull;

use kernel_core::labs::{DemandPaging, Heap, HeapLab, Labs, Mappings, Protections, Switch};
use kernel_core::machine::Machine;
use kernel_core::memory::paged::Handle;
use mm_api::{AllocError, HeapMemory};

static LABS: Labs = Labs::of::<
    pmm::Pmm,
    vmm::Vmm<Handle>,
    HeapOfLab03,
    heap::SharedHeap<Heap, Switch>,
    process_heap::Heap,
    stack::ProcessStack,
    stack::StackArea,
>(
    memory::FUNCTIONS,
    Protections::of::<protect::KernelRights, protect::RegionRights, protect::Faults, protect::Copies>(),
    Mappings::of::<mmap::ProcessMappings>(),
    DemandPaging::of::<mmap::Demand>(),
);

/// Lab 03's heap, whose constructor is not part of its trait.
struct HeapOfLab03;

impl HeapLab for HeapOfLab03 {
    type Heap = heap::Heap<'static>;

    #[allow(unsafe_code)]
    unsafe fn new(base: NonNull<u8>, memory: &'static mut dyn HeapMemory) -> Result<Self::Heap, AllocError> {
        // SAFETY: the caller promises what the lab requires.
        unsafe { heap::Heap::new(base, memory) }
    }
}

kernel_core::entry!(main);

fn main(machine: &'static Machine) -> ! {
    kernel_checks::main(machine, &LABS)
}
