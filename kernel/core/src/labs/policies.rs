//! Labs 06 and 07 behind the table: functions without state.

use mm_api::{
    BadAddress, CpuFeatures, Decision, Enforced, Fault, FaultPolicy, Fork, KernelProtection, MapError, MapRequest,
    Page, PageError, PageRange, ProtectError, Protection, Region, RegionList, RegionProtection, Rights, Section,
    SharedPages, UserCopy, UserWindow, VirtAddr,
};

/// Lab 06's functions: the methods of [`KernelProtection`], [`RegionProtection`], [`FaultPolicy`]
/// and [`UserCopy`].
#[allow(missing_docs)] // Documented in the traits.
pub struct Protections {
    pub rights: fn(Section) -> Option<Protection>,
    pub enforce: fn(CpuFeatures) -> Enforced,
    pub protect: fn(&mut dyn RegionList, PageRange, Rights) -> Result<(), ProtectError>,
    pub decide: fn(&Fault) -> Decision,
    pub copy_in: fn(&mut dyn UserWindow, VirtAddr, &mut [u8]) -> Result<(), BadAddress>,
    pub copy_out: fn(&mut dyn UserWindow, VirtAddr, &[u8]) -> Result<(), BadAddress>,
}

impl Protections {
    /// The functions of these types.
    #[must_use]
    pub const fn of<K: KernelProtection, R: RegionProtection, F: FaultPolicy, C: UserCopy>() -> Self {
        Self {
            rights: K::rights,
            enforce: K::enforce,
            protect: R::protect,
            decide: F::decide,
            copy_in: C::copy_in,
            copy_out: C::copy_out,
        }
    }
}

/// Lab 07's functions for the region list: the methods of [`mm_api::Mappings`].
#[allow(missing_docs)] // Documented in the trait.
pub struct Mappings {
    pub map: fn(&mut dyn RegionList, &MapRequest) -> Result<PageRange, MapError>,
    pub unmap: fn(&mut dyn RegionList, VirtAddr, u32) -> Result<PageRange, MapError>,
}

impl Mappings {
    /// The functions of this type.
    #[must_use]
    pub const fn of<M: mm_api::Mappings>() -> Self {
        Self { map: M::map, unmap: M::unmap }
    }
}

/// Lab 07's functions for pages: the methods of [`mm_api::DemandPaging`].
#[allow(missing_docs)] // Documented in the trait.
pub struct DemandPaging {
    pub fill: fn(&mut dyn SharedPages, &Region, Page) -> Result<(), PageError>,
    pub write: fn(&mut dyn SharedPages, &Region, Page) -> Result<(), PageError>,
    pub fork: fn(&mut dyn Fork, &Region) -> Result<(), PageError>,
}

impl DemandPaging {
    /// The functions of this type.
    #[must_use]
    pub const fn of<D: mm_api::DemandPaging>() -> Self {
        Self { fill: D::fill, write: D::write, fork: D::fork }
    }
}
