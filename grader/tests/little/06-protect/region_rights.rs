//! Everything is refused.
use mm_api::*;
pub struct RegionRights;
impl RegionProtection for RegionRights {
    fn protect(_: &mut dyn RegionList, _: PageRange, _: Rights) -> Result<(), ProtectError> {
        Err(ProtectError::NotMapped)
    }
}
