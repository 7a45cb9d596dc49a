//! Success, always.
use mm_api::*;
pub struct Copies;
impl UserCopy for Copies {
    fn copy_in(_: &mut dyn UserWindow, _: VirtAddr, _: &mut [u8]) -> Result<(), BadAddress> {
        Ok(())
    }
    fn copy_out(_: &mut dyn UserWindow, _: VirtAddr, _: &[u8]) -> Result<(), BadAddress> {
        Ok(())
    }
}
