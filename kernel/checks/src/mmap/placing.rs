//! Checks of where mappings are placed.

use alloc::vec::Vec;

use mm_api::layout::{PAGE_SIZE, USER_SPACE_END, USER_STACK_END, USER_STACK_GUARD, USER_STACK_START};
use mm_api::{MAPPINGS_END, MAPPINGS_START, MapError, MapRequest, Page, Placement, Purpose, Region, Rights, VirtAddr};
use mm_oracle::regions::{Window, highest_gap};

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};

use super::list::{Asked, KINDS, List, mapping, pages_of, region, request, start};

/// The number of the first page that can be mapped, and of the page after the last one.
const LOWEST: u32 = Page::containing(MAPPINGS_START).number();
const END: u32 = Page::containing(MAPPINGS_END).number();

/// The regions of a program that has not mapped anything yet.
fn usual() -> [Region; 5] {
    let guard = Page::containing(USER_STACK_GUARD).number();
    let stack = Page::containing(USER_STACK_START).number();
    let stack_end = Page::containing(USER_STACK_END).number();
    [
        Region { rights: Rights::READ_EXECUTE, ..region(0x8048, 5, Purpose::Image) },
        region(0x804D, 2, Purpose::Image),
        region(0x1_0000, 7, Purpose::Heap),
        Region { rights: Rights::NONE, ..region(guard, 1, Purpose::Guard) },
        region(stack, stack_end - stack, Purpose::Stack),
    ]
}

/// Anywhere: no hint.
const ANYWHERE: Placement = Placement::Hint(VirtAddr::new(0));

/// Without a hint, a mapping is placed in the highest gap that has room, and has the length asked for.
pub fn map_places(context: &mut Context) -> Outcome {
    let mut list = List::new(context, &usual())?;
    let lengths = [1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE, 100_000, (16 << 20) + 1, 0x2000_0000];
    for (turn, length) in lengths.into_iter().enumerate() {
        // No two neighbours are alike, so all of them stay apart.
        let (rights, sharing) = KINDS[turn % KINDS.len()];
        let asked = MapRequest { placement: ANYWHERE, length, rights, sharing };
        let pages = length.div_ceil(PAGE_SIZE);
        let Some(expected) = highest_gap(list.regions(), pages) else {
            fail!(expected: ("room for {pages} pages"), saw: ("none: the check is wrong"))
        };
        list.map_to(&asked, expected)?;
        let count = list.regions().filter(|region| region.pages == expected).count();
        let is_right = |found: &Region| {
            (found.pages, found.rights, found.sharing, found.purpose) == (expected, rights, sharing, Purpose::Mapping)
        };
        ensure!(
            list.regions().filter(is_right).count() == 1,
            expected: ("a region of {pages} pages with the rights and the sharing that were asked for"),
            saw: ("{count} with these pages")
        );
    }
    gaps(context)?;
    above_low(context)?;
    below_many(context)
}

/// Regions below the lowest place of mappings leave the room above them, and none below.
fn above_low(context: &mut Context) -> Outcome {
    let image = region(LOWEST - 8, 4, Purpose::Image);
    let mut list = List::new(context, &[image])?;
    list.map_to(&request(ANYWHERE, 100 * PAGE_SIZE), pages_of(END - 100, 100))?;
    // Room for 0x80 pages, though there are more pages free between the two.
    let high = LOWEST + 0x80;
    let regions = [image, mapping(high, END - high)];
    for pages in [0x81, 0x84] {
        List::new(context, &regions)?.map_refused(&request(ANYWHERE, pages * PAGE_SIZE), MapError::NoRoom)?;
    }
    List::new(context, &regions)?.map_to(&request(ANYWHERE, 0x80 * PAGE_SIZE), pages_of(LOWEST, 0x80))?;
    // An image that reaches above it.
    let regions = [region(LOWEST - 8, 16, Purpose::Image), mapping(high, END - high)];
    List::new(context, &regions)?.map_refused(&request(ANYWHERE, 0x79 * PAGE_SIZE), MapError::NoRoom)?;
    List::new(context, &regions)?.map_to(&request(ANYWHERE, 0x78 * PAGE_SIZE), pages_of(LOWEST + 8, 0x78))
}

/// Gaps of every size: the highest one that is large enough is taken, from its upper end.
fn gaps(context: &mut Context) -> Outcome {
    // Random pages between gaps of 1, 2, … pages, in an order that the seed gives.
    const GAPS: usize = 12;
    let mut sizes: [u32; GAPS] = core::array::from_fn(|index| index as u32 + 1);
    for index in (1..GAPS).rev() {
        sizes.swap(index, context.rng().below(index as u32 + 1) as usize);
    }
    let mut regions = [mapping(END - 1, 1); GAPS + 1];
    let mut above = END - 1;
    for (region, size) in regions.iter_mut().rev().skip(1).zip(sizes) {
        above -= size + 2;
        *region = Region { rights: Rights::READ, ..mapping(above, 2) };
    }
    for pages in 1..=GAPS as u32 + 1 {
        let mut list = List::new(context, &regions)?;
        let Some(expected) = highest_gap(regions.into_iter(), pages) else {
            fail!(expected: ("room for {pages} pages"), saw: ("none: the check is wrong"))
        };
        list.map_to(&request(ANYWHERE, pages * PAGE_SIZE), expected)?;
    }
    // All of the room, and a page more.
    let mut list = List::new(context, &[])?;
    list.map_to(&request(ANYWHERE, (END - LOWEST) * PAGE_SIZE), pages_of(LOWEST, END - LOWEST))?;
    list.map_refused(&request(ANYWHERE, 1), MapError::NoRoom)?;
    let mut list = List::new(context, &[mapping(0x5_0000, 1)])?;
    list.map_to(
        &request(ANYWHERE, (0x5_0000 - LOWEST) * PAGE_SIZE),
        pages_of(END - (0x5_0000 - LOWEST), 0x5_0000 - LOWEST),
    )
}

/// How many regions [`crowd`] makes.
const CROWD: u32 = 600;

/// So many regions that no two neighbours are alike, without a gap, up to the end of mappings.
fn crowd(context: &mut Context) -> Result<List, Failed> {
    if !kernel_system::memory::is_up() {
        context.start_memory()?;
    }
    let regions: Vec<Region> = crowded().collect();
    List::new(context, &regions)
}

/// The regions of [`crowd`].
fn crowded() -> impl Iterator<Item = Region> {
    let kinds = [Rights::READ, Rights::NONE].into_iter().cycle();
    (END - CROWD..END).zip(kinds).map(|(page, rights)| Region { rights, ..mapping(page, 1) })
}

/// With many regions that leave no gap, the highest free pages are those below all of them.
fn below_many(context: &mut Context) -> Outcome {
    let mut list = crowd(context)?;
    let lowest = END - CROWD;
    list.map_to(&request(ANYWHERE, 3 * PAGE_SIZE), pages_of(lowest - 3, 3))?;
    // A hole among them, which the region list has to find again.
    let hole = END - 7;
    list.unmap_to(start(hole), PAGE_SIZE, pages_of(hole, 1))?;
    list.map_to(&request(ANYWHERE, PAGE_SIZE), pages_of(hole, 1))?;
    let replaced = crowded().map(|region| if region.pages.end() == hole + 1 { mapping(hole, 1) } else { region });
    let expected: Vec<Region> = core::iter::once(mapping(lowest - 3, 3)).chain(replaced).collect();
    list.ensure(expected.into_iter(), format_args!("mapping among and below {CROWD} regions"))
}

/// A hint counts if all pages from there on are free; otherwise the mapping is
/// placed as without a hint.
pub fn map_hint(context: &mut Context) -> Outcome {
    let regions = [region(0x1_0000, 16, Purpose::Heap), mapping(0x4_0000, 8), mapping(0x4_0010, 8)];
    // The page of the hint, the number of pages, and whether the hint counts.
    let cases = [
        (0x5_0000, 3, true),
        (0x4_0008, 8, true),
        (0x4_0008, 9, false),
        (0x4_0007, 1, false),
        (0x3_FFFF, 1, true),
        (0x3_FFFF, 2, false),
        (0x4_0018, 0x100, true),
        (0x1_0010, 1, true),
        (0x1_000F, 1, false),
        (LOWEST, 1, true),
        (LOWEST - 1, 1, false),
        (1, 1, false),
        (END - 1, 1, true),
        (END - 1, 2, false),
        (END, 1, false),
        (0xB_FFFF, 1, false),
        (0xC_0000, 1, false),
        (0xF_FFFF, 1, false),
        (0xF_FFFF, 16, false),
    ];
    for (page, pages, counts) in cases {
        // A hint is rounded down.
        for offset in [0, 1 + context.rng().below(PAGE_SIZE - 2), PAGE_SIZE - 1] {
            let mut list = List::new(context, &regions)?;
            let hint = VirtAddr::new(page * PAGE_SIZE + offset);
            let expected = if counts { Some(pages_of(page, pages)) } else { highest_gap(list.regions(), pages) };
            let Some(expected) = expected else { continue };
            list.map_to(&request(Placement::Hint(hint), pages * PAGE_SIZE), expected)?;
        }
    }
    // Far more than there is from the hint on.
    let mut list = List::new(context, &regions)?;
    list.map_refused(&request(Placement::Hint(start(0x5_0000)), u32::MAX), MapError::NoRoom)
}

/// A request that cannot be granted is refused with the error that comes first, and nothing changes.
pub fn map_refused(context: &mut Context) -> Outcome {
    let mut list = List::new(context, &usual())?;
    let (low, high) = (start(LOWEST - 1), VirtAddr::new(MAPPINGS_END.as_u32() - PAGE_SIZE));
    let within = VirtAddr::new(0x5000_0123);
    let whole = start(0x5_0000);
    let cases = [
        (ANYWHERE, 0, MapError::Empty),
        (Placement::Hint(whole), 0, MapError::Empty),
        (Placement::Fixed(within), 0, MapError::Empty),
        (Placement::FixedNoReplace(low), 0, MapError::Empty),
        (ANYWHERE, u32::MAX, MapError::NoRoom),
        (ANYWHERE, 0xFFFF_F000, MapError::NoRoom),
        (ANYWHERE, USER_SPACE_END.as_u32(), MapError::NoRoom),
        (Placement::Fixed(whole), u32::MAX, MapError::NoRoom),
        (Placement::Fixed(within), u32::MAX, MapError::NoRoom),
        (Placement::Fixed(high), PAGE_SIZE + 1, MapError::NoRoom),
        (Placement::Fixed(MAPPINGS_END), 1, MapError::NoRoom),
        (Placement::Fixed(USER_STACK_START), 1, MapError::NoRoom),
        (Placement::Fixed(USER_SPACE_END), 1, MapError::NoRoom),
        (Placement::Fixed(VirtAddr::new(0xFFFF_F000)), PAGE_SIZE, MapError::NoRoom),
        (Placement::Fixed(VirtAddr::new(0xFFFF_F000)), 2 * PAGE_SIZE, MapError::NoRoom),
        (Placement::Fixed(VirtAddr::new(u32::MAX)), u32::MAX, MapError::NoRoom),
        (Placement::FixedNoReplace(MAPPINGS_END), 1, MapError::NoRoom),
        (Placement::FixedNoReplace(VirtAddr::new(0xC010_0001)), 1, MapError::NoRoom),
        (Placement::Fixed(within), 1, MapError::Unaligned),
        (Placement::Fixed(VirtAddr::new(0x0804_8001)), 1, MapError::Unaligned),
        (Placement::Fixed(VirtAddr::new(1)), 1, MapError::Unaligned),
        (Placement::FixedNoReplace(within), 1, MapError::Unaligned),
        (Placement::Fixed(low), 1, MapError::TooLow),
        (Placement::Fixed(VirtAddr::new(0)), 0x1000_0000, MapError::TooLow),
        (Placement::FixedNoReplace(VirtAddr::new(0)), 1, MapError::TooLow),
        (Placement::Fixed(start(0x8048)), 1, MapError::InUse),
        (Placement::Fixed(start(0x8047)), 2 * PAGE_SIZE, MapError::InUse),
        (Placement::Fixed(start(0x804E)), PAGE_SIZE, MapError::InUse),
        (Placement::Fixed(start(0x1_0006)), 0x1000_0000, MapError::InUse),
        (Placement::Fixed(start(0xF000)), 0x1000 * PAGE_SIZE + 1, MapError::InUse),
        (Placement::FixedNoReplace(start(0x1_0006)), 1, MapError::Occupied),
        // Two are true: what comes first in the list is told.
        (Placement::FixedNoReplace(VirtAddr::new(0x0804_8001)), 1, MapError::Unaligned),
        (Placement::FixedNoReplace(VirtAddr::new(0)), 0x1000_0000, MapError::TooLow),
        (Placement::FixedNoReplace(start(0x8048)), u32::MAX, MapError::NoRoom),
    ];
    for (placement, length, error) in cases {
        list.map_refused(&request(placement, length), error)?;
    }
    Ok(())
}

/// At an address if it is free, and nowhere else.
pub fn map_noreplace(context: &mut Context) -> Outcome {
    let regions = [
        region(0x1_0000, 16, Purpose::Heap),
        Region { rights: Rights::READ, ..mapping(0x4_0000, 8) },
        Region { rights: Rights::READ, ..mapping(0x4_0010, 1) },
    ];
    for (page, pages, is_free) in [
        (0x5_0000, 300, true),
        (0x4_0008, 8, true),
        (0x4_0008, 9, false),
        (0x4_0007, 1, false),
        (0x4_0000, 8, false),
        (0x3_FFFF, 1, true),
        (0x3_FFFF, 2, false),
        (0x3_FFFF, 0x1000, false),
        (0x4_0003, 1, false),
        (0x1_000F, 1, false),
        (0x1_0010, 1, true),
        (LOWEST, 1, true),
        (END - 1, 1, true),
    ] {
        let mut list = List::new(context, &regions)?;
        let asked = request(Placement::FixedNoReplace(start(page)), pages * PAGE_SIZE);
        if is_free {
            list.map_to(&asked, pages_of(page, pages))?;
        } else {
            list.map_refused(&asked, MapError::Occupied)?;
        }
    }
    // The last one of many regions counts, too.
    let mut list = crowd(context)?;
    for page in [END - CROWD, END - CROWD / 2, END - 1] {
        list.map_refused(&request(Placement::FixedNoReplace(start(page)), PAGE_SIZE), MapError::Occupied)?;
    }
    let asked = request(Placement::FixedNoReplace(start(END - CROWD - 1)), PAGE_SIZE + 1);
    list.map_refused(&asked, MapError::Occupied)
}

/// A mapping and its neighbours that are like it become one region; no others do.
pub fn neighbours_merge(context: &mut Context) -> Outcome {
    let of = |(rights, sharing), region: Region| Region { rights, sharing, ..region };
    for below in KINDS {
        for above in KINDS {
            for (rights, sharing) in KINDS {
                // Between the two, and touching both.
                let (below, above) = (of(below, mapping(0x4_0000, 4)), of(above, mapping(0x4_0006, 3)));
                let new = of((rights, sharing), mapping(0x4_0004, 2));
                let mut list = List::new(context, &[below, above])?;
                let placement = Placement::Fixed(start(0x4_0004));
                let asked = MapRequest { placement, length: 2 * PAGE_SIZE, rights, sharing };
                list.map_to(&asked, new.pages)?;
                let mut expected = Window::<9>::new(below.pages.first());
                [below, new, above].into_iter().for_each(|region| expected.set(region.pages, Some(region)));
                list.ensure(expected.regions(), format_args!("{} between two others", Asked(&asked)))?;
            }
        }
    }
    apart(context)
}

/// A mapping is not merged with a neighbour that does not touch it, or is no mapping.
fn apart(context: &mut Context) -> Outcome {
    let heap = region(0x1_0000, 4, Purpose::Heap);
    let mut list = List::new(context, &[heap, mapping(0x1_0008, 4)])?;
    for (page, length) in [(0x1_0004, PAGE_SIZE), (0x1_0006, PAGE_SIZE)] {
        list.map_to(&request(Placement::Fixed(start(page)), length), pages_of(page, 1))?;
    }
    let expected = [heap, mapping(0x1_0004, 1), mapping(0x1_0006, 1), mapping(0x1_0008, 4)];
    list.ensure(expected.into_iter(), format_args!("mappings beside a heap and in gaps"))?;
    // The last gaps close, from above and from below.
    list.map_to(&request(Placement::FixedNoReplace(start(0x1_0007)), 1), pages_of(0x1_0007, 1))?;
    let expected = [heap, mapping(0x1_0004, 1), mapping(0x1_0006, 6)];
    list.ensure(expected.into_iter(), format_args!("a mapping that closes a gap"))?;
    list.map_to(&request(Placement::Hint(start(0x1_0005)), 1), pages_of(0x1_0005, 1))?;
    list.ensure([heap, mapping(0x1_0004, 8)].into_iter(), format_args!("a mapping that closes the last gap"))?;
    // Without any hint, each comes below the one before, and all become one region.
    let mut list = List::new(context, &[])?;
    for turn in 1..=300 {
        list.map_to(&request(ANYWHERE, PAGE_SIZE), pages_of(END - turn, 1))?;
        list.ensure([mapping(END - turn, turn)].into_iter(), format_args!("{turn} mappings in a row"))?;
    }
    Ok(())
}
