//! Another `mprotect`: takes every affected region out of the list, and puts its parts back,
//! one after the other.

use mm_api::{Page, PageRange, ProtectError, Purpose, Region, RegionList, RegionProtection, Rights};

/// Changes the rights of parts of address spaces.
pub struct RegionRights;

impl RegionProtection for RegionRights {
    fn protect(regions: &mut dyn RegionList, pages: PageRange, rights: Rights) -> Result<(), ProtectError> {
        for page in pages.iter() {
            match (0..regions.len()).map(|index| regions.get(index)).find(|region| region.pages.contains(page)) {
                None => return Err(ProtectError::NotMapped),
                Some(region) if region.purpose == Purpose::Guard => return Err(ProtectError::Guard),
                Some(_) => {}
            }
        }
        let mut index = 0;
        while index < regions.len() {
            let region = regions.get(index);
            if region.overlaps(pages) && !pages.is_empty() {
                let _region = regions.remove(index);
                index = put(regions, index, pages, &region, rights);
            } else {
                if !pages.is_empty() && region.pages.first().number() == pages.end() {
                    join_below(regions, index);
                }
                index += 1;
            }
        }
        Ok(())
    }
}

/// Puts a region back, in up to three parts. Returns the index after the last one.
fn put(regions: &mut dyn RegionList, index: usize, pages: PageRange, region: &Region, rights: Rights) -> usize {
    let (first, end) = (region.pages.first().number(), region.pages.end());
    let (from, to) = (first.max(pages.first().number()), end.min(pages.end()));
    let mut next = index;
    for (first, end, rights) in [(first, from, region.rights), (from, to, rights), (to, end, region.rights)] {
        let range = Page::new(first).and_then(|page| PageRange::new(page, end - first));
        let Some(range) = range.filter(|range| !range.is_empty()) else { continue };
        regions.insert(next, Region { pages: range, rights, ..*region });
        next += 1;
        // The first part met its neighbour below before, unless it begins in the range.
        let is_in_range = pages.first().number() <= first && first <= pages.end();
        if is_in_range && join_below(regions, next - 1) {
            next -= 1;
        }
    }
    next
}

/// Merges the region at an index with the one below, if they meet and are alike.
fn join_below(regions: &mut dyn RegionList, index: usize) -> bool {
    let Some(below) = index.checked_sub(1) else { return false };
    let (lower, upper) = (regions.get(below), regions.get(index));
    if lower.pages.end() != upper.pages.first().number() || !lower.is_like(&upper) {
        return false;
    }
    let Some(pages) = PageRange::new(lower.pages.first(), lower.pages.len() + upper.pages.len()) else { return false };
    let _upper = regions.remove(index);
    regions.replace(below, Region { pages, ..lower });
    true
}
