//! The labs' types, under the names that the kernel and its checks use.
//!
//! This is the only file of the kernel that names a lab. Which of them are the
//! student's and which are the reference is decided by cargo's features.
//!
//! The functions here pass calls on, and are never inlined. So a change of a
//! lab's code reaches into this file's machine code, and no further: the checks
//! need not be compiled again when a student saves.

use kernel_core::memory::paged::Handle;
use mm_api::{
    Directory, Frame, FrameRun, FreeError, InitError, KernelLayout, MemoryMap, MetadataLender, Order, Page, PageRange,
    Protection, Space, Translation, VirtAddr, VmmError,
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
