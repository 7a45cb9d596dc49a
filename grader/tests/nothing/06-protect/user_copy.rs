//! Nothing is copied.

use mm_api::*;

pub struct Copies;

impl UserCopy for Copies {
    fn copy_in(_: &mut dyn UserWindow, _: VirtAddr, _: &mut [u8]) -> Result<(), BadAddress> {
        Err(BadAddress)
    }

    fn copy_out(_: &mut dyn UserWindow, _: VirtAddr, _: &[u8]) -> Result<(), BadAddress> {
        Err(BadAddress)
    }
}
