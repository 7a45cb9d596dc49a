//! There is room for nothing.

use mm_api::*;

pub struct ProcessMappings;

impl Mappings for ProcessMappings {
    fn map(_: &mut dyn RegionList, _: &MapRequest) -> Result<PageRange, MapError> {
        Err(MapError::NoRoom)
    }

    fn unmap(_: &mut dyn RegionList, _: VirtAddr, _: u32) -> Result<PageRange, MapError> {
        Err(MapError::InUse)
    }
}
