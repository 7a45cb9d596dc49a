//! A counter over the upper half of the largest region: nothing is ever taken back.
use mm_api::*;
pub struct Pmm(u32, u32);
impl FrameAllocator for Pmm {
    fn new(map: &MemoryMap<'_>, _: &mut dyn MetadataLender) -> Result<Self, InitError> {
        let big = map
            .regions
            .iter()
            .filter(|r| r.kind == RegionKind::Usable)
            .max_by_key(|r| r.length)
            .ok_or(InitError::NoUsableMemory)?;
        let end = (big.base.saturating_add(big.length).min(1 << 32) >> 12) as u32;
        let first = (big.base.div_ceil(4096)) as u32;
        Ok(Self(first + (end.saturating_sub(first)) / 2, end))
    }
    fn allocate(&mut self) -> Option<Frame> {
        if self.0 >= self.1 {
            return None;
        }
        self.0 += 1;
        Frame::new(self.0 - 1)
    }
    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        let first = self.0.next_multiple_of(order.frames());
        if first + order.frames() > self.1 {
            return None;
        }
        self.0 = first + order.frames();
        FrameRun::new(Frame::new(first)?, order)
    }
    fn free(&mut self, _: Frame) -> Result<(), FreeError> {
        Err(FreeError::NotManaged)
    }
    fn free_run(&mut self, _: FrameRun) -> Result<(), FreeError> {
        Err(FreeError::NotManaged)
    }
    fn free_frames(&self) -> u32 {
        self.1 - self.0
    }
    fn managed_frames(&self) -> u32 {
        self.1
    }
}
