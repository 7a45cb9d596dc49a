//! The break never moves.

use mm_api::*;

pub struct Heap(VirtAddr);

impl ProcessHeap for Heap {
    fn new(image_end: VirtAddr, _: VirtAddr) -> Result<Self, BreakError> {
        Ok(Self(image_end.max(VirtAddr::new(0x1000_0000))))
    }

    fn start(&self) -> VirtAddr {
        self.0
    }

    fn current(&self) -> VirtAddr {
        self.0
    }

    fn brk(&mut self, _: &mut dyn Pages, _: VirtAddr) -> Result<(), BreakError> {
        Err(BreakError::PastLimit)
    }

    fn sbrk(&mut self, _: &mut dyn Pages, _: i32) -> Result<VirtAddr, BreakError> {
        Err(BreakError::PastLimit)
    }

    fn fork(&self, _: &dyn Pages, _: &mut dyn Pages) -> Result<Self, BreakError> {
        Ok(Self(self.0))
    }

    fn clear(&mut self, _: &mut dyn Pages) {}
}
