//! Lab 07, your first file: the regions under `mmap` and `munmap`.
//!
//! A program asks for memory and gets addresses. No frame is taken for them: that comes
//! later, page by page, when they are touched (your second file). Here you decide which
//! addresses, and keep the list that says what each page of the process is for.
//!
//! # What to do
//! Replace every `todo!()`. They are numbered in an order that works, and the checks
//! come in nearly the same order: `cargo grade 07` shows after each step which checks
//! pass. The whole contract is the documentation of [`Mappings`].
//!
//! # The suggested design
//! Regions are ranges of pages, by ascending address, and no two have a page in common:
//!
//! ```text
//!   image   heap            mapping  mapping              guard stack
//!  ├──────┤├────┤          ├───────┤├────────┤            ├────┤├────┤
//!                 ╰ gap ──╯                    ╰── gap ──╯
//! ```
//!
//! There are three parts: finding a gap, cutting a range out, and adding a region that is
//! merged with its neighbours. `map` and `unmap` combine them. It is a suggestion:
//! rename, change or drop every private item here. Only the trait is fixed.
//!
//! # Good to know
//! - [`RegionList`] is the kernel's list: `get`, `insert`, `remove` and `replace` by index. It
//!   panics, and names your line, if a region overlaps with a neighbour or is out of order.
//! - Count in pages, not in bytes: page numbers stay below 2²⁰, so that sums cannot wrap.
//! - [`Region::overlaps`] and [`Region::is_like`] compare regions.
//! - `log::info!("{:?}", regions.get(0));` works anywhere in this file. `cargo grade 07 -v`
//!   shows what was logged.
//! - `cargo test -p mmap` tests your files on your own computer, within seconds
//!   once they are built.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{
    MAPPINGS_END, MAPPINGS_START, MapError, MapRequest, Mappings, Page, PageRange, Placement, Purpose, Region,
    RegionList, VirtAddr,
};

/// The numbers of the first page that may be mapped, and of the page after the last one.
const FIRST: u32 = Page::containing(MAPPINGS_START).number();
const END: u32 = Page::containing(MAPPINGS_END).number();

/// The mappings of address spaces. It keeps no records: the list is the kernel's.
pub struct ProcessMappings;

/// Step 1: how many pages `length` bytes take.
///
/// # Errors
/// [`MapError::Empty`] for 0 bytes.
fn pages_in(length: u32) -> Result<u32, MapError> {
    todo!("step 1: count pages")
}

/// Step 2a: the `len` pages from a fixed address on. In which order does the contract list
/// the errors?
///
/// # Errors
/// [`MapError::NoRoom`], [`MapError::Unaligned`], [`MapError::TooLow`].
fn fixed(address: VirtAddr, len: u32) -> Result<PageRange, MapError> {
    todo!("step 2a: the pages from a fixed address on")
}

/// Step 2b: whether none of the pages belongs to a region.
fn is_free(regions: &dyn RegionList, pages: PageRange) -> bool {
    todo!("step 2b: say whether pages are free")
}

/// Step 3a: the `len` pages from a hint on, if they lie where mappings may and are free.
fn hinted(regions: &dyn RegionList, address: VirtAddr, len: u32) -> Option<PageRange> {
    todo!("step 3a: the pages from a hint on")
}

/// Step 3b: the highest `len` pages that are free and lie where mappings may.
fn highest_gap(regions: &dyn RegionList, len: u32) -> Option<PageRange> {
    todo!("step 3b: find the highest gap")
}

/// Step 4: adds a region where there is none, merged with those neighbours that touch it
/// and are like it.
fn add(regions: &mut dyn RegionList, region: Region) {
    todo!("step 4: add a region")
}

/// Step 5a: whether each of the pages is free or belongs to a mapping.
///
/// # Errors
/// [`MapError::InUse`] if one belongs to a region that is no mapping.
fn ensure_mappings(regions: &dyn RegionList, pages: PageRange) -> Result<(), MapError> {
    todo!("step 5a: say whether pages may be cut out")
}

/// Step 5b: takes pages out of all regions. A region that reaches further keeps its pages
/// below and above them.
fn cut(regions: &mut dyn RegionList, pages: PageRange) {
    todo!("step 5b: cut pages out of the regions")
}

/// The pages with the numbers from `first` up to, not including, `end`. This one is written
/// for you.
fn range(first: u32, end: u32) -> PageRange {
    let pages = Page::new(first).and_then(|page| PageRange::new(page, end - first));
    pages.expect("regions end below the kernel half")
}

impl Mappings for ProcessMappings {
    /// Step 6: adds a mapping. For [`Placement::Hint`] it takes steps 1, 3 and 4; for
    /// [`Placement::FixedNoReplace`] steps 2 and 4; for [`Placement::Fixed`] step 5 as well.
    ///
    /// # Errors
    /// See [`Mappings::map`]. Nothing has changed then.
    fn map(regions: &mut dyn RegionList, request: &MapRequest) -> Result<PageRange, MapError> {
        todo!("step 6: map")
    }

    /// Step 7: takes pages out of all mappings.
    ///
    /// # Errors
    /// See [`Mappings::unmap`]. Nothing has changed then.
    fn unmap(regions: &mut dyn RegionList, address: VirtAddr, length: u32) -> Result<PageRange, MapError> {
        todo!("step 7: unmap")
    }
}
