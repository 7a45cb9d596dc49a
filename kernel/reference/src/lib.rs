//! A lab's reference as an object, with a function for each of its tables.
//!
//! `cargo grade handout` builds it once for each lab; a feature selects the lab.
#![no_std]

use core::panic::PanicInfo;

/// Provides the tables of a lab.
#[allow(unused_macros)] // There is none without a feature.
macro_rules! provide {
    ($($function:ident: $Table:ident of $Component:ty),+ $(,)?) => {
        lab_abi::exports! {
            $($function: lab_abi::components::$Table = lab_abi::components::$Table::of::<$Component>();)+
        }
    };
}

/// A component that exists once, in the words of a `Remote`.
#[allow(dead_code)] // Not every lab has one.
type Component<T> = lab_abi::remote::Inline<T, { lab_abi::components::COMPONENT }>;

/// A component that every process has, in the words of a `Remote`.
#[allow(dead_code)]
type OfProcess<T> = lab_abi::remote::Inline<T, { lab_abi::components::OF_PROCESS }>;

#[cfg(feature = "memory")]
mod memory_functions;
#[cfg(feature = "memory")]
lab_abi::exports! {
    folio_reference_memory: lab_abi::memory::MemoryTable = lab_abi::memory::MemoryTable::of::<memory_functions::Kind>();
}

#[cfg(feature = "pmm")]
provide!(folio_reference_frames: FramesTable of Component<pmm::Pmm>);

#[cfg(feature = "vmm")]
provide!(folio_reference_manager: ManagerTable of Component<vmm::Vmm<lab_abi::instruments::RemoteMachine>>);

#[cfg(feature = "heap")]
mod kernel_heap;
#[cfg(feature = "heap")]
provide!(
    folio_reference_heap: HeapMaker of kernel_heap::Kind,
    folio_reference_shared_heap: SharedHeapTable of Component<kernel_heap::Shared>,
);

#[cfg(feature = "process-heap")]
provide!(folio_reference_process_heap: ProcessHeapTable of OfProcess<process_heap::Heap>);

#[cfg(feature = "stack")]
provide!(
    folio_reference_user_stack: UserStackTable of OfProcess<stack::ProcessStack>,
    folio_reference_kernel_stacks: KernelStacksTable of Component<stack::StackArea>,
);

#[cfg(feature = "protect")]
provide!(
    folio_reference_kernel_protection: KernelProtectionTable of Component<protect::KernelRights>,
    folio_reference_region_protection: RegionProtectionTable of Component<protect::RegionRights>,
    folio_reference_fault_policy: FaultPolicyTable of Component<protect::Faults>,
    folio_reference_user_copy: UserCopyTable of Component<protect::Copies>,
);

#[cfg(feature = "mmap")]
provide!(
    folio_reference_mappings: MappingsTable of Component<mmap::ProcessMappings>,
    folio_reference_demand_paging: DemandPagingTable of Component<mmap::Demand>,
);

/// From this text, the build script of `lab_abi` learns the object's version.
#[used]
static VERSION: &str = lab_abi::VERSION;

/// A panic of a reference becomes a panic of the kernel.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    lab_abi::services::panic(info)
}
