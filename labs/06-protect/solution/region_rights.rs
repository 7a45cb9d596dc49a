//! The reference for `mprotect`.
//!
//! First the whole range is checked, so that an error changes nothing. Then the regions
//! are cut where the range begins and ends, the regions between the cuts get the new
//! rights, and neighbours that have become alike are merged.

use mm_api::{Page, PageRange, ProtectError, Purpose, Region, RegionList, RegionProtection, Rights};

/// Other rights for parts of address spaces.
pub struct RegionRights;

impl RegionProtection for RegionRights {
    fn protect(regions: &mut dyn RegionList, pages: PageRange, rights: Rights) -> Result<(), ProtectError> {
        if pages.is_empty() {
            return Ok(());
        }
        ensure_changeable(regions, pages)?;
        cut(regions, pages.first().number());
        cut(regions, pages.end());
        for index in 0..regions.len() {
            let region = regions.get(index);
            if pages.contains_range(region.pages) {
                regions.replace(index, Region { rights, ..region });
            }
        }
        merge(regions, pages);
        Ok(())
    }
}

/// Whether every page belongs to a region, and to none that is a guard.
fn ensure_changeable(regions: &dyn RegionList, pages: PageRange) -> Result<(), ProtectError> {
    let mut next = pages.first().number();
    for region in (0..regions.len()).map(|index| regions.get(index)) {
        let (first, end) = (region.pages.first().number(), region.pages.end());
        if end <= next {
            continue;
        }
        if next >= pages.end() {
            break;
        }
        if first > next {
            return Err(ProtectError::NotMapped);
        }
        if region.purpose == Purpose::Guard {
            return Err(ProtectError::Guard);
        }
        next = end;
    }
    if next >= pages.end() { Ok(()) } else { Err(ProtectError::NotMapped) }
}

/// Cuts the region that `page` lies in, so that a region begins there.
fn cut(regions: &mut dyn RegionList, page: u32) {
    for index in 0..regions.len() {
        let region = regions.get(index);
        let (first, end) = (region.pages.first().number(), region.pages.end());
        if first < page && page < end {
            regions.replace(index, Region { pages: range(first, page), ..region });
            regions.insert(index + 1, Region { pages: range(page, end), ..region });
            return;
        }
    }
}

/// Merges neighbours that are alike, where they meet within `pages` or at one of its ends.
fn merge(regions: &mut dyn RegionList, pages: PageRange) {
    let mut index = 0;
    while index + 1 < regions.len() {
        let (lower, upper) = (regions.get(index), regions.get(index + 1));
        let meeting = upper.pages.first().number();
        let is_meant = pages.first().number() <= meeting && meeting <= pages.end();
        if is_meant && lower.pages.end() == meeting && lower.is_like(&upper) {
            regions.remove(index + 1);
            regions.replace(index, Region { pages: range(lower.pages.first().number(), upper.pages.end()), ..lower });
        } else {
            index += 1;
        }
    }
}

/// The pages with the numbers from `first` up to, not including, `end`, which is the end
/// of a region.
fn range(first: u32, end: u32) -> PageRange {
    let pages = Page::new(first).and_then(|page| PageRange::new(page, end - first));
    pages.expect("regions end below the kernel half")
}
