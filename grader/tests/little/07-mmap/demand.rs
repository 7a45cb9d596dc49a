//! Success, always.
use mm_api::*;
pub struct Demand;
impl DemandPaging for Demand {
    fn fill(_: &mut dyn SharedPages, _: &Region, _: Page) -> Result<(), PageError> {
        Ok(())
    }
    fn write(_: &mut dyn SharedPages, _: &Region, _: Page) -> Result<(), PageError> {
        Ok(())
    }
    fn fork(_: &mut dyn Fork, _: &Region) -> Result<(), PageError> {
        Ok(())
    }
}
