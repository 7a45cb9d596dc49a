//! The reference for `mmap` and `munmap`: the region list.

use mm_api::layout::USER_SPACE_END;
use mm_api::{
    MAPPINGS_END, MAPPINGS_START, MapError, MapRequest, Mappings, Page, PageRange, Placement, Purpose, Region,
    RegionList, VirtAddr,
};

/// The numbers of the first page that may be mapped, and of the page after the last one.
const FIRST: u32 = Page::containing(MAPPINGS_START).number();
const END: u32 = Page::containing(MAPPINGS_END).number();

/// The mappings of address spaces.
pub struct ProcessMappings;

impl Mappings for ProcessMappings {
    fn map(regions: &mut dyn RegionList, request: &MapRequest) -> Result<PageRange, MapError> {
        let len = pages_in(request.length)?;
        let pages = match request.placement {
            Placement::Hint(address) => hinted(regions, address, len).or_else(|| highest_gap(regions, len)),
            Placement::Fixed(address) => {
                let pages = fixed(address, len)?;
                ensure_mappings(regions, pages)?;
                cut(regions, pages);
                Some(pages)
            }
            Placement::FixedNoReplace(address) => {
                let pages = fixed(address, len)?;
                if !is_free(regions, pages) {
                    return Err(MapError::Occupied);
                }
                Some(pages)
            }
        };
        let pages = pages.ok_or(MapError::NoRoom)?;
        let (rights, sharing) = (request.rights, request.sharing);
        add(regions, Region { pages, rights, purpose: Purpose::Mapping, sharing });
        Ok(pages)
    }

    fn unmap(regions: &mut dyn RegionList, address: VirtAddr, length: u32) -> Result<PageRange, MapError> {
        if address.page_offset() != 0 {
            return Err(MapError::Unaligned);
        }
        let len = pages_in(length)?;
        let first = Page::containing(address);
        if first.number() + len > Page::containing(USER_SPACE_END).number() {
            return Err(MapError::NoRoom);
        }
        let pages = range(first.number(), first.number() + len);
        ensure_mappings(regions, pages)?;
        cut(regions, pages);
        Ok(pages)
    }
}

/// How many pages so many bytes take.
fn pages_in(length: u32) -> Result<u32, MapError> {
    if length == 0 { Err(MapError::Empty) } else { Ok(length.div_ceil(mm_api::layout::PAGE_SIZE)) }
}

/// The pages from a fixed address on.
fn fixed(address: VirtAddr, len: u32) -> Result<PageRange, MapError> {
    let first = Page::containing(address);
    if first.number() + len > END {
        return Err(MapError::NoRoom);
    }
    if address.page_offset() != 0 {
        return Err(MapError::Unaligned);
    }
    if address < MAPPINGS_START {
        return Err(MapError::TooLow);
    }
    Ok(range(first.number(), first.number() + len))
}

/// The pages from a hint on, if they are free.
fn hinted(regions: &dyn RegionList, address: VirtAddr, len: u32) -> Option<PageRange> {
    within_limits(Page::containing(address), len).filter(|&pages| is_free(regions, pages))
}

/// So many pages from one on, if they lie where mappings may.
fn within_limits(first: Page, len: u32) -> Option<PageRange> {
    let is_within = FIRST <= first.number() && first.number().checked_add(len)? <= END;
    PageRange::new(first, len).filter(|_| is_within)
}

/// The highest pages that are free: from the top down, gap by gap.
fn highest_gap(regions: &dyn RegionList, len: u32) -> Option<PageRange> {
    let mut end = END;
    for index in (0..regions.len()).rev() {
        let pages = regions.get(index).pages;
        if pages.end() <= end && end - pages.end() >= len {
            break;
        }
        end = end.min(pages.first().number());
    }
    within_limits(Page::new(end.checked_sub(len)?)?, len)
}

/// Whether none of the pages belongs to a region.
fn is_free(regions: &dyn RegionList, pages: PageRange) -> bool {
    (0..regions.len()).all(|index| !regions.get(index).overlaps(pages))
}

/// Whether all of the pages are free or belong to mappings.
fn ensure_mappings(regions: &dyn RegionList, pages: PageRange) -> Result<(), MapError> {
    let is_other = |region: Region| region.purpose != Purpose::Mapping && region.overlaps(pages);
    if (0..regions.len()).any(|index| is_other(regions.get(index))) { Err(MapError::InUse) } else { Ok(()) }
}

/// Takes pages out of all regions.
fn cut(regions: &mut dyn RegionList, pages: PageRange) {
    let (first, end) = (pages.first().number(), pages.end());
    let mut index = 0;
    while index < regions.len() {
        let region = regions.get(index);
        if !region.overlaps(pages) {
            index += 1;
            continue;
        }
        regions.remove(index);
        let (region_first, region_end) = (region.pages.first().number(), region.pages.end());
        for (from, to) in [(region_first, first), (end, region_end)] {
            if from < to {
                regions.insert(index, Region { pages: range(from, to), ..region });
                index += 1;
            }
        }
    }
}

/// Adds a region where there is none, merged with the neighbours that are like it.
fn add(regions: &mut dyn RegionList, mut region: Region) {
    let mut index = (0..regions.len())
        .find(|&index| regions.get(index).pages.first() > region.pages.first())
        .unwrap_or(regions.len());
    if index < regions.len() {
        let upper = regions.get(index);
        if upper.pages.first().number() == region.pages.end() && upper.is_like(&region) {
            regions.remove(index);
            region.pages = range(region.pages.first().number(), upper.pages.end());
        }
    }
    if index > 0 {
        let lower = regions.get(index - 1);
        if lower.pages.end() == region.pages.first().number() && lower.is_like(&region) {
            index -= 1;
            regions.remove(index);
            region.pages = range(lower.pages.first().number(), region.pages.end());
        }
    }
    regions.insert(index, region);
}

/// The pages with the numbers from `first` up to, not including, `end`.
fn range(first: u32, end: u32) -> PageRange {
    let pages = Page::new(first).and_then(|page| PageRange::new(page, end - first));
    pages.expect("regions end below the kernel half")
}
