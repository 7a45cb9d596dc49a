//! The user half of a process that is being made by a fork, as labs 04 and 05 see it:
//! empty. Whatever they map there, at a page that the parent has, is the parent's frame.
//!
//! So their forks copy nothing: when they write to a page what is there already, nothing
//! changes, and what they write besides goes to a copy (see [`crate::pages`]).

use kernel_core::labs::DemandPaging;
use mm_api::{Page, PageError, PageRange, Pages, Region, VirtAddr};

use super::regions::Regions;
use crate::pages::ForkPages;

/// The child's pages.
pub struct Adopting<'f, 'a, 'v> {
    fork: ForkPages<'a, 'v>,
    regions: &'f Regions,
    demand: &'f DemandPaging,
}

impl<'f, 'a, 'v> Adopting<'f, 'a, 'v> {
    /// The child's pages of a fork that are in this part, by its regions.
    pub fn new(fork: &ForkPages<'a, 'v>, part: PageRange, regions: &'f Regions, demand: &'f DemandPaging) -> Self {
        Self { fork: fork.within(part), regions, demand }
    }

    /// The part of its region that is this page, if the parent has it.
    fn in_parent(&self, page: Page) -> Option<Region> {
        let region = self.regions.find(page).filter(|_| self.fork.parent.is_mapped(page))?;
        Some(Region { pages: PageRange::new(page, 1)?, ..region })
    }
}

impl Pages for Adopting<'_, '_, '_> {
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        if self.fork.child.is_mapped(page) {
            return Err(PageError::Occupied);
        }
        if let Some(region) = self.in_parent(page) {
            (self.demand.fork)(&mut self.fork.of_region(&region), &region)?;
        }
        // Whatever lab 07 did, the page has memory afterwards.
        if self.fork.child.is_mapped(page) { Ok(()) } else { self.fork.child.map(page) }
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        self.fork.child.unmap(page);
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.fork.child.is_mapped(page)
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.fork.child.read(address, bytes);
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.fork.child.write(address, bytes);
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.fork.child.zero(address, bytes);
    }
}
