//! The contracts of lab 07, rule by rule, on a list and on simulated processes.
//!
//! `cargo test -p mmap` tests your files, `cargo test -p mmap --features mmap/solution` the
//! reference.

use mm_api::layout::PAGE_SIZE;
use mm_api::{
    DemandPaging, MAPPINGS_END, MAPPINGS_START, MapError, MapRequest, Mappings, Page, PageError, PageRange, Pages,
    Placement, Protection, Purpose, Region, Rights, SharedPages, Sharing, VirtAddr,
};
use mm_host::{FakeFork, FakeProcess, FakeRegions};
use mmap::{Demand, ProcessMappings};

const LOWEST: u32 = MAPPINGS_START.as_u32() / PAGE_SIZE;
const END: u32 = MAPPINGS_END.as_u32() / PAGE_SIZE;
const FIRST: u32 = 0x4_0000;

fn page(number: u32) -> Page {
    Page::new(number).unwrap()
}

fn pages(first: u32, len: u32) -> PageRange {
    PageRange::new(page(first), len).unwrap()
}

fn mapping(first: u32, len: u32) -> Region {
    let (purpose, sharing) = (Purpose::Mapping, Sharing::Private);
    Region { pages: pages(first, len), rights: Rights::READ_WRITE, purpose, sharing }
}

fn at(number: u32) -> VirtAddr {
    VirtAddr::new(number * PAGE_SIZE)
}

fn request(placement: Placement, length: u32) -> MapRequest {
    MapRequest { placement, length, rights: Rights::READ_WRITE, sharing: Sharing::Private }
}

const ANYWHERE: Placement = Placement::Hint(VirtAddr::new(0));

fn map(list: &mut FakeRegions, placement: Placement, length: u32) -> Result<PageRange, MapError> {
    list.make_room();
    ProcessMappings::map(list, &request(placement, length))
}

fn unmap(list: &mut FakeRegions, first: u32, len: u32) -> Result<PageRange, MapError> {
    list.make_room();
    ProcessMappings::unmap(list, at(first), len * PAGE_SIZE)
}

// --- Where mappings are placed.

#[test]
fn a_mapping_is_placed_as_high_as_it_fits() {
    let regions = [mapping(END - 10, 4), mapping(END - 3, 1)];
    for (len, first) in [(1, END - 1), (2, END - 2), (3, END - 6), (4, END - 14), (1000, END - 1010)] {
        let mut list = FakeRegions::new(&regions);
        assert_eq!(map(&mut list, ANYWHERE, len * PAGE_SIZE - 7), Ok(pages(first, len)));
    }
}

#[test]
fn lengths_are_rounded_up() {
    for (bytes, len) in [(1, 1), (PAGE_SIZE, 1), (PAGE_SIZE + 1, 2), ((16 << 20) + 1, 4097)] {
        assert_eq!(map(&mut FakeRegions::new(&[]), ANYWHERE, bytes), Ok(pages(END - len, len)));
    }
}

#[test]
fn all_there_is_can_be_mapped_and_no_more() {
    let mut list = FakeRegions::new(&[]);
    assert_eq!(map(&mut list, ANYWHERE, (END - LOWEST) * PAGE_SIZE), Ok(pages(LOWEST, END - LOWEST)));
    assert_eq!(map(&mut list, ANYWHERE, 1), Err(MapError::NoRoom));
}

#[test]
fn a_hint_counts_where_there_is_room() {
    let regions = [mapping(FIRST, 8)];
    let cases = [
        (FIRST + 8, 5, true),
        (FIRST + 7, 1, false),
        (FIRST - 1, 1, true),
        (FIRST - 1, 2, false),
        (LOWEST, 1, true),
        (LOWEST - 1, 1, false),
        (END - 1, 1, true),
        (END - 1, 2, false),
        (0xF_FFFF, 1, false),
    ];
    for (hint, len, counts) in cases {
        let placement = Placement::Hint(VirtAddr::new(hint * PAGE_SIZE + 99));
        let first = if counts { hint } else { END - len };
        assert_eq!(
            map(&mut FakeRegions::new(&regions), placement, len * PAGE_SIZE),
            Ok(pages(first, len)),
            "{hint:#x}"
        );
    }
}

#[test]
fn a_fixed_mapping_takes_the_place_of_mappings() {
    let mut list = FakeRegions::new(&[mapping(FIRST, 10)]);
    let shared = MapRequest { sharing: Sharing::Shared, ..request(Placement::Fixed(at(FIRST + 3)), 2 * PAGE_SIZE) };
    assert_eq!(ProcessMappings::map(&mut list, &shared), Ok(pages(FIRST + 3, 2)));
    let inner = Region { sharing: Sharing::Shared, ..mapping(FIRST + 3, 2) };
    assert_eq!(list.as_slice(), [mapping(FIRST, 3), inner, mapping(FIRST + 5, 5)]);
}

#[test]
fn what_is_there_is_not_replaced_without_leave() {
    let heap = Region { purpose: Purpose::Heap, ..mapping(FIRST + 20, 4) };
    let mut list = FakeRegions::new(&[mapping(FIRST, 10), heap]);
    let before = list.clone();
    let no_replace = |first| Placement::FixedNoReplace(at(first));
    for first in [FIRST - 1, FIRST + 9, FIRST + 19, FIRST + 23] {
        assert_eq!(map(&mut list, no_replace(first), 2 * PAGE_SIZE), Err(MapError::Occupied));
    }
    for first in [FIRST + 19, FIRST + 23] {
        assert_eq!(map(&mut list, Placement::Fixed(at(first)), 2 * PAGE_SIZE), Err(MapError::InUse));
    }
    assert_eq!(list.as_slice(), before.as_slice());
    assert_eq!(map(&mut list, no_replace(FIRST + 10), PAGE_SIZE), Ok(pages(FIRST + 10, 1)));
}

#[test]
fn errors_come_in_the_order_of_the_contract() {
    let fixed = |address| Placement::Fixed(VirtAddr::new(address));
    let cases = [
        (ANYWHERE, 0, MapError::Empty),
        (fixed(1), 0, MapError::Empty),
        (ANYWHERE, u32::MAX, MapError::NoRoom),
        (fixed(1), u32::MAX, MapError::NoRoom),
        (fixed(0xFFFF_F000), 2 * PAGE_SIZE, MapError::NoRoom),
        (Placement::FixedNoReplace(MAPPINGS_END), 1, MapError::NoRoom),
        (fixed(1), 1, MapError::Unaligned),
        (fixed(0xF000), 1, MapError::TooLow),
    ];
    for (placement, length, error) in cases {
        let mut list = FakeRegions::new(&[mapping(FIRST, 1)]);
        assert_eq!(map(&mut list, placement, length), Err(error), "{placement:?} {length:#x}");
        assert_eq!(list.as_slice(), [mapping(FIRST, 1)]);
    }
}

#[test]
fn neighbours_that_are_alike_become_one() {
    let other = Region { rights: Rights::READ, ..mapping(FIRST + 8, 4) };
    let mut list = FakeRegions::new(&[mapping(FIRST, 4), mapping(FIRST + 6, 2), other]);
    map(&mut list, Placement::Fixed(at(FIRST + 4)), 2 * PAGE_SIZE).unwrap();
    assert_eq!(list.as_slice(), [mapping(FIRST, 8), other]);
}

#[test]
fn a_hole_leaves_two_regions() {
    let mut list = FakeRegions::new(&[mapping(FIRST, 10), mapping(FIRST + 12, 4)]);
    assert_eq!(unmap(&mut list, FIRST + 4, 1), Ok(pages(FIRST + 4, 1)));
    assert_eq!(list.as_slice(), [mapping(FIRST, 4), mapping(FIRST + 5, 5), mapping(FIRST + 12, 4)]);
    assert_eq!(unmap(&mut list, FIRST + 3, 10), Ok(pages(FIRST + 3, 10)));
    assert_eq!(list.as_slice(), [mapping(FIRST, 3), mapping(FIRST + 13, 3)]);
    assert_eq!(unmap(&mut list, FIRST, 100), Ok(pages(FIRST, 100)));
    assert_eq!(list.as_slice(), []);
}

#[test]
fn what_is_no_mapping_is_not_unmapped() {
    let heap = Region { purpose: Purpose::Heap, ..mapping(FIRST + 4, 4) };
    let mut list = FakeRegions::new(&[mapping(FIRST, 4), heap]);
    assert_eq!(unmap(&mut list, FIRST, 5), Err(MapError::InUse));
    assert_eq!(list.as_slice(), [mapping(FIRST, 4), heap]);
    assert_eq!(ProcessMappings::unmap(&mut list, VirtAddr::new(1), 0), Err(MapError::Unaligned));
    assert_eq!(ProcessMappings::unmap(&mut list, at(FIRST), 0), Err(MapError::Empty));
    assert_eq!(ProcessMappings::unmap(&mut list, at(FIRST), u32::MAX), Err(MapError::NoRoom));
}

// --- Pages.

fn region(rights: Rights, sharing: Sharing) -> Region {
    Region { rights, sharing, ..mapping(FIRST, 16) }
}

const PRIVATE: Sharing = Sharing::Private;
const RW: Rights = Rights::READ_WRITE;

#[test]
fn a_page_that_is_touched_is_zero_and_has_the_region_s_rights() {
    let rights = [
        (RW, Protection::USER_WRITE),
        (Rights::READ, Protection::USER_READ),
        (Rights::READ_EXECUTE, Protection::USER_READ),
        (Rights::NONE, Protection::KERNEL_READ),
    ];
    for (rights, protection) in rights {
        let mut process = FakeProcess::new();
        Demand::fill(&mut process, &region(rights, PRIVATE), page(FIRST + 5)).unwrap();
        assert_eq!(process.mapped(), [page(FIRST + 5)]);
        assert_eq!(process.contents(page(FIRST + 5)), [0; PAGE_SIZE as usize]);
        assert_eq!(process.protection(page(FIRST + 5)), Some(protection));
    }
}

#[test]
fn without_a_frame_nothing_changes() {
    let mut process = FakeProcess::new();
    process.set_free_frames(Some(0));
    let answer = Demand::fill(&mut process, &region(RW, PRIVATE), page(FIRST));
    assert_eq!((answer, process.mapped()), (Err(PageError::OutOfFrames), vec![]));
}

/// A process with a region of two pages full of ones, and its fork.
fn forked(sharing: Sharing) -> FakeFork {
    let mut parent = FakeProcess::new();
    for number in [FIRST, FIRST + 9] {
        parent.map(page(number)).unwrap();
        parent.write(page(number).start(), &[1; PAGE_SIZE as usize]);
    }
    let mut fork = FakeFork::of(parent);
    Demand::fork(&mut fork, &region(RW, sharing)).unwrap();
    fork
}

#[test]
fn a_fork_of_a_private_region_copies_nothing() {
    let fork = forked(PRIVATE);
    assert_eq!(fork.child.mapped(), [page(FIRST), page(FIRST + 9)]);
    assert_eq!(fork.parent.frames_in_use(), 2);
    for number in [FIRST, FIRST + 9] {
        for process in [&fork.parent, &fork.child] {
            assert_eq!(process.protection(page(number)), Some(Protection::USER_READ));
        }
        assert_eq!(fork.child.frame(page(number)), fork.parent.frame(page(number)));
    }
}

#[test]
fn the_first_to_write_gets_a_copy_and_the_last_the_frame() {
    let mut fork = forked(PRIVATE);
    let (region, first) = (region(RW, PRIVATE), page(FIRST));
    let frame = fork.parent.frame(first);
    fork.parent.set_free_frames(Some(0));
    assert_eq!(Demand::write(&mut fork.child, &region, first), Err(PageError::OutOfFrames));
    assert_eq!(fork.child.frame(first), frame);
    fork.parent.set_free_frames(Some(1));
    Demand::write(&mut fork.child, &region, first).unwrap();
    assert_ne!(fork.child.frame(first), frame);
    assert_eq!(fork.child.contents(first), [1; PAGE_SIZE as usize]);
    assert_eq!(fork.child.protection(first), Some(Protection::USER_WRITE));
    assert_eq!((fork.parent.frame(first), fork.parent.protection(first)), (frame, Some(Protection::USER_READ)));
    // No frame is left, and the call needs none.
    Demand::write(&mut fork.parent, &region, first).unwrap();
    assert_eq!((fork.parent.frame(first), fork.parent.protection(first)), (frame, Some(Protection::USER_WRITE)));
}

#[test]
fn a_shared_region_is_the_same_in_both() {
    let mut fork = forked(Sharing::Shared);
    let region = region(RW, Sharing::Shared);
    for number in region.pages.iter() {
        assert_eq!(fork.child.frame(number), fork.parent.frame(number));
        assert!(fork.child.frame(number).is_some());
        assert_eq!(fork.child.protection(number), Some(Protection::USER_WRITE));
        assert_eq!(fork.parent.protection(number), Some(Protection::USER_WRITE));
    }
    assert_eq!(fork.child.contents(page(FIRST + 1)), [0; PAGE_SIZE as usize]);
    let frame = fork.child.frame(page(FIRST));
    fork.child.protect(page(FIRST), Protection::USER_READ);
    Demand::write(&mut fork.child, &region, page(FIRST)).unwrap();
    assert_eq!(fork.child.frame(page(FIRST)), frame);
}

#[test]
fn a_fork_that_fails_leaves_the_child_nothing() {
    for sharing in [PRIVATE, Sharing::Shared] {
        let mut parent = FakeProcess::new();
        for number in [FIRST, FIRST + 9] {
            parent.map(page(number)).unwrap();
        }
        let mut fork = FakeFork::of(parent);
        fork.shares_left = Some(1);
        assert_eq!(Demand::fork(&mut fork, &region(RW, sharing)), Err(PageError::OutOfFrames));
        assert_eq!(fork.child.mapped(), []);
        assert_eq!((fork.parent.users(page(FIRST)), fork.parent.users(page(FIRST + 9))), (1, 1));
    }
}

#[test]
fn what_was_never_touched_costs_a_fork_nothing() {
    let mut parent = FakeProcess::new();
    parent.map(page(FIRST + 1000)).unwrap();
    let mut fork = FakeFork::of(parent);
    Demand::fork(&mut fork, &mapping(FIRST, 0x4_0000)).unwrap();
    let questions = fork.parent.take_questions();
    assert!(questions < 100, "{questions} questions about pages, of which one is mapped");
}
