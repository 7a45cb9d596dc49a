//! Places without pages.
use mm_api::*;
pub struct StackArea(u32, u32);
impl KernelStacks for StackArea {
    fn new(a: PageRange) -> Self {
        Self(a.first().number(), a.end())
    }
    fn create(&mut self, _: &mut dyn Pages) -> Result<KernelStack, StackError> {
        if self.0 + 5 > self.1 {
            return Err(StackError::NoRoom);
        }
        self.0 += 5;
        Ok(KernelStack::new(PageRange::new(Page::new(self.0 - 4).unwrap(), 4).unwrap()))
    }
    fn destroy(&mut self, _: &mut dyn Pages, _: KernelStack) {}
}
