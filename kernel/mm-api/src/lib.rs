//! The interfaces between the kernel and the labs.
//!
//! Addresses, frames and the memory map are types here. Every component that a
//! lab asks for is a trait; in lab 00 it is four function types. The kernel uses
//! the traits, a lab implements its own, and neither knows the other's code.
//!
//! Nothing in this crate is `unsafe`, and nothing needs an operating system:
//! the same code runs in the kernel and in the labs' tests on the host.
//!
//! Sizes and addresses are `u32` on every host, because the machine has 32-bit
//! addresses.
//!
//! Numbers of sections in the Intel SDM are those of edition 075, June 2021 (volume 3:
//! order number 325384). In current editions, volume 3A has paging in chapter 5, not 4.
#![no_std]
#![forbid(unsafe_code)]

mod address;
mod entry;
mod frame;
mod heap;
mod interrupts;
pub mod layout;
mod machine;
mod memory_functions;
mod memory_map;
mod mmap;
mod page;
mod pages;
mod pmm;
mod process_heap;
mod protect;
mod region;
mod shared_heap;
mod stack;
mod vmm;

pub use address::{PhysAddr, VirtAddr};
pub use entry::{Entry, EntryFlags};
pub use frame::{Frame, FrameRange, FrameRun, Order};
pub use heap::{
    AllocError, BlockError, DamageKind, HEAP_ALIGN, HEAP_ALIGN_MAX, HEAP_MAX, HEAP_SLACK, HeapDamage, HeapMemory,
    HeapSummary, KernelHeap, ReallocError,
};
pub use interrupts::Interrupts;
pub use machine::{FrameSource, Machine, PhysMemory, SelfMap, Tlb};
pub use memory_functions::{Memcmp, Memcpy, Memmove, MemoryFunctions, Memset};
pub use memory_map::{MemoryMap, MemoryRegion, PhysRange, RegionKind};
pub use mmap::{
    DemandPaging, Fork, MAPPINGS_END, MAPPINGS_START, MapError, MapRequest, Mappings, Placement, SharedPages,
    protection_of,
};
pub use page::{Page, PageRange, Piece, TABLE_ENTRIES, TableIndex, pieces};
pub use pages::{PageError, Pages};
pub use pmm::{FrameAllocator, FreeError, InitError, LendError, MetadataLender};
pub use process_heap::{BreakError, ProcessHeap};
pub use protect::{
    BadAddress, CpuFeatures, Decision, Enforced, Fault, FaultPolicy, KernelProtection, ProtectError, Refusal,
    RegionProtection, Section, UserCopy, UserWindow,
};
pub use region::{Access, Purpose, Region, RegionList, Rights, SPARE_REGIONS, Sharing};
pub use shared_heap::SharedKernelHeap;
pub use stack::{
    ARGUMENTS_MAX, Arguments, Auxiliary, KERNEL_STACK_PAGES, KernelStack, KernelStacks, STACK_ALIGN, StackError,
    UserStack,
};
pub use vmm::{Directory, KernelLayout, KernelMapping, Protection, Space, Translation, VirtualMemory, VmmError};
