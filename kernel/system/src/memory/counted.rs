//! Pages that are counted.

use mm_api::{Page, PageError, Pages, VirtAddr};

use crate::pages::PartPages;

/// Pages, and how many of them have memory.
pub struct Counted<'a, P> {
    /// The pages.
    pub pages: P,
    /// How many have memory: mapping one adds to it, unmapping one takes from it.
    pub count: &'a mut u32,
}

impl<A> Counted<'_, PartPages<'_, A>> {
    /// As [`PartPages::copy_page`].
    #[track_caller]
    pub fn copy_page<B>(&mut self, from: &PartPages<'_, B>, page: Page) {
        self.pages.copy_page(from, page);
    }
}

impl<P: Pages> Pages for Counted<'_, P> {
    #[track_caller]
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        self.pages.map(page)?;
        *self.count += 1;
        Ok(())
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        self.pages.unmap(page);
        *self.count -= 1;
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.pages.is_mapped(page)
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.pages.read(address, bytes);
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.pages.write(address, bytes);
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.pages.zero(address, bytes);
    }
}
