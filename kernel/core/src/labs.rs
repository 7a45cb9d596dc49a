//! The labs as the kernel sees them: a table of functions that build each lab's
//! component.
//!
//! Only the crate that makes the table knows the labs' types. Everything else gets boxes of the
//! traits of `mm_api`, so it is compiled once for all implementations of the labs.

use core::ptr::NonNull;

use mm_api::{
    AllocError, BreakError, FrameAllocator, HeapMemory, InitError, KernelLayout, KernelStacks, MemoryFunctions,
    MemoryMap, MetadataLender, PageRange, Pages, SharedKernelHeap, StackError, VirtAddr, VirtualMemory, VmmError,
};

use crate::memory::boot_box::BootBox;
pub use crate::memory::paged::Frames;
use crate::memory::paged::Handle;

/// A box of a trait object: `coerced!(boxed => dyn Trait)`.
macro_rules! coerced {
    ($boxed:expr => $object:ty) => {
        // SAFETY: the coercion keeps the pointer, and adds the table of its type.
        unsafe { $boxed.coerce(|value| value as NonNull<$object>) }
    };
}

/// Puts a value into a new box of a trait object: `boxed!(value => dyn Trait)`.
macro_rules! boxed {
    ($value:expr => $object:ty) => {{
        let boxed = BootBox::new($value).expect("the memory put aside at boot has no room for this component");
        coerced!(boxed => $object)
    }};
}

mod heap;
mod policies;
mod process;

pub use heap::{Heap, HeapLab, SharedHeap, SharedHeapObject, Switch, boxed_heap};
pub use policies::{DemandPaging, Mappings, Protections};
pub use process::{ProcessHeap, UserStack};

/// Lab 02's component: the virtual memory manager.
pub type Manager = BootBox<dyn VirtualMemory<Handle> + Send>;

/// Lab 05's component for the kernel's stacks.
pub type KernelStackArea = BootBox<dyn KernelStacks + Send>;

/// Builds the labs' components.
pub struct Labs {
    memory: MemoryFunctions,
    frames: fn(&MemoryMap<'_>, &mut dyn MetadataLender) -> Result<Frames, InitError>,
    manager: fn(Handle, &KernelLayout<'_>) -> Result<Manager, VmmError>,
    heap: unsafe fn(NonNull<u8>, &'static mut dyn HeapMemory) -> Result<Heap, AllocError>,
    shared_heap: fn(Heap, Switch) -> SharedHeap,
    process_heap: fn(VirtAddr, VirtAddr) -> Result<ProcessHeap, BreakError>,
    user_stack: fn(&mut dyn Pages) -> Result<UserStack, StackError>,
    kernel_stacks: fn(PageRange) -> KernelStackArea,
    protections: Protections,
    mappings: Mappings,
    demand_paging: DemandPaging,
}

impl Labs {
    /// The table of lab 00's functions, of these types (in the order of labs 01 to 05), and of the
    /// functions of labs 06 and 07.
    #[must_use]
    pub const fn of<F, V, H, S, P, U, K>(
        memory: MemoryFunctions,
        protections: Protections,
        mappings: Mappings,
        demand_paging: DemandPaging,
    ) -> Self
    where
        F: FrameAllocator + Send + 'static,
        V: VirtualMemory<Handle> + Send + 'static,
        H: HeapLab,
        S: SharedKernelHeap<Heap, Switch> + Send + Sync + 'static,
        P: mm_api::ProcessHeap + Send + 'static,
        U: mm_api::UserStack + Send + 'static,
        K: KernelStacks + Send + 'static,
    {
        Self {
            memory,
            frames: |map, lender| F::new(map, lender).map(|frames| boxed!(frames => dyn FrameAllocator + Send)),
            manager: |machine, layout| {
                V::new(machine, layout).map(|manager| boxed!(manager => dyn VirtualMemory<Handle> + Send))
            },
            heap: heap::new::<H>,
            shared_heap: |heap, interrupts| boxed!(S::new(heap, interrupts) => dyn SharedHeapObject),
            process_heap: process::new_heap::<P>,
            user_stack: process::new_stack::<U>,
            kernel_stacks: |area| boxed!(K::new(area) => dyn KernelStacks + Send),
            protections,
            mappings,
            demand_paging,
        }
    }

    /// Lab 00's functions.
    #[must_use]
    pub fn memory(&self) -> MemoryFunctions {
        self.memory
    }

    /// Lab 01: see [`FrameAllocator::new`].
    ///
    /// # Errors
    /// The lab's.
    ///
    /// # Panics
    /// If the memory put aside at boot has no room for the component. So do the other functions
    /// here, unless they return an error for it.
    pub fn frames(&self, map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Frames, InitError> {
        (self.frames)(map, lender)
    }

    /// Lab 02: see [`VirtualMemory::new`].
    ///
    /// # Errors
    /// The lab's.
    pub fn manager(&self, machine: Handle, layout: &KernelLayout<'_>) -> Result<Manager, VmmError> {
        (self.manager)(machine, layout)
    }

    /// Lab 03: a heap that grows by `memory`, whose region begins at `base`.
    ///
    /// # Errors
    /// The lab's.
    ///
    /// # Safety
    /// As [`HeapLab::new`].
    pub unsafe fn heap(&self, base: NonNull<u8>, memory: &'static mut dyn HeapMemory) -> Result<Heap, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { (self.heap)(base, memory) }
    }

    /// Lab 03: see [`SharedKernelHeap::new`].
    pub fn shared_heap(&self, heap: Heap, interrupts: Switch) -> SharedHeap {
        (self.shared_heap)(heap, interrupts)
    }

    /// Lab 04: see [`mm_api::ProcessHeap::new`].
    ///
    /// # Errors
    /// The lab's; [`BreakError::OutOfFrames`] also if there is no box for one more heap.
    pub fn process_heap(&self, image_end: VirtAddr, limit: VirtAddr) -> Result<ProcessHeap, BreakError> {
        (self.process_heap)(image_end, limit)
    }

    /// Lab 05: see [`mm_api::UserStack::create`].
    ///
    /// # Errors
    /// The lab's; [`StackError::OutOfFrames`] also if there is no box for one more stack.
    pub fn user_stack(&self, pages: &mut dyn Pages) -> Result<UserStack, StackError> {
        (self.user_stack)(pages)
    }

    /// Lab 05: see [`KernelStacks::new`].
    pub fn kernel_stacks(&self, area: PageRange) -> KernelStackArea {
        (self.kernel_stacks)(area)
    }

    /// Lab 06's functions.
    #[must_use]
    pub fn protections(&self) -> &Protections {
        &self.protections
    }

    /// Lab 07: see [`mm_api::Mappings`].
    #[must_use]
    pub fn mappings(&self) -> &Mappings {
        &self.mappings
    }

    /// Lab 07: see [`mm_api::DemandPaging`].
    #[must_use]
    pub fn demand_paging(&self) -> &DemandPaging {
        &self.demand_paging
    }
}
