//! Lab 01, your file: a physical memory manager.

use mm_api::{Frame, FrameAllocator, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order};

/// The physical memory manager.
pub struct Pmm {}

impl FrameAllocator for Pmm {
    fn new(_map: &MemoryMap<'_>, _lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        todo!()
    }

    fn allocate(&mut self) -> Option<Frame> {
        todo!()
    }

    fn allocate_run(&mut self, _order: Order) -> Option<FrameRun> {
        todo!()
    }

    fn free(&mut self, _frame: Frame) -> Result<(), FreeError> {
        todo!()
    }

    fn free_run(&mut self, _run: FrameRun) -> Result<(), FreeError> {
        todo!()
    }

    fn free_frames(&self) -> u32 {
        todo!()
    }

    fn managed_frames(&self) -> u32 {
        todo!()
    }
}
