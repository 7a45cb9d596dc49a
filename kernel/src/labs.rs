//! The labs' types, under the names that the kernel and its checks use.
//!
//! This is the only file of the kernel that names a lab. Which of them are the
//! student's and which are the reference is decided by cargo's features.
//!
//! The functions here pass calls on, and are never inlined. So a change of a
//! lab's code reaches into this file's machine code, and no further: the checks
//! need not be compiled again when a student saves.

use mm_api::{Frame, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order};

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
