//! There is a frame for nothing.

use mm_api::*;

pub struct Demand;

impl DemandPaging for Demand {
    fn fill(_: &mut dyn SharedPages, _: &Region, _: Page) -> Result<(), PageError> {
        Err(PageError::OutOfFrames)
    }

    fn write(_: &mut dyn SharedPages, _: &Region, _: Page) -> Result<(), PageError> {
        Err(PageError::OutOfFrames)
    }

    fn fork(_: &mut dyn Fork, _: &Region) -> Result<(), PageError> {
        Err(PageError::OutOfFrames)
    }
}
