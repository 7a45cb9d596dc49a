//! Lab 07, your second file: pages on demand, and copy on write.
//!
//! A mapping begins without any memory. When the program touches a page, the processor
//! faults. If the page's region allows the access, the kernel calls your `fill`, which gives
//! the page a frame. A fork copies no page: parent and child have the same frames, and
//! neither may write to them. The first to write faults, and your `write` gives it a copy of
//! the page.
//!
//! # What to do
//! Replace every `todo!()`. The whole contract is the documentation of [`DemandPaging`].
//!
//! # Good to know
//! - [`SharedPages`] is the process's memory: it maps, copies and protects pages, and knows
//!   at how many pages each frame is mapped. With it, each step takes few lines.
//! - [`protection_of`] is the protection for a region's rights, for a frame that no other
//!   page has.
//! - `map` gives a page a frame that still has the bytes of its last owner.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::PAGE_SIZE;
use mm_api::{DemandPaging, Fork, Page, PageError, PageRange, Protection, Region, SharedPages, Sharing, protection_of};

/// Demand paging. It keeps no records: the kernel counts the frames.
pub struct Demand;

impl DemandPaging for Demand {
    /// Step 8: gives a page that has no memory yet memory that is zero, with the region's
    /// rights.
    ///
    /// # Errors
    /// [`PageError::OutOfFrames`]; nothing has changed then.
    fn fill(pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError> {
        todo!("step 8: fill a page")
    }

    /// Step 9: lets the program write to a page. Does another process have the same frame,
    /// and must it not see the write?
    ///
    /// # Errors
    /// [`PageError::OutOfFrames`]; nothing has changed then.
    fn write(pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError> {
        todo!("step 9: copy on write")
    }

    /// Shares a region with the child, and undoes it after an error. This one is written for
    /// you: steps 10 and 11 do the work.
    ///
    /// # Errors
    /// See [`PageError`]; the child has none of the region's pages then.
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

/// Step 10: shares the pages that have memory, so that neither process may write to them.
/// [`SharedPages::first_mapped`] finds them, however many pages there are between them.
fn fork_private(fork: &mut dyn Fork, pages: PageRange) -> Result<(), PageError> {
    todo!("step 10: fork a private region")
}

/// Step 11a: shares every page. A page that was never touched is filled first: both
/// processes have to see the same memory from now on.
fn fork_shared(fork: &mut dyn Fork, region: &Region) -> Result<(), PageError> {
    todo!("step 11a: fork a shared region")
}

/// Step 11b: takes from the child those of these pages that were shared so far.
fn unshare_all(fork: &mut dyn Fork, pages: PageRange) {
    todo!("step 11b: undo a fork that failed")
}
