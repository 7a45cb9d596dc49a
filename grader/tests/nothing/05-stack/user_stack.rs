//! No page is mapped.

use mm_api::*;

pub struct ProcessStack;

impl UserStack for ProcessStack {
    fn create(_: &mut dyn Pages) -> Result<Self, StackError> {
        Ok(Self)
    }

    fn bottom(&self) -> VirtAddr {
        VirtAddr::new(0xBFFF_F000)
    }

    fn set_up(&mut self, _: &mut dyn Pages, _: &Arguments<'_>) -> Result<VirtAddr, StackError> {
        Err(StackError::TooManyArguments)
    }

    fn grow(&mut self, _: &mut dyn Pages, _: VirtAddr) -> Result<(), StackError> {
        Err(StackError::Outside)
    }

    fn fork(&self, _: &dyn Pages, _: &mut dyn Pages) -> Result<Self, StackError> {
        Ok(Self)
    }

    fn destroy(self, _: &mut dyn Pages) {}
}
