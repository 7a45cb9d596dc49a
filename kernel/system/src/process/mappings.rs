//! `mmap`, `munmap` and `mprotect`. Labs 06 and 07 change the list of regions; this module then
//! changes the pages to match.

use abi::Errno;
use kernel_core::words::told;
use mm_api::layout::PAGE_SIZE;
use mm_api::{
    MapError, MapRequest, Page, PageRange, Placement, ProtectError, Purpose, Region, RegionList, Rights, SPARE_REGIONS,
    VirtAddr,
};

use super::address_space::AddressSpace;
use super::regions::{MOST_REGIONS, Regions};
use crate::memory;

impl AddressSpace {
    /// Makes a mapping, and returns its address. Its pages get memory at the first access.
    ///
    /// # Errors
    /// `EINVAL`, `ENOMEM`, `EEXIST` and `EPERM` as [`mm_api::Mappings::map`] says.
    pub fn map(&mut self, request: &MapRequest) -> Result<VirtAddr, Errno> {
        self.make_room()?;
        let labs = memory::with(|memory| memory.labs());
        let pages =
            (labs.mappings().map)(&mut MappingsAlone(&mut self.regions), request).map_err(|error| match error {
                MapError::Empty | MapError::Unaligned | MapError::InUse => Errno::EINVAL,
                MapError::TooLow => Errno::EPERM,
                MapError::NoRoom => Errno::ENOMEM,
                MapError::Occupied => Errno::EEXIST,
            })?;
        assert!(
            self.has_mappings_alone(pages),
            "map() answered {}, but there a page belongs to a region that is no mapping",
            told(&pages)
        );
        if let Placement::Fixed(_) = request.placement {
            self.unmap_pages(pages);
        }
        Ok(pages.first().start())
    }

    /// Removes the mappings of pages.
    ///
    /// # Errors
    /// `EINVAL` as [`mm_api::Mappings::unmap`] says, `ENOMEM` if there would be too many regions.
    pub fn unmap(&mut self, address: VirtAddr, length: u32) -> Result<(), Errno> {
        self.make_room()?;
        let labs = memory::with(|memory| memory.labs());
        let regions = &mut MappingsAlone(&mut self.regions);
        let pages = (labs.mappings().unmap)(regions, address, length).map_err(|_| Errno::EINVAL)?;
        assert!(
            self.has_mappings_alone(pages),
            "unmap() answered {}, but there a page belongs to a region that is no mapping",
            told(&pages)
        );
        self.unmap_pages(pages);
        Ok(())
    }

    /// Changes the program's rights to pages. `address` has to be that of a page.
    ///
    /// # Errors
    /// `ENOMEM` and `EACCES` as [`mm_api::RegionProtection::protect`] says; `ENOMEM` also if
    /// there would be too many regions, or if the kernel's heap has no room.
    pub fn protect(&mut self, address: VirtAddr, length: u32, rights: Rights) -> Result<(), Errno> {
        let pages = PageRange::new(Page::containing(address), length.div_ceil(PAGE_SIZE)).ok_or(Errno::ENOMEM)?;
        self.make_room()?;
        let labs = memory::with(|memory| memory.labs());
        let before = self.regions.duplicate()?;
        let answer = (labs.protections().protect)(&mut self.regions, pages, rights);
        assert!(
            self.regions.differs_in_rights_alone(&before, pages),
            "protect() of {} answered {}, and changed more of the list than the rights of these pages",
            told(&pages),
            told(&answer)
        );
        answer.map_err(|error| match error {
            ProtectError::NotMapped => Errno::ENOMEM,
            ProtectError::Guard => Errno::EACCES,
        })?;
        memory::with(|memory| self.apply_rights(memory, pages));
        Ok(())
    }

    /// Whether all regions that have a page among these are mappings.
    fn has_mappings_alone(&self, pages: PageRange) -> bool {
        let mut there = self.regions.as_slice().iter().filter(|region| region.overlaps(pages));
        there.all(|region| region.purpose == Purpose::Mapping)
    }

    /// Makes room for the regions that a lab may add to the list.
    fn make_room(&mut self) -> Result<(), Errno> {
        // At the end of a call the list has at most two regions more.
        if self.regions.as_slice().len() + 2 > MOST_REGIONS {
            return Err(Errno::ENOMEM);
        }
        self.regions.reserve(SPARE_REGIONS)
    }

    /// Unmaps pages that no longer belong to a region.
    fn unmap_pages(&mut self, pages: PageRange) {
        memory::with(|memory| memory.user_pages(self.directory()).unmap_in(pages));
    }
}

/// The list of regions as lab 07 gets it: only the regions of mappings can be changed. If lab 07 could
/// turn an image into a mapping, it could fill it with other code.
struct MappingsAlone<'a>(&'a mut Regions);

impl MappingsAlone<'_> {
    #[track_caller]
    fn ensure_mapping(region: Region, how: &str) {
        assert!(
            region.purpose == Purpose::Mapping,
            "{} is {how} the list, but map() and unmap() change the regions of mappings alone",
            told(&region)
        );
    }
}

impl RegionList for MappingsAlone<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> Region {
        self.0.get(index)
    }

    #[track_caller]
    fn insert(&mut self, index: usize, region: Region) {
        Self::ensure_mapping(region, "put into");
        self.0.insert(index, region);
    }

    #[track_caller]
    fn remove(&mut self, index: usize) -> Region {
        Self::ensure_mapping(self.0.get(index), "taken out of");
        self.0.remove(index)
    }

    #[track_caller]
    fn replace(&mut self, index: usize, region: Region) {
        Self::ensure_mapping(self.0.get(index), "replaced in");
        Self::ensure_mapping(region, "put into");
        self.0.replace(index, region);
    }
}
