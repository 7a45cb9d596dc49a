//! An alternative for mappings: everything is done from above, beginning with the highest region,
//! and one pass afterwards merges regions.
//!
//! A gap is found by trying page ranges that end where a region begins. Pages are cut out
//! by shrinking regions in place where possible.

use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{
    MAPPINGS_END, MAPPINGS_START, MapError, MapRequest, Mappings, Page, PageRange, Placement, Purpose, Region,
    RegionList, VirtAddr,
};

/// The mappings of address spaces.
pub struct ProcessMappings;

/// Pages by their numbers: the first, and the one after the last.
#[derive(Clone, Copy)]
struct Span(u32, u32);

impl Span {
    fn of(pages: PageRange) -> Self {
        Self(pages.first().number(), pages.end())
    }

    /// The pages of `length` bytes from the page of an address on.
    fn at(address: VirtAddr, length: u32) -> Self {
        let first = Page::containing(address).number();
        Self(first, first + length.div_ceil(PAGE_SIZE))
    }

    fn within(self, start: VirtAddr, end: VirtAddr) -> bool {
        Page::containing(start).number() <= self.0 && self.1 <= Page::containing(end).number()
    }

    fn pages(self) -> PageRange {
        PageRange::between(VirtAddr::new(self.0 * PAGE_SIZE), VirtAddr::new(self.1 * PAGE_SIZE))
    }
}

impl Mappings for ProcessMappings {
    fn map(regions: &mut dyn RegionList, request: &MapRequest) -> Result<PageRange, MapError> {
        let MapRequest { placement, length, rights, sharing } = *request;
        if length == 0 {
            return Err(MapError::Empty);
        }
        let span = match placement {
            Placement::Hint(address) => anywhere(regions, Span::at(address, length)).ok_or(MapError::NoRoom)?,
            Placement::Fixed(address) => {
                let span = exactly(address, length)?;
                let foreign = touched(regions, span).any(|region| region.purpose != Purpose::Mapping);
                if foreign {
                    return Err(MapError::InUse);
                }
                remove(regions, span);
                span
            }
            Placement::FixedNoReplace(address) => {
                let span = exactly(address, length)?;
                if touched(regions, span).next().is_some() {
                    return Err(MapError::Occupied);
                }
                span
            }
        };
        let new = Region { pages: span.pages(), rights, purpose: Purpose::Mapping, sharing };
        let index = position(regions, span.0);
        regions.insert(index, new);
        join(regions, index + 1);
        join(regions, index);
        Ok(span.pages())
    }

    fn unmap(regions: &mut dyn RegionList, address: VirtAddr, length: u32) -> Result<PageRange, MapError> {
        if address.page_offset() != 0 {
            return Err(MapError::Unaligned);
        }
        if length == 0 {
            return Err(MapError::Empty);
        }
        let span = Span::at(address, length);
        if !span.within(VirtAddr::new(0), USER_SPACE_END) {
            return Err(MapError::NoRoom);
        }
        if touched(regions, span).any(|region| region.purpose != Purpose::Mapping) {
            return Err(MapError::InUse);
        }
        remove(regions, span);
        Ok(span.pages())
    }
}

/// A fixed address.
fn exactly(address: VirtAddr, length: u32) -> Result<Span, MapError> {
    let span = Span::at(address, length);
    if !span.within(VirtAddr::new(0), MAPPINGS_END) {
        Err(MapError::NoRoom)
    } else if address.page_offset() != 0 {
        Err(MapError::Unaligned)
    } else if address < MAPPINGS_START {
        Err(MapError::TooLow)
    } else {
        Ok(span)
    }
}

/// The regions that have one of these pages, the highest first.
fn touched(regions: &dyn RegionList, span: Span) -> impl Iterator<Item = Region> {
    let all = (0..regions.len()).rev().map(|index| regions.get(index));
    all.filter(move |region| region.overlaps(span.pages()))
}

/// The hinted pages if they are free, or else the highest free span of that length.
fn anywhere(regions: &dyn RegionList, hint: Span) -> Option<Span> {
    let is_free = |span: &Span| {
        span.within(MAPPINGS_START, MAPPINGS_END) && touched(regions, *span).next().is_none()
    };
    let len = hint.1 - hint.0;
    // The highest place ends where mappings do, or where a region begins.
    let ends = (0..regions.len()).rev().map(|index| regions.get(index).pages.first().number());
    let ends = core::iter::once(Page::containing(MAPPINGS_END).number()).chain(ends);
    let places = ends.filter_map(|end| Some(Span(end.checked_sub(len)?, end)));
    core::iter::once(hint).filter(|hint| hint.0 != 0).chain(places).find(is_free)
}

/// The index in the list for a region that begins at this page, by binary search.
fn position(regions: &dyn RegionList, first: u32) -> usize {
    let (mut low, mut high) = (0, regions.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if regions.get(middle).pages.first().number() < first {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Takes pages out of the regions, from the highest down.
fn remove(regions: &mut dyn RegionList, span: Span) {
    for index in (0..regions.len()).rev() {
        let region = regions.get(index);
        let Span(first, end) = Span::of(region.pages);
        let below = Span(first, end.min(span.0));
        let above = Span(first.max(span.1), end);
        match (below.0 < below.1, above.0 < above.1) {
            _ if !region.overlaps(span.pages()) => {}
            (false, false) => {
                regions.remove(index);
            }
            (true, false) => regions.replace(index, Region { pages: below.pages(), ..region }),
            (false, true) => regions.replace(index, Region { pages: above.pages(), ..region }),
            (true, true) => {
                regions.replace(index, Region { pages: below.pages(), ..region });
                regions.insert(index + 1, Region { pages: above.pages(), ..region });
            }
        }
    }
}

/// Merges the region at an index with the one below, if they are alike and touch.
fn join(regions: &mut dyn RegionList, index: usize) {
    if index == 0 || index >= regions.len() {
        return;
    }
    let (below, above) = (regions.get(index - 1), regions.get(index));
    if below.is_like(&above) && below.pages.end() == above.pages.first().number() {
        regions.remove(index);
        let pages = Span(below.pages.first().number(), above.pages.end()).pages();
        regions.replace(index - 1, Region { pages, ..below });
    }
}
