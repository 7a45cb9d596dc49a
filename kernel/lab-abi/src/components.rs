//! Tables for the components that a lab provides: the kernel calls a compiled reference.
//!
//! A function of the reference's object provides each table; [`exports!`](crate::exports) makes
//! these functions.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use mm_api::{
    AllocError, Arguments, BadAddress, BlockError, BreakError, CpuFeatures, Decision, DemandPaging, Directory,
    Enforced, Fault, FaultPolicy, Fork, Frame, FrameAllocator, FrameRun, FreeError, HeapDamage, HeapMemory,
    HeapSummary, InitError, Interrupts, KernelHeap, KernelLayout, KernelProtection, KernelStack, KernelStacks, Machine,
    MapError, MapRequest, Mappings, MemoryMap, MetadataLender, Order, Page, PageError, PageRange, Pages, ProcessHeap,
    ProtectError, Protection, ReallocError, Region, RegionList, RegionProtection, Rights, Section, SharedKernelHeap,
    SharedPages, Space, StackError, Translation, UserCopy, UserStack, UserWindow, VirtAddr, VirtualMemory, VmmError,
};

use crate::crossing::{Answer, Crosses};
use crate::instruments::{HeapMemoryTable, RemoteInterrupts, RemoteMachine};
use crate::memory::MemoryTable;
use crate::remote::{Held, INSTRUMENT, Inline, LENT, Remote, Table, Words};
use crate::services::{SERVICES, Services};

/// Words of a component that exists once.
pub const COMPONENT: usize = 256;
/// Words of a component that every process has.
pub const OF_PROCESS: usize = 16;

/// A table that a compiled reference provides.
pub trait Provided: Sized + 'static {
    /// The table that the linked reference provides.
    fn table() -> &'static Self;
}

/// Declares the functions that provide tables.
macro_rules! provided {
    ($($Table:ident: $function:ident),+ $(,)?) => {
        $(
            impl Provided for $Table {
                fn table() -> &'static Self {
                    unsafe extern "C" {
                        fn $function(services: &'static Services) -> &'static $Table;
                    }
                    // SAFETY: the object's function has this type, because its version is the same.
                    unsafe { $function(&SERVICES) }
                }
            }
        )+
    };
}

provided! {
    MemoryTable: folio_reference_memory,
    FramesTable: folio_reference_frames,
    ManagerTable: folio_reference_manager,
    HeapMaker: folio_reference_heap,
    SharedHeapTable: folio_reference_shared_heap,
    ProcessHeapTable: folio_reference_process_heap,
    UserStackTable: folio_reference_user_stack,
    KernelStacksTable: folio_reference_kernel_stacks,
    KernelProtectionTable: folio_reference_kernel_protection,
    RegionProtectionTable: folio_reference_region_protection,
    FaultPolicyTable: folio_reference_fault_policy,
    UserCopyTable: folio_reference_user_copy,
    MappingsTable: folio_reference_mappings,
    DemandPagingTable: folio_reference_demand_paging,
}

/// A type with parameters that always stands for the same component.
pub trait With<P: ?Sized> {
    /// The component, for any `P`.
    type Component;
}

impl<T: Table, P: ?Sized, const WORDS: usize> With<P> for Remote<T, WORDS> {
    type Component = Self;
}

table! {
    /// Lab 01's table.
    FramesTable(Owned: FrameAllocator) for FrameAllocator {
        fn new[new](map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> InitError;
        fn allocate[mut]() -> Option<Frame>;
        fn allocate_run[mut](order: Order) -> Option<FrameRun>;
        fn free[mut](frame: Frame) -> Result<(), FreeError>;
        fn free_run[mut](run: FrameRun) -> Result<(), FreeError>;
        fn free_frames[ref]() -> u32;
        fn managed_frames[ref]() -> u32;
    }
}

/// Lab 01's component.
pub type Pmm = Remote<FramesTable, COMPONENT>;

table! {
    /// Lab 02's table.
    ManagerTable(Owned: VirtualMemory<RemoteMachine>) for VirtualMemory<RemoteMachine>
        = [impl<M: Machine> VirtualMemory<M> for Remote<ManagerTable, COMPONENT>]
    {
        fn new[with_machine](layout: &KernelLayout<'_>) -> VmmError;
        fn root[ref](space: Space<'_>) -> Frame;
        fn load[mut](space: Space<'_>) -> ();
        fn map[mut](space: Space<'_>, page: Page, frame: Frame, protection: Protection) -> Result<(), VmmError>;
        fn unmap[mut](space: Space<'_>, page: Page) -> Result<Frame, VmmError>;
        fn translate[ref](space: Space<'_>, address: VirtAddr) -> Option<Translation>;
        fn protect[mut](space: Space<'_>, page: Page, protection: Protection) -> Result<(), VmmError>;
        fn allocate[mut](pages: u32) -> Result<PageRange, VmmError>;
        fn free[mut](pages: PageRange) -> Result<(), VmmError>;
        fn allocate_in[mut](
            space: Space<'_>, first: Page, pages: u32, protection: Protection
        ) -> Result<(), VmmError>;
        fn free_in[mut](space: Space<'_>, first: Page, pages: u32) -> Result<(), VmmError>;
        fn create_directory[mut]() -> Result<Directory, VmmError>;
        fn destroy_directory[mut](directory: Directory) -> ();
    }
}

/// Lab 02's component.
pub type Vmm<M> = <Remote<ManagerTable, COMPONENT> as With<M>>::Component;

table! {
    /// The table of a heap: lab 03's, or one of the kernel's that lab 03 shares.
    HeapTable(Held: KernelHeap) for KernelHeap {
        fn allocate[mut](layout: Layout) -> Result<NonNull<u8>, AllocError>;
        fn allocate_zeroed[mut](layout: Layout) -> Result<NonNull<u8>, AllocError>;
        fn allocate_array[mut](count: u32, size: u32) -> Result<NonNull<u8>, AllocError>;
        fn free[mut](block: NonNull<u8>) -> Result<(), BlockError>;
        fn reallocate[mut](block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError>;
        fn usable_size[ref](block: NonNull<u8>) -> Result<u32, BlockError>;
        fn check[ref]() -> Result<HeapSummary, HeapDamage>;
    }
}

/// A heap of the kernel's that lab 03's second part owns.
pub type RemoteHeap = Remote<HeapTable, INSTRUMENT>;

/// Wraps a heap, to send it for good.
pub(crate) fn heap<H: KernelHeap>(heap: H) -> RemoteHeap {
    // SAFETY: the functions are for a heap in the words; a heap that may be sent may be sent
    // wrapped.
    unsafe { Remote::of(const { &HeapTable::of::<Inline<H, INSTRUMENT>>() }, Words::holding(heap)) }
}

/// Lab 03's heap, whose constructor is no part of its trait.
pub trait HeapKind {
    /// The type of the heap.
    type Heap: KernelHeap + Send + 'static;

    /// Makes a heap that grows by `memory`, whose region begins at `base`.
    ///
    /// # Errors
    /// The error of lab 03.
    ///
    /// # Safety
    /// As lab 03's constructor requires.
    unsafe fn new(base: NonNull<u8>, memory: &'static mut dyn HeapMemory) -> Result<Self::Heap, AllocError>;
}

/// The table of lab 03's heap, with its constructor.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HeapMaker {
    heaps: HeapTable,
    new: unsafe extern "C" fn(*mut (), *mut u8, *mut Lent) -> Answer<(), AllocError>,
}

/// A heap's memory, lent for as long as the heap exists.
type Lent = Remote<HeapMemoryTable, LENT>;

impl Table for HeapMaker {
    fn end(&self) -> unsafe extern "C" fn(*mut ()) {
        Table::end(&self.heaps)
    }
}

impl HeapMaker {
    /// The table of a type.
    #[must_use]
    pub const fn of<K: HeapKind>() -> Self {
        unsafe extern "C" fn new<K: HeapKind>(
            place: *mut (),
            base: *mut u8,
            memory: *mut Lent,
        ) -> Answer<(), AllocError> {
            const {
                assert!(size_of::<OnSlot<K::Heap>>() <= size_of::<Words<COMPONENT>>(), "the heap needs more words");
            }
            let slot = Slot::take();
            // SAFETY: the slot belongs to this call alone. The sent value may be used for good.
            let memory = unsafe { (*slot.memory.get()).write(memory.read()) };
            // SAFETY: the caller's promise, as everywhere between the two sides.
            let made = unsafe { K::new(NonNull::new_unchecked(base), memory) };
            match made {
                Ok(heap) => {
                    // SAFETY: the place has room for the heap, and is aligned.
                    unsafe { place.cast::<OnSlot<K::Heap>>().write(OnSlot { heap, slot }) };
                    Answer::Good(())
                }
                Err(error) => {
                    slot.taken.store(false, Ordering::Relaxed);
                    Answer::Bad(error)
                }
            }
        }
        Self { heaps: HeapTable::of::<OnSlot<K::Heap>>(), new: new::<K> }
    }
}

/// Lab 03's component for one user.
pub type Heap<'m> = <Remote<HeapTable, COMPONENT> as With<&'m ()>>::Component;

impl Remote<HeapTable, COMPONENT> {
    /// Makes a heap that grows by `memory`, whose region begins at `base`.
    ///
    /// # Errors
    /// The error of lab 03.
    ///
    /// # Safety
    /// As lab 03's constructor requires.
    pub unsafe fn new(base: NonNull<u8>, memory: &'static mut dyn HeapMemory) -> Result<Self, AllocError> {
        let maker = HeapMaker::table();
        let mut words = Words::empty();
        // The other side owns the memory from now on.
        let mut memory = core::mem::ManuallyDrop::new(memory.send());
        // SAFETY: the caller's promise; the words have room for the heap.
        match unsafe { (maker.new)(words.place(), base.as_ptr(), &raw mut *memory) } {
            // SAFETY: the heap is in the words.
            Answer::Good(()) => Ok(unsafe { Self::of(&maker.heaps, words) }),
            Answer::Bad(error) => Err(error),
        }
    }
}

/// Memory at a fixed address: a heap refers to it, and may itself be moved.
struct Slot {
    taken: AtomicBool,
    memory: UnsafeCell<MaybeUninit<Lent>>,
}

// SAFETY: only the heap that has taken the slot uses the memory.
unsafe impl Sync for Slot {}

/// One slot for each heap that may exist at a time.
static SLOTS: [Slot; 64] =
    [const { Slot { taken: AtomicBool::new(false), memory: UnsafeCell::new(MaybeUninit::uninit()) } }; 64];

impl Slot {
    /// Takes a free slot.
    fn take() -> &'static Self {
        let free = |slot: &&Self| !slot.taken.swap(true, Ordering::Relaxed);
        SLOTS.iter().find(free).expect("there are more heaps of the reference than it was compiled for")
    }
}

/// A heap, and the slot with its memory.
#[repr(C)]
struct OnSlot<H> {
    heap: H,
    slot: &'static Slot,
}

impl<H> Held for OnSlot<H> {
    type Object = H;

    unsafe fn at<'a>(place: *mut ()) -> &'a H {
        // SAFETY: the heap is there, and is borrowed as the `Remote` is.
        unsafe { &(*place.cast::<Self>()).heap }
    }

    unsafe fn at_mut<'a>(place: *mut ()) -> &'a mut H {
        // SAFETY: likewise.
        unsafe { &mut (*place.cast::<Self>()).heap }
    }

    unsafe fn end(place: *mut ()) {
        // SAFETY: the heap is there, and is not used again.
        let Self { heap, slot } = unsafe { place.cast::<Self>().read() };
        drop(heap);
        slot.taken.store(false, Ordering::Relaxed);
    }
}

table! {
    /// The table of lab 03's second part.
    SharedHeapTable(Owned: SharedKernelHeap<RemoteHeap, RemoteInterrupts>)
        for SharedKernelHeap<RemoteHeap, RemoteInterrupts>
        = [impl<H: KernelHeap, I: Interrupts> SharedKernelHeap<H, I> for SharedHeap<H, I>]
    {
        fn new[with_heap]() -> ();
        fn with[lend_heap]() -> ();
        fn kmalloc[ref](bytes: u32) -> *mut u8;
        fn kzalloc[ref](bytes: u32) -> *mut u8;
        fn kfree[ref](block: *mut u8) -> Result<(), BlockError>;
        fn malloc[ref](bytes: u32) -> *mut u8;
        fn calloc[ref](count: u32, size: u32) -> *mut u8;
        fn realloc[ref](block: *mut u8, bytes: u32) -> Result<*mut u8, BlockError>;
        fn free[ref](block: *mut u8) -> Result<(), BlockError>;
        fn heap_self_test[ref]() -> Result<HeapSummary, HeapDamage>;
    }
}

/// Lab 03's component for the whole kernel.
#[derive(Debug)]
pub struct SharedHeap<H, I> {
    shared: Remote<SharedHeapTable, COMPONENT>,
    /// The types of the values that it owns.
    owned: PhantomData<(H, I)>,
}

// SAFETY: it gives its heap to one user at a time, and shares only the interrupts.
unsafe impl<H: Send, I: Sync> Sync for SharedHeap<H, I> {}

impl<H, I> SharedHeap<H, I> {
    fn of(shared: Remote<SharedHeapTable, COMPONENT>) -> Self {
        Self { shared, owned: PhantomData }
    }

    fn table(&self) -> &'static SharedHeapTable {
        self.shared.table()
    }

    fn place(&self) -> *mut () {
        self.shared.place()
    }
}

/// Work to be done with a heap, on the side that the heap comes from.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Work {
    work: *mut (),
    call: unsafe extern "C" fn(*mut (), *mut ()),
}

impl Work {
    /// Work with a heap in the words of a [`RemoteHeap`].
    ///
    /// # Safety
    /// It is called while `work` lives, with a heap of type `H` in the words.
    pub(crate) unsafe fn new<H, F: FnMut(&mut H)>(work: &mut F) -> Self {
        unsafe extern "C" fn call<H, F: FnMut(&mut H)>(work: *mut (), heap: *mut ()) {
            // SAFETY: the caller's promise; the heap is lent for this call.
            let (work, heap) = unsafe { (&mut *work.cast::<F>(), &mut *heap.cast::<H>()) };
            work(heap);
        }
        Self { work: core::ptr::from_mut(work).cast(), call: call::<H, F> }
    }

    /// Does the work.
    pub(crate) fn call(self, heap: &mut RemoteHeap) {
        // SAFETY: the heap and the work come from the same side.
        unsafe { (self.call)(self.work, heap.place_mut()) }
    }
}

// SAFETY: two pointers.
unsafe impl Crosses for Work {
    type Sent = Self;

    fn send(self) -> Self {
        self
    }

    unsafe fn receive(sent: &mut Self) -> Self {
        *sent
    }
}

/// Values that are sent for good: the receiver owns them.
macro_rules! owned {
    ($($Type:ty),+) => {
        $(
            // SAFETY: the representation of a `Remote` is C's, and its words are the sender's own.
            unsafe impl Crosses for $Type {
                type Sent = MaybeUninit<Self>;

                fn send(self) -> Self::Sent {
                    MaybeUninit::new(self)
                }

                unsafe fn receive(sent: &mut Self::Sent) -> Self {
                    // SAFETY: the value is received once.
                    unsafe { sent.assume_init_read() }
                }
            }
        )+
    };
}

owned!(RemoteMachine, RemoteInterrupts, RemoteHeap);

table! {
    /// Lab 04's table.
    ProcessHeapTable(Owned: ProcessHeap) for ProcessHeap {
        fn new[new](image_end: VirtAddr, limit: VirtAddr) -> BreakError;
        fn start[ref]() -> VirtAddr;
        fn current[ref]() -> VirtAddr;
        fn brk[mut](pages: &mut dyn Pages, address: VirtAddr) -> Result<(), BreakError>;
        fn sbrk[mut](pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError>;
        fn fork[fork](from: &dyn Pages, to: &mut dyn Pages) -> BreakError;
        fn clear[mut](pages: &mut dyn Pages) -> ();
    }
}

/// Lab 04's component.
pub type HeapOfProcess = Remote<ProcessHeapTable, OF_PROCESS>;

table! {
    /// Lab 05's table for processes.
    UserStackTable(Owned: UserStack) for UserStack {
        fn create[new](pages: &mut dyn Pages) -> StackError;
        fn bottom[ref]() -> VirtAddr;
        fn set_up[mut](pages: &mut dyn Pages, arguments: &Arguments<'_>) -> Result<VirtAddr, StackError>;
        fn grow[mut](pages: &mut dyn Pages, address: VirtAddr) -> Result<(), StackError>;
        fn fork[fork](from: &dyn Pages, to: &mut dyn Pages) -> StackError;
        fn destroy[end](pages: &mut dyn Pages) -> ();
    }
}

/// Lab 05's component for processes.
pub type ProcessStack = Remote<UserStackTable, OF_PROCESS>;

table! {
    /// Lab 05's table for the kernel.
    KernelStacksTable(Owned: KernelStacks) for KernelStacks {
        fn new[make](area: PageRange) -> ();
        fn create[mut](pages: &mut dyn Pages) -> Result<KernelStack, StackError>;
        fn destroy[mut](pages: &mut dyn Pages, stack: KernelStack) -> ();
    }
}

/// Lab 05's component for the kernel.
pub type StackArea = Remote<KernelStacksTable, COMPONENT>;

table! {
    /// Lab 06's table for the kernel's own pages.
    KernelProtectionTable(Held: KernelProtection) for KernelProtection {
        fn rights[only](section: Section) -> Option<Protection>;
        fn enforce[only](cpu: CpuFeatures) -> Enforced;
    }
}

table! {
    /// Lab 06's table for the regions of processes.
    RegionProtectionTable(Held: RegionProtection) for RegionProtection {
        fn protect[only](regions: &mut dyn RegionList, pages: PageRange, rights: Rights) -> Result<(), ProtectError>;
    }
}

table! {
    /// Lab 06's table for faults.
    FaultPolicyTable(Held: FaultPolicy) for FaultPolicy {
        fn decide[only](fault: &Fault) -> Decision;
    }
}

table! {
    /// Lab 06's table for copies to and from processes.
    UserCopyTable(Held: UserCopy) for UserCopy {
        fn copy_in[only](window: &mut dyn UserWindow, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress>;
        fn copy_out[only](window: &mut dyn UserWindow, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress>;
    }
}

table! {
    /// Lab 07's table for the region list.
    MappingsTable(Held: Mappings) for Mappings {
        fn map[only](regions: &mut dyn RegionList, request: &MapRequest) -> Result<PageRange, MapError>;
        fn unmap[only](regions: &mut dyn RegionList, address: VirtAddr, length: u32) -> Result<PageRange, MapError>;
    }
}

table! {
    /// Lab 07's table for pages.
    DemandPagingTable(Held: DemandPaging) for DemandPaging {
        fn fill[only](pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError>;
        fn write[only](pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError>;
        fn fork[only](fork: &mut dyn Fork, region: &Region) -> Result<(), PageError>;
    }
}

/// Lab 06's functions for the kernel's own pages.
pub type KernelRights = Remote<KernelProtectionTable, LENT>;
/// Lab 06's functions for regions.
pub type RegionRights = Remote<RegionProtectionTable, LENT>;
/// Lab 06's functions for faults.
pub type Faults = Remote<FaultPolicyTable, LENT>;
/// Lab 06's functions for copies.
pub type Copies = Remote<UserCopyTable, LENT>;
/// Lab 07's functions for the region list.
pub type ProcessMappings = Remote<MappingsTable, LENT>;
/// Lab 07's functions for pages.
pub type Demand = Remote<DemandPagingTable, LENT>;

/// Makes the functions that provide a reference's tables:
/// `exports! { folio_reference_frames: FramesTable = FramesTable::of::<Inline<Pmm, COMPONENT>>(); }`.
#[macro_export]
macro_rules! exports {
    ($($function:ident: $Table:ty = $table:expr;)+) => {
        $(
            // Only `lab_abi` refers to this name, so it clashes with no other.
            #[unsafe(no_mangle)]
            extern "C" fn $function(services: &'static $crate::services::Services) -> &'static $Table {
                static TABLE: $Table = $table;
                $crate::services::receive(services);
                &TABLE
            }
        )+
    };
}
