//! The reference for `mprotect`.
//!
//! First the whole range is looked at, so that an error changes nothing. Then the
//! regions are cut where the range begins and ends, those between the cuts get the new
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
        let mut index = first_reaching(regions, pages.first().number());
        split(regions, &mut index, pages.first().number());
        while index < regions.len() && regions.get(index).pages.first().number() < pages.end() {
            let end = index;
            split(regions, &mut index, pages.end());
            regions.replace(end, Region { rights, ..regions.get(end) });
            index = end + 1;
        }
        merge(regions, pages);
        Ok(())
    }
}

/// Whether every page belongs to a region, and to none that is a guard.
fn ensure_changeable(regions: &dyn RegionList, pages: PageRange) -> Result<(), ProtectError> {
    let mut next = pages.first().number();
    let mut index = first_reaching(regions, next);
    while next < pages.end() {
        if index == regions.len() || regions.get(index).pages.first().number() > next {
            return Err(ProtectError::NotMapped);
        }
        let region = regions.get(index);
        if region.purpose == Purpose::Guard {
            return Err(ProtectError::Guard);
        }
        next = region.pages.end();
        index += 1;
    }
    Ok(())
}

/// The index of the first region that ends past a page number.
fn first_reaching(regions: &dyn RegionList, page: u32) -> usize {
    (0..regions.len()).find(|&index| regions.get(index).pages.end() > page).unwrap_or(regions.len())
}

/// Cuts the region at `index` in two where `page` begins, if that is in its middle; the
/// index is that of the upper part then.
fn split(regions: &mut dyn RegionList, index: &mut usize, page: u32) {
    let region = regions.get(*index);
    let (first, end) = (region.pages.first().number(), region.pages.end());
    if first < page && page < end {
        regions.replace(*index, Region { pages: range(first, page), ..region });
        *index += 1;
        regions.insert(*index, Region { pages: range(page, end), ..region });
    }
}

/// Merges neighbours that are alike, from the region that touches `pages` below to the
/// one that touches them above.
fn merge(regions: &mut dyn RegionList, pages: PageRange) {
    let mut index = first_reaching(regions, pages.first().number().saturating_sub(1));
    while index + 1 < regions.len() && regions.get(index).pages.end() <= pages.end() {
        let (lower, upper) = (regions.get(index), regions.get(index + 1));
        if lower.pages.end() == upper.pages.first().number() && lower.is_like(&upper) {
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
