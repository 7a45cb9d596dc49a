//! An alternative for demand paging: a fork first takes the right to write from all pages,
//! and shares them in a second pass. Pages are cleared word by word.

use mm_api::layout::PAGE_SIZE;
use mm_api::{DemandPaging, Fork, Page, PageError, PageRange, Protection, Region, SharedPages, Sharing, protection_of};

/// Demand paging.
pub struct Demand;

impl DemandPaging for Demand {
    fn fill(pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError> {
        pages.map(page)?;
        for offset in (0..PAGE_SIZE).step_by(64) {
            pages.write(page.start() + offset, &[0; 64]);
        }
        if pages.protection(page) != Some(protection_of(region.rights)) {
            pages.protect(page, protection_of(region.rights));
        }
        Ok(())
    }

    fn write(pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError> {
        match (region.sharing, pages.users(page)) {
            (Sharing::Shared, _) | (Sharing::Private, 0 | 1) => pages.protect(page, protection_of(region.rights)),
            (Sharing::Private, _) => pages.copy(page)?,
        }
        Ok(())
    }

    fn fork(fork: &mut dyn Fork, region: &Region) -> Result<(), PageError> {
        prepare(fork, region)?;
        let mut answer = Ok(());
        visit(fork, region.pages, |fork, page| {
            if answer.is_ok() {
                answer = fork.share(page);
            }
        });
        if answer.is_err() {
            visit(fork, region.pages, |fork, page| {
                if fork.is_shared(page) {
                    fork.unshare(page);
                }
            });
        }
        answer
    }
}

/// Makes sure that every page is ready to be shared.
fn prepare(fork: &mut dyn Fork, region: &Region) -> Result<(), PageError> {
    if region.sharing == Sharing::Private {
        visit(fork, region.pages, |fork, page| {
            let parent = fork.parent();
            let Some(protection) = parent.protection(page) else { return };
            parent.protect(page, Protection { writable: false, ..protection });
        });
        return Ok(());
    }
    for page in region.pages.iter() {
        if !fork.parent().is_mapped(page) {
            Demand::fill(fork.parent(), region, page)?;
        }
    }
    Ok(())
}

/// Calls `work` with every mapped page of the parent.
fn visit(fork: &mut dyn Fork, pages: PageRange, mut work: impl FnMut(&mut dyn Fork, Page)) {
    let mut first = pages.first().number();
    while first < pages.end() {
        let rest = Page::new(first).and_then(|page| PageRange::new(page, pages.end() - first));
        let Some(page) = rest.and_then(|rest| fork.parent().first_mapped(rest)) else { return };
        work(fork, page);
        first = page.number() + 1;
    }
}
