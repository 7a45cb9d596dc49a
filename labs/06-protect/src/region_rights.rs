//! Lab 06, your fourth file: other rights for a part of an address space, `mprotect`.
//!
//! The kernel keeps a list of regions for each process: pages with the same rights, purpose
//! and sharing. When a program changes the rights of some pages, these differ from the rest
//! of their region, so the region is cut. Neighbours that have become alike are merged into
//! one region again.
//!
//! ```text
//!              pages
//!            ├───────┤
//!  │ rw-               │ r--     │        before
//!  │ rw-     │ r--     │ r--     │        rights changed, and what was cut …
//!  │ rw-     │ r--               │        … merged
//! ```
//!
//! # The suggested design
//! First look at the whole range, so that an error changes nothing. Then cut the regions
//! where the range begins and where it ends; those between the cuts get the new rights.
//! Finally merge. It is a suggestion: rename, change or drop every private item here.
//! Only the trait is fixed: its documentation, [`RegionProtection`], is the contract.
//!
//! # Good to know
//! - The list is sorted, and always sound: [`RegionList`] panics, and names your line,
//!   where a region would overlap with a neighbour. So first shorten a region, and then
//!   insert its upper part.
//! - It has room for [`SPARE_REGIONS`](mm_api::SPARE_REGIONS) more regions than it began with.
//! - [`Region::is_like`] compares two regions in all but their pages.
//! - `Region { rights, ..region }` is a region like another, but for its rights.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::{Page, PageRange, ProtectError, Purpose, Region, RegionList, RegionProtection, Rights};

/// Changes the rights of parts of address spaces.
pub struct RegionRights;

/// Step 8: whether every page belongs to a region, and to none that is a guard.
///
/// # Errors
/// [`NotMapped`](ProtectError::NotMapped) or [`Guard`](ProtectError::Guard), whichever the
/// first such page has.
fn ensure_changeable(regions: &dyn RegionList, pages: PageRange) -> Result<(), ProtectError> {
    todo!("step 8: say whether the rights of all the pages may be changed")
}

/// Step 9: cuts the region that `page` lies in, so that a region begins at `page`. If one
/// begins there already, nothing happens.
fn cut(regions: &mut dyn RegionList, page: u32) {
    todo!("step 9: cut a region in two")
}

/// Step 11: merges neighbours that touch and are alike, where they meet within `pages` or at
/// one of its ends. No others.
fn merge(regions: &mut dyn RegionList, pages: PageRange) {
    todo!("step 11: merge regions that are alike")
}

impl RegionProtection for RegionRights {
    /// Step 10: gives the pages other rights.
    ///
    /// # Errors
    /// Those of step 8. Nothing has changed then.
    fn protect(regions: &mut dyn RegionList, pages: PageRange, rights: Rights) -> Result<(), ProtectError> {
        todo!("step 10: change the rights of a range")
    }
}
