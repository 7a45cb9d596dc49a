//! Lab 05, the reference: pages filled with zeros, all of them or none.

use mm_api::layout::PAGE_SIZE;
use mm_api::{PageError, PageRange, Pages};

/// Maps every page of `range` and fills it with zeros.
///
/// # Errors
/// Those of [`Pages::map`]. None of the pages is mapped by us then.
pub fn map(pages: &mut dyn Pages, range: PageRange) -> Result<(), PageError> {
    for page in range.iter() {
        if let Err(error) = pages.map(page) {
            unmap(pages, PageRange::between(range.first().start(), page.start()));
            return Err(error);
        }
        pages.zero(page.start(), PAGE_SIZE);
    }
    Ok(())
}

/// Unmaps every page of `range`.
pub fn unmap(pages: &mut dyn Pages, range: PageRange) {
    for page in range.iter() {
        pages.unmap(page);
    }
}
