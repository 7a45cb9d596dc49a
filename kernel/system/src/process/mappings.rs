//! What programs change about the regions of their memory: `mmap`, `munmap` and
//! `mprotect`. Labs 06 and 07 change the list; the pages follow it here.

use abi::Errno;
use mm_api::layout::PAGE_SIZE;
use mm_api::{MapError, MapRequest, Page, PageRange, Placement, ProtectError, Rights, SPARE_REGIONS, VirtAddr};

use super::address_space::AddressSpace;
use super::regions::MOST_REGIONS;
use crate::memory;

impl AddressSpace {
    /// Makes a mapping, and returns where it starts. Its pages get memory when they are touched.
    ///
    /// # Errors
    /// `EINVAL`, `ENOMEM`, `EEXIST` and `EPERM` as [`mm_api::Mappings::map`] says.
    pub fn map(&mut self, request: &MapRequest) -> Result<VirtAddr, Errno> {
        self.make_room()?;
        let labs = memory::with(|memory| memory.labs());
        let pages = (labs.mappings().map)(&mut self.regions, request).map_err(|error| match error {
            MapError::Empty | MapError::Unaligned | MapError::InUse => Errno::EINVAL,
            MapError::TooLow => Errno::EPERM,
            MapError::NoRoom => Errno::ENOMEM,
            MapError::Occupied => Errno::EEXIST,
        })?;
        if let Placement::Fixed(_) = request.placement {
            self.unmap_pages(pages);
        }
        Ok(pages.first().start())
    }

    /// Ends the mappings of pages.
    ///
    /// # Errors
    /// `EINVAL` as [`mm_api::Mappings::unmap`] says, `ENOMEM` if there would be too many regions.
    pub fn unmap(&mut self, address: VirtAddr, length: u32) -> Result<(), Errno> {
        self.make_room()?;
        let labs = memory::with(|memory| memory.labs());
        let pages = (labs.mappings().unmap)(&mut self.regions, address, length).map_err(|_| Errno::EINVAL)?;
        self.unmap_pages(pages);
        Ok(())
    }

    /// Says what the program may do with pages. The address is that of a page.
    ///
    /// # Errors
    /// `ENOMEM` and `EACCES` as [`mm_api::RegionProtection::protect`] says; `ENOMEM` also if
    /// there would be too many regions.
    pub fn protect(&mut self, address: VirtAddr, length: u32, rights: Rights) -> Result<(), Errno> {
        let pages = PageRange::new(Page::containing(address), length.div_ceil(PAGE_SIZE)).ok_or(Errno::ENOMEM)?;
        self.make_room()?;
        let labs = memory::with(|memory| memory.labs());
        (labs.protections().protect)(&mut self.regions, pages, rights).map_err(|error| match error {
            ProtectError::NotMapped => Errno::ENOMEM,
            ProtectError::Guard => Errno::EACCES,
        })?;
        memory::with(|memory| self.apply_rights(memory, pages));
        Ok(())
    }

    /// Makes room for the regions that a lab may add.
    fn make_room(&mut self) -> Result<(), Errno> {
        // A call adds two at most in the end.
        if self.regions.as_slice().len() + 2 > MOST_REGIONS {
            return Err(Errno::ENOMEM);
        }
        self.regions.reserve(SPARE_REGIONS)
    }

    /// Takes the memory of pages away that are in no region any more.
    fn unmap_pages(&mut self, pages: PageRange) {
        memory::with(|memory| memory.user_pages(self.directory()).unmap_in(pages));
    }
}
