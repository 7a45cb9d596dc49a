//! The user half of the child, as labs 04 and 05 see it during a fork: empty. A page that they map
//! there gets the parent's frame if the parent has the page.
//!
//! So their forks copy no bytes. Writing the bytes that a page has already changes nothing, and
//! writing other bytes goes to a copy of the page (see [`crate::pages`]). A page of the stack is
//! cleared before it is written to: see [`super::clearing`].

use kernel_core::labs::DemandPaging;
use mm_api::{Page, PageError, PageRange, Pages, Piece, Region, VirtAddr};

use super::regions::Regions;
use crate::pages::ForkPages;

/// The child's pages during a fork.
pub struct Adopting<'f, 'a, 'v> {
    fork: ForkPages<'a, 'v>,
    regions: &'f Regions,
    demand: &'f DemandPaging,
}

impl<'f, 'a, 'v> Adopting<'f, 'a, 'v> {
    /// The child's pages in this part, with the regions of the child.
    pub fn new(fork: &ForkPages<'a, 'v>, part: PageRange, regions: &'f Regions, demand: &'f DemandPaging) -> Self {
        Self { fork: fork.within(part), regions, demand }
    }

    /// Whether a piece of memory, which is mapped, has these bytes.
    #[track_caller]
    pub fn has_bytes(&self, piece: Piece, bytes: &[u8]) -> bool {
        self.fork.child.has_bytes(piece, bytes)
    }

    /// A region of this one page, if the parent has the page.
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
        // The page has memory afterwards, no matter how lab 07 answered.
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
