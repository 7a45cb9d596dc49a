//! There is room for no stack.

use mm_api::*;

pub struct StackArea;

impl KernelStacks for StackArea {
    fn new(_: PageRange) -> Self {
        Self
    }

    fn create(&mut self, _: &mut dyn Pages) -> Result<KernelStack, StackError> {
        Err(StackError::NoRoom)
    }

    fn destroy(&mut self, _: &mut dyn Pages, _: KernelStack) {}
}
