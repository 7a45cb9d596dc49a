//! The reference for pages on demand and copy on write.

use mm_api::layout::PAGE_SIZE;
use mm_api::{
    DemandPaging, ForkedPages, Page, PageError, PageRange, Protection, Region, SharedPages, Sharing, protection_of,
};

/// Pages on demand.
pub struct Demand;

impl DemandPaging for Demand {
    fn fill(pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError> {
        pages.map(page)?;
        pages.zero(page.start(), PAGE_SIZE);
        pages.protect(page, protection_of(region.rights));
        Ok(())
    }

    fn write(pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError> {
        if region.sharing == Sharing::Private && pages.users(page) > 1 {
            pages.copy(page)?;
        }
        pages.protect(page, protection_of(region.rights));
        Ok(())
    }

    fn fork(from: &mut dyn SharedPages, to: &mut dyn ForkedPages, region: &Region) -> Result<(), PageError> {
        let result = match region.sharing {
            Sharing::Private => fork_private(from, to, region.pages),
            Sharing::Shared => fork_shared(from, to, region),
        };
        if result.is_err() {
            for page in region.pages.iter() {
                if to.is_mapped(page) {
                    to.unmap(page);
                }
            }
        }
        result
    }
}

/// Shares the pages that have memory. Whoever writes to one first, parent or child,
/// faults and gets a frame of its own.
fn fork_private(from: &mut dyn SharedPages, to: &mut dyn ForkedPages, pages: PageRange) -> Result<(), PageError> {
    let mut rest = pages;
    while let Some(page) = from.first_mapped(rest) {
        if let Some(protection) = from.protection(page) {
            from.protect(page, Protection { writable: false, ..protection });
        }
        from.share(to, page)?;
        rest = after(page, pages);
    }
    Ok(())
}

/// Shares every page: also those that were never touched, since both have to see the
/// same from now on.
fn fork_shared(from: &mut dyn SharedPages, to: &mut dyn ForkedPages, region: &Region) -> Result<(), PageError> {
    for page in region.pages.iter() {
        if !from.is_mapped(page) {
            Demand::fill(from, region, page)?;
        }
        from.share(to, page)?;
    }
    Ok(())
}

/// Those of the pages that come after one of them.
fn after(page: Page, pages: PageRange) -> PageRange {
    let done = page.number() + 1 - pages.first().number();
    let rest = pages.first().checked_add(done).and_then(|first| PageRange::new(first, pages.len() - done));
    rest.expect("mappings end below the kernel half")
}
