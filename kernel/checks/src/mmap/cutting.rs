//! Checks of pages that are cut out of mappings.

use alloc::vec::Vec;

use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{MapError, MapRequest, Page, Placement, Purpose, Region, Rights, Sharing, VirtAddr};
use mm_oracle::regions::Window;

use crate::check::{Context, Outcome};

use super::list::{Asked, KINDS, List, mapping, pages_of, region, request, start};

/// The first page of the mappings here.
const FIRST: u32 = 0x4_0000;
/// How many pages these checks look at.
const PAGES: usize = 24;

/// Three mappings, of which two touch, and a gap.
fn regions() -> [Region; 3] {
    [
        mapping(FIRST + 2, 6),
        Region { rights: Rights::READ, sharing: Sharing::Shared, ..mapping(FIRST + 8, 4) },
        mapping(FIRST + 15, 7),
    ]
}

/// A model of the regions, page by page.
fn window(regions: &[Region]) -> Window<PAGES> {
    let mut window = Window::new(Page::new(FIRST).unwrap_or(Page::NULL));
    for region in regions {
        window.set(region.pages, Some(*region));
    }
    window
}

/// Every range of pages is cut out, and all other pages stay.
pub fn unmap_splits(context: &mut Context) -> Outcome {
    let regions = regions();
    for first in 0..PAGES as u32 {
        for pages in 1..=PAGES as u32 - first {
            let mut list = List::new(context, &regions)?;
            let range = pages_of(FIRST + first, pages);
            // The last page counts even if only one byte of it is asked for.
            let length = pages * PAGE_SIZE - context.rng().below(PAGE_SIZE);
            list.unmap_to(start(FIRST + first), length, range)?;
            let mut expected = window(&regions);
            expected.set(range, None);
            list.ensure(expected.regions(), format_args!("unmap({}, {length})", start(FIRST + first)))?;
        }
    }
    many(context)
}

/// A large mapping is cut to pieces, page by page, and then unmapped.
fn many(context: &mut Context) -> Outcome {
    const HOLES: u32 = 400;
    let mut list = List::new(context, &[mapping(FIRST, 2 * HOLES + 1)])?;
    for hole in 0..HOLES {
        let page = FIRST + 2 * hole + 1;
        list.unmap_to(start(page), PAGE_SIZE, pages_of(page, 1))?;
    }
    let pieces = (0..=HOLES).map(|piece| mapping(FIRST + 2 * piece, 1));
    list.ensure(pieces, format_args!("{HOLES} pages unmapped, every other one"))?;
    list.unmap_to(start(FIRST + 1), 2 * HOLES * PAGE_SIZE, pages_of(FIRST + 1, 2 * HOLES))?;
    list.ensure([mapping(FIRST, 1)].into_iter(), format_args!("all unmapped but the first page"))?;
    list.unmap_to(start(FIRST), 0x4000_0000, pages_of(FIRST, 0x4_0000))?;
    list.ensure([].into_iter(), format_args!("everything unmapped"))
}

/// A range that cannot be unmapped is refused with the error that comes first, and nothing changes.
pub fn unmap_refused(context: &mut Context) -> Outcome {
    let heap = region(FIRST - 4, 4, Purpose::Heap);
    let guard = Region { rights: Rights::NONE, ..region(FIRST + 30, 1, Purpose::Guard) };
    let [first, second, third] = regions();
    let mut list = List::new(context, &[heap, first, second, third, guard])?;
    let whole = start(FIRST + 2);
    let end = USER_SPACE_END.as_u32();
    let cases = [
        (VirtAddr::new(whole.as_u32() + 1), PAGE_SIZE, MapError::Unaligned),
        (VirtAddr::new(whole.as_u32() + PAGE_SIZE - 1), 0, MapError::Unaligned),
        (VirtAddr::new(u32::MAX), 1, MapError::Unaligned),
        (VirtAddr::new(end - 1), u32::MAX, MapError::Unaligned),
        (whole, 0, MapError::Empty),
        (USER_SPACE_END, 0, MapError::Empty),
        (USER_SPACE_END, 1, MapError::NoRoom),
        (VirtAddr::new(0xFFFF_F000), PAGE_SIZE, MapError::NoRoom),
        (VirtAddr::new(0xFFFF_F000), 2 * PAGE_SIZE, MapError::NoRoom),
        (VirtAddr::new(end - PAGE_SIZE), PAGE_SIZE + 1, MapError::NoRoom),
        (whole, u32::MAX, MapError::NoRoom),
        (VirtAddr::new(0), end + 1, MapError::NoRoom),
        (start(FIRST - 1), PAGE_SIZE, MapError::InUse),
        (start(FIRST - 8), 5 * PAGE_SIZE, MapError::InUse),
        (start(FIRST - 1), 4 * PAGE_SIZE, MapError::InUse),
        (start(FIRST + 20), 11 * PAGE_SIZE, MapError::InUse),
        (start(FIRST + 30), 1, MapError::InUse),
        (VirtAddr::new(0), end, MapError::InUse),
    ];
    for (address, length, error) in cases {
        list.unmap_refused(address, length, error)?;
    }
    // A range without mappings is no error: nothing is to be done.
    for (page, pages) in [(0, 1), (FIRST, 2), (FIRST + 12, 3), (0xB_FFFF, 1), (FIRST + 31, 0x1000)] {
        list.unmap_to(start(page), pages * PAGE_SIZE, pages_of(page, pages))?;
    }
    list.ensure([heap, first, second, third, guard].into_iter(), format_args!("unmapping where nothing is"))?;
    refused_behind_many(context)
}

/// What must not be cut is the last of many regions.
fn refused_behind_many(context: &mut Context) -> Outcome {
    const MAPPINGS: u32 = 600;
    let heap = region(FIRST + 2 * MAPPINGS, 1, Purpose::Heap);
    let regions: Vec<Region> = (0..MAPPINGS).map(|index| mapping(FIRST + 2 * index, 1)).chain([heap]).collect();
    let mut list = List::new(context, &regions)?;
    let length = (2 * MAPPINGS + 1) * PAGE_SIZE;
    list.unmap_refused(start(FIRST), length, MapError::InUse)?;
    list.map_refused(&request(Placement::Fixed(start(FIRST)), length), MapError::InUse)
}

/// A fixed mapping replaces all mappings in its range.
pub fn map_fixed(context: &mut Context) -> Outcome {
    let regions = regions();
    for (rights, sharing) in [KINDS[0], KINDS[3], KINDS[2]] {
        for first in 0..PAGES as u32 {
            for pages in [1, 2, 3, 5, 8, 13, 20] {
                if first + pages > PAGES as u32 {
                    continue;
                }
                let mut list = List::new(context, &regions)?;
                let range = pages_of(FIRST + first, pages);
                let length = pages * PAGE_SIZE - context.rng().below(PAGE_SIZE);
                let asked = MapRequest { placement: Placement::Fixed(start(FIRST + first)), length, rights, sharing };
                list.map_to(&asked, range)?;
                let mut expected = window(&regions);
                expected.set(range, Some(Region { pages: range, rights, purpose: Purpose::Mapping, sharing }));
                list.ensure(expected.regions(), format_args!("{}", Asked(&asked)))?;
            }
        }
    }
    Ok(())
}
