//! No frame is managed.

use mm_api::*;

pub struct Pmm;

impl FrameAllocator for Pmm {
    fn new(_: &MemoryMap<'_>, _: &mut dyn MetadataLender) -> Result<Self, InitError> {
        Ok(Self)
    }

    fn allocate(&mut self) -> Option<Frame> {
        None
    }

    fn allocate_run(&mut self, _: Order) -> Option<FrameRun> {
        None
    }

    fn free(&mut self, _: Frame) -> Result<(), FreeError> {
        Err(FreeError::NotManaged)
    }

    fn free_run(&mut self, _: FrameRun) -> Result<(), FreeError> {
        Err(FreeError::NotManaged)
    }

    fn free_frames(&self) -> u32 {
        0
    }

    fn managed_frames(&self) -> u32 {
        0
    }
}
