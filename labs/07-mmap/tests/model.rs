//! Any sequence of calls, compared page by page with a model.

use mm_api::layout::PAGE_SIZE;
use mm_api::{
    DemandPaging, MAPPINGS_END, MapError, MapRequest, Mappings, Page, PageRange, Pages, Placement, Purpose, Region,
    Rights, SharedPages, Sharing, VirtAddr,
};
use mm_host::{FakeFork, FakeProcess, FakeRegions};
use mm_oracle::regions::{Window, first_difference, highest_gap};
use mmap::{Demand, ProcessMappings};
use proptest::prelude::*;

const PAGES: u32 = 64;
const FIRST: u32 = MAPPINGS_END.as_u32() / PAGE_SIZE - PAGES;

type Truth = Window<{ PAGES as usize }>;

/// A call on the list: which one, the first page, the number of pages, and their kind.
#[derive(Clone, Debug)]
enum Call {
    Map(u8, u32, u32, usize),
    Unmap(u32, u32),
}

const KINDS: [(Rights, Sharing); 3] =
    [(Rights::READ_WRITE, Sharing::Private), (Rights::READ, Sharing::Private), (Rights::READ_WRITE, Sharing::Shared)];

fn call() -> impl Strategy<Value = Call> {
    let range = (0..PAGES).prop_flat_map(|first| (Just(first), 1..=(PAGES - first).min(12)));
    prop_oneof![
        (0_u8..4, range.clone(), 0..KINDS.len()).prop_map(|(how, (first, len), kind)| Call::Map(how, first, len, kind)),
        range.prop_map(|(first, len)| Call::Unmap(first, len)),
    ]
}

fn pages(first: u32, len: u32) -> PageRange {
    PageRange::new(Page::new(FIRST + first).unwrap(), len).unwrap()
}

proptest! {
    #[test]
    fn every_page_belongs_to_what_it_should(calls in proptest::collection::vec(call(), 1..60)) {
        let heap = Region {
            pages: pages(30, 3),
            rights: Rights::READ_WRITE,
            purpose: Purpose::Heap,
            sharing: Sharing::Private,
        };
        let mut list = FakeRegions::new(&[heap]);
        let mut truth = Truth::new(Page::new(FIRST).unwrap());
        truth.set(heap.pages, Some(heap));
        for call in calls {
            list.make_room();
            match call {
                Call::Unmap(first, len) => {
                    let range = pages(first, len);
                    let answer = ProcessMappings::unmap(&mut list, range.first().start(), len * PAGE_SIZE - 1);
                    if heap.overlaps(range) {
                        prop_assert_eq!(answer, Err(MapError::InUse));
                    } else {
                        prop_assert_eq!(answer, Ok(range));
                        truth.set(range, None);
                    }
                }
                Call::Map(how, first, len, kind) => {
                    let range = pages(first, len);
                    let address = range.first().start();
                    let is_free = range.iter().all(|page| truth.get(page).is_none());
                    let highest = highest_gap(list.as_slice().iter().copied(), len).ok_or(MapError::NoRoom);
                    let (placement, expected) = match how {
                        0 => (Placement::Hint(VirtAddr::new(0)), highest),
                        1 => (Placement::Hint(address), if is_free { Ok(range) } else { highest }),
                        2 => {
                            let expected = if is_free { Ok(range) } else { Err(MapError::Occupied) };
                            (Placement::FixedNoReplace(address), expected)
                        }
                        _ => {
                            let expected = if heap.overlaps(range) { Err(MapError::InUse) } else { Ok(range) };
                            (Placement::Fixed(address), expected)
                        }
                    };
                    if expected.is_ok_and(|range| !truth.pages().contains_range(range)) {
                        continue;
                    }
                    let (rights, sharing) = KINDS[kind];
                    let request = MapRequest { placement, length: len * PAGE_SIZE, rights, sharing };
                    let answer = ProcessMappings::map(&mut list, &request);
                    prop_assert_eq!(answer, expected, "{:?}", request);
                    if let Ok(pages) = answer {
                        truth.set(pages, Some(Region { pages, rights, purpose: Purpose::Mapping, sharing }));
                    }
                }
            }
            let difference = first_difference(truth.regions(), list.as_slice().iter().copied());
            prop_assert_eq!(difference, None);
        }
    }

    /// Parent and child write to random pages: neither sees the other's writes.
    #[test]
    fn each_sees_its_own(writes in proptest::collection::vec((any::<bool>(), 0_u32..8, any::<u8>()), 0..60)) {
        let region = Region {
            pages: pages(0, 8),
            rights: Rights::READ_WRITE,
            purpose: Purpose::Mapping,
            sharing: Sharing::Private,
        };
        let mut parent = FakeProcess::new();
        let mut truth = [[0_u8; 8]; 2];
        for page in region.pages.iter().step_by(2) {
            Demand::fill(&mut parent, &region, page).unwrap();
        }
        let mut fork = FakeFork::of(parent);
        Demand::fork(&mut fork, &region).unwrap();
        for (is_child, number, value) in writes {
            let process = if is_child { &mut fork.child } else { &mut fork.parent };
            let page = Page::new(FIRST + number).unwrap();
            match process.protection(page) {
                None => Demand::fill(process, &region, page).unwrap(),
                Some(protection) if !protection.writable => Demand::write(process, &region, page).unwrap(),
                Some(_) => {}
            }
            prop_assert!(process.protection(page).unwrap().writable);
            prop_assert_eq!(process.users(page), 1);
            process.write(page.start(), &[value]);
            truth[usize::from(is_child)][number as usize] = value;
            for (process, truth) in [&fork.parent, &fork.child].into_iter().zip(&truth) {
                for page in process.mapped() {
                    prop_assert_eq!(process.contents(page)[0], truth[(page.number() - FIRST) as usize]);
                }
            }
        }
    }
}
