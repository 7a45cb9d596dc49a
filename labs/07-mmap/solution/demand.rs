//! The reference for pages on demand and copy on write.

use mm_api::layout::PAGE_SIZE;
use mm_api::{DemandPaging, Fork, Page, PageError, PageRange, Protection, Region, SharedPages, Sharing, protection_of};

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

    fn fork(fork: &mut dyn Fork, region: &Region) -> Result<(), PageError> {
        let result = match region.sharing {
            Sharing::Private => fork_private(fork, region.pages),
            Sharing::Shared => fork_shared(fork, region),
        };
        if result.is_err() {
            unshare_all(fork, region.pages);
        }
        result
    }
}

/// Shares the pages that have memory. Whoever writes to one first, parent or child,
/// faults and gets a frame of its own.
fn fork_private(fork: &mut dyn Fork, pages: PageRange) -> Result<(), PageError> {
    let mut rest = pages;
    while let Some(page) = fork.parent().first_mapped(rest) {
        let parent = fork.parent();
        if let Some(protection) = parent.protection(page).filter(|protection| protection.writable) {
            parent.protect(page, Protection { writable: false, ..protection });
        }
        fork.share(page)?;
        rest = after(page, pages);
    }
    Ok(())
}

/// Shares every page: also those that were never touched, since both have to see the
/// same from now on.
fn fork_shared(fork: &mut dyn Fork, region: &Region) -> Result<(), PageError> {
    for page in region.pages.iter() {
        if !fork.parent().is_mapped(page) {
            Demand::fill(fork.parent(), region, page)?;
        }
        fork.share(page)?;
    }
    Ok(())
}

/// Undoes what was shared of these pages so far.
fn unshare_all(fork: &mut dyn Fork, pages: PageRange) {
    for page in pages.iter() {
        if fork.is_shared(page) {
            fork.unshare(page);
        }
    }
}

/// Those of the pages that come after one of them.
fn after(page: Page, pages: PageRange) -> PageRange {
    let done = page.number() + 1 - pages.first().number();
    let rest = pages.first().checked_add(done).and_then(|first| PageRange::new(first, pages.len() - done));
    rest.expect("regions end below the kernel half")
}
