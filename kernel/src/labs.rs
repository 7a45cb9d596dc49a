//! The labs' types, under the names that the kernel and its checks use.
//!
//! This is the only file of the kernel that names a lab. Which of them are the
//! student's and which are the reference is decided by cargo's features.
//!
//! The functions here pass calls on, and are never inlined. So a change of a
//! lab's code reaches into this file's machine code, and no further: the checks
//! need not be compiled again when a student saves.

use core::alloc::Layout;
use core::ptr::NonNull;

use kernel_core::memory::arena::Arena;
use kernel_core::memory::paged::Handle;
use mm_api::{
    AllocError, Arguments, BlockError, BreakError, Directory, Frame, FrameRun, FreeError, HeapDamage, HeapMemory,
    HeapSummary, InitError, Interrupts, KernelHeap, KernelLayout, KernelStack, MemoryMap, MetadataLender, Order, Page,
    PageRange, Pages, Protection, ReallocError, SharedKernelHeap, Space, StackError, Translation, VirtAddr, VmmError,
};

/// Lab 01: the physical memory manager.
pub struct FrameAllocator(pmm::Pmm);

impl mm_api::FrameAllocator for FrameAllocator {
    #[inline(never)]
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        pmm::Pmm::new(map, lender).map(Self)
    }

    #[inline(never)]
    fn allocate(&mut self) -> Option<Frame> {
        self.0.allocate()
    }

    #[inline(never)]
    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        self.0.allocate_run(order)
    }

    #[inline(never)]
    fn free(&mut self, frame: Frame) -> Result<(), FreeError> {
        self.0.free(frame)
    }

    #[inline(never)]
    fn free_run(&mut self, run: FrameRun) -> Result<(), FreeError> {
        self.0.free_run(run)
    }

    #[inline(never)]
    fn free_frames(&self) -> u32 {
        self.0.free_frames()
    }

    #[inline(never)]
    fn managed_frames(&self) -> u32 {
        self.0.managed_frames()
    }
}

/// Lab 02: the virtual memory manager.
pub struct VirtualMemory<'m, 'f>(vmm::Vmm<Handle<'m, 'f>>);

impl<'m, 'f> mm_api::VirtualMemory<Handle<'m, 'f>> for VirtualMemory<'m, 'f> {
    #[inline(never)]
    fn new(machine: Handle<'m, 'f>, layout: &KernelLayout<'_>) -> Result<Self, VmmError> {
        vmm::Vmm::new(machine, layout).map(Self)
    }

    #[inline(never)]
    fn root(&self, space: Space<'_>) -> Frame {
        self.0.root(space)
    }

    #[inline(never)]
    fn load(&mut self, space: Space<'_>) {
        self.0.load(space);
    }

    #[inline(never)]
    fn map(&mut self, space: Space<'_>, page: Page, frame: Frame, protection: Protection) -> Result<(), VmmError> {
        self.0.map(space, page, frame, protection)
    }

    #[inline(never)]
    fn unmap(&mut self, space: Space<'_>, page: Page) -> Result<Frame, VmmError> {
        self.0.unmap(space, page)
    }

    #[inline(never)]
    fn translate(&self, space: Space<'_>, address: VirtAddr) -> Option<Translation> {
        self.0.translate(space, address)
    }

    #[inline(never)]
    fn protect(&mut self, space: Space<'_>, page: Page, protection: Protection) -> Result<(), VmmError> {
        self.0.protect(space, page, protection)
    }

    #[inline(never)]
    fn allocate(&mut self, pages: u32) -> Result<PageRange, VmmError> {
        self.0.allocate(pages)
    }

    #[inline(never)]
    fn free(&mut self, pages: PageRange) -> Result<(), VmmError> {
        self.0.free(pages)
    }

    #[inline(never)]
    fn allocate_in(
        &mut self,
        space: Space<'_>,
        first: Page,
        pages: u32,
        protection: Protection,
    ) -> Result<(), VmmError> {
        self.0.allocate_in(space, first, pages, protection)
    }

    #[inline(never)]
    fn free_in(&mut self, space: Space<'_>, first: Page, pages: u32) -> Result<(), VmmError> {
        self.0.free_in(space, first, pages)
    }

    #[inline(never)]
    fn create_directory(&mut self) -> Result<Directory, VmmError> {
        self.0.create_directory()
    }

    #[inline(never)]
    fn destroy_directory(&mut self, directory: Directory) {
        self.0.destroy_directory(directory);
    }
}

/// Lab 03: the kernel's heap.
pub struct Heap<'m>(heap::Heap<'m>);

// SAFETY: both constructors have the heap's region for the heap alone, wherever it
// is moved to, and `at` takes a source of memory that can move along. The lab adds
// nothing to it that another processor, or an interrupt handler, could share.
#[allow(unsafe_code)]
unsafe impl Send for Heap<'static> {}

impl<'m> Heap<'m> {
    /// A heap over `memory`, whose region begins at `base`.
    ///
    /// # Safety
    /// That of [`heap::Heap::new`].
    ///
    /// # Errors
    /// [`AllocError::OutOfMemory`] if the memory does not grow.
    #[inline(never)]
    #[allow(unsafe_code)]
    pub unsafe fn at(base: NonNull<u8>, memory: &'m mut (dyn HeapMemory + Send)) -> Result<Self, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { heap::Heap::new(base, memory) }.map(Self)
    }

    /// A heap over the arena `memory`.
    ///
    /// # Panics
    /// If there is a heap in it already.
    #[inline(never)]
    #[allow(unsafe_code)]
    pub fn over(memory: &'m mut &Arena) -> Result<Self, AllocError> {
        assert!(memory.most_bytes() == 0, "an arena is for one heap");
        // SAFETY: the arena's bytes may be read and written through its base, as far
        // as it has grown, and whoever else does that, a check, does so on purpose.
        unsafe { heap::Heap::new(memory.base(), memory) }.map(Self)
    }
}

impl KernelHeap for Heap<'_> {
    #[inline(never)]
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout)
    }

    #[inline(never)]
    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate_zeroed(layout)
    }

    #[inline(never)]
    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate_array(count, size)
    }

    #[inline(never)]
    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        self.0.free(block)
    }

    #[inline(never)]
    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        self.0.reallocate(block, layout)
    }

    #[inline(never)]
    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        self.0.usable_size(block)
    }

    #[inline(never)]
    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        self.0.check()
    }
}

/// Lab 03, its second part: a heap that all of the kernel shares.
pub struct SharedHeap<H, I>(heap::SharedHeap<H, I>);

impl<H: KernelHeap, I: Interrupts> SharedKernelHeap<H, I> for SharedHeap<H, I> {
    #[inline(never)]
    fn new(heap: H, interrupts: I) -> Self {
        Self(heap::SharedHeap::new(heap, interrupts))
    }

    #[inline(never)]
    fn with<R>(&self, work: impl FnOnce(&mut H) -> R) -> R {
        self.0.with(work)
    }

    #[inline(never)]
    fn kmalloc(&self, bytes: u32) -> *mut u8 {
        self.0.kmalloc(bytes)
    }

    #[inline(never)]
    fn kzalloc(&self, bytes: u32) -> *mut u8 {
        self.0.kzalloc(bytes)
    }

    #[inline(never)]
    fn kfree(&self, block: *mut u8) -> Result<(), BlockError> {
        self.0.kfree(block)
    }

    #[inline(never)]
    fn malloc(&self, bytes: u32) -> *mut u8 {
        self.0.malloc(bytes)
    }

    #[inline(never)]
    fn calloc(&self, count: u32, size: u32) -> *mut u8 {
        self.0.calloc(count, size)
    }

    #[inline(never)]
    fn realloc(&self, block: *mut u8, bytes: u32) -> Result<*mut u8, BlockError> {
        self.0.realloc(block, bytes)
    }

    #[inline(never)]
    fn free(&self, block: *mut u8) -> Result<(), BlockError> {
        self.0.free(block)
    }

    #[inline(never)]
    fn heap_self_test(&self) -> Result<HeapSummary, HeapDamage> {
        self.0.heap_self_test()
    }
}

/// Lab 04: a process's heap.
pub struct ProcessHeap(process_heap::Heap);

impl mm_api::ProcessHeap for ProcessHeap {
    #[inline(never)]
    fn new(image_end: VirtAddr, limit: VirtAddr) -> Result<Self, BreakError> {
        process_heap::Heap::new(image_end, limit).map(Self)
    }

    #[inline(never)]
    fn start(&self) -> VirtAddr {
        self.0.start()
    }

    #[inline(never)]
    fn current(&self) -> VirtAddr {
        self.0.current()
    }

    #[inline(never)]
    fn brk(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), BreakError> {
        self.0.brk(pages, address)
    }

    #[inline(never)]
    fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError> {
        self.0.sbrk(pages, increment)
    }

    #[inline(never)]
    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, BreakError> {
        self.0.fork(from, to).map(Self)
    }

    #[inline(never)]
    fn clear(&mut self, pages: &mut dyn Pages) {
        self.0.clear(pages);
    }
}

/// Lab 05: the stack of a process.
pub struct UserStack(stack::ProcessStack);

impl mm_api::UserStack for UserStack {
    #[inline(never)]
    fn create(pages: &mut dyn Pages) -> Result<Self, StackError> {
        stack::ProcessStack::create(pages).map(Self)
    }

    #[inline(never)]
    fn bottom(&self) -> VirtAddr {
        self.0.bottom()
    }

    #[inline(never)]
    fn set_up(&mut self, pages: &mut dyn Pages, arguments: &Arguments<'_>) -> Result<VirtAddr, StackError> {
        self.0.set_up(pages, arguments)
    }

    #[inline(never)]
    fn grow(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), StackError> {
        self.0.grow(pages, address)
    }

    #[inline(never)]
    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, StackError> {
        self.0.fork(from, to).map(Self)
    }

    #[inline(never)]
    fn destroy(self, pages: &mut dyn Pages) {
        self.0.destroy(pages);
    }
}

/// Lab 05: the stacks of the kernel.
#[allow(dead_code)] // The processes' records, which have them, come later.
pub struct KernelStacks(stack::StackArea);

impl mm_api::KernelStacks for KernelStacks {
    #[inline(never)]
    fn new(area: PageRange) -> Self {
        Self(stack::StackArea::new(area))
    }

    #[inline(never)]
    fn create(&mut self, pages: &mut dyn Pages) -> Result<KernelStack, StackError> {
        self.0.create(pages)
    }

    #[inline(never)]
    fn destroy(&mut self, pages: &mut dyn Pages, stack: KernelStack) {
        self.0.destroy(pages, stack);
    }
}
