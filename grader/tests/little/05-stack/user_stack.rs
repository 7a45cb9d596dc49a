//! One page, always.
use mm_api::*;
pub struct ProcessStack(VirtAddr);
impl UserStack for ProcessStack {
    fn create(p: &mut dyn Pages) -> Result<Self, StackError> {
        p.map(Page::containing(VirtAddr::new(0xBFFF_F000)))?;
        Ok(Self(VirtAddr::new(0xBFFF_F000)))
    }
    fn bottom(&self) -> VirtAddr {
        self.0
    }
    fn set_up(&mut self, _: &mut dyn Pages, _: &Arguments<'_>) -> Result<VirtAddr, StackError> {
        Err(StackError::TooManyArguments)
    }
    fn grow(&mut self, _: &mut dyn Pages, a: VirtAddr) -> Result<(), StackError> {
        Err(if a.as_u32() >= 0xBFFF_F000 && a.as_u32() < 0xC000_0000 {
            StackError::AlreadyMapped
        } else {
            StackError::Outside
        })
    }
    fn fork(&self, _: &dyn Pages, to: &mut dyn Pages) -> Result<Self, StackError> {
        Self::create(to)
    }
    fn destroy(self, p: &mut dyn Pages) {
        p.unmap(Page::containing(VirtAddr::new(0xBFFF_F000)));
    }
}
