//! `mprotect` compared with a model of each page, without regions.

mod common;

use common::*;
use mm_api::{ProtectError, Purpose, Region, Rights, Sharing};
use mm_host::FakeRegions;
use proptest::prelude::*;

/// Pages of the model.
const PAGES: u32 = 0x40;

/// The model of a page, if it belongs to a region.
type PageFacts = Option<(Rights, Purpose, Sharing)>;

/// Every page, one by one.
fn facts(list: &FakeRegions) -> Vec<PageFacts> {
    let find = |number| list.as_slice().iter().find(|region| region.overlaps(range(number, number + 1)));
    (0..PAGES).map(|number| find(number).map(|region| (region.rights, region.purpose, region.sharing))).collect()
}

/// Where two regions meet.
fn meetings(list: &FakeRegions) -> Vec<(u32, bool)> {
    let meet = |pair: &&[Region]| pair[0].pages.end() == pair[1].pages.first().number();
    let pairs = list.as_slice().windows(2).filter(meet);
    pairs.map(|pair| (pair[0].pages.end(), pair[0].is_like(&pair[1]))).collect()
}

/// The change of rights, page by page.
fn model(pages: &mut [PageFacts], first: usize, end: usize, rights: Rights) -> Result<(), ProtectError> {
    for page in &pages[first..end] {
        match page {
            None => return Err(ProtectError::NotMapped),
            Some((_, Purpose::Guard, _)) => return Err(ProtectError::Guard),
            Some(_) => {}
        }
    }
    for (old, ..) in pages[first..end].iter_mut().flatten() {
        *old = rights;
    }
    Ok(())
}

fn rights() -> impl Strategy<Value = Rights> + Clone {
    any::<[bool; 3]>().prop_map(|[read, write, execute]| Rights { read, write, execute })
}

/// A few regions. Some of them touch, and some of those are alike.
fn list() -> impl Strategy<Value = FakeRegions> {
    let purpose = prop_oneof![
        4 => Just(Purpose::Mapping),
        2 => Just(Purpose::Heap),
        1 => Just(Purpose::Guard),
    ];
    let few_rights = prop_oneof![Just(Rights::READ), Just(Rights::READ_WRITE)];
    let sharing = prop_oneof![3 => Just(Sharing::Private), 1 => Just(Sharing::Shared)];
    let part = (prop_oneof![3 => Just(0), 1 => 1..4_u32], 1..9_u32, few_rights, purpose, sharing);
    proptest::collection::vec(part, 0..10).prop_map(|parts| {
        let (mut next, mut regions) = (1, Vec::new());
        for (gap, length, rights, purpose, sharing) in parts {
            let first = next + gap;
            next = first + length;
            if next < PAGES {
                regions.push(Region { sharing, ..region(first, next, rights, purpose) });
            }
        }
        FakeRegions::new(&regions)
    })
}

proptest! {
    #[test]
    fn each_page_is_what_the_model_says(
        mut list in list(),
        calls in proptest::collection::vec((0..PAGES, 0..12_u32, rights()), 1..12),
    ) {
        for (first, length, rights) in calls {
            let end = (first + length).min(PAGES);
            let before = list.clone();
            let mut pages = facts(&list);
            let expected = model(&mut pages, first as usize, end as usize, rights);
            prop_assert_eq!(mprotect(&mut list, range(first, end), rights), expected);
            prop_assert_eq!(facts(&list), pages);
            if expected.is_err() || first == end {
                prop_assert_eq!(&list, &before);
            }
            // Within the pages and at their ends no regions meet that are alike; elsewhere all is as before.
            let is_meant = |at: u32| first < end && first <= at && at <= end;
            if expected.is_ok() {
                prop_assert!(!meetings(&list).iter().any(|&(at, alike)| alike && is_meant(at)), "{:?}", list);
            }
            let elsewhere = |list: &FakeRegions| -> Vec<u32> {
                meetings(list).into_iter().map(|(at, _)| at).filter(|&at| !is_meant(at)).collect()
            };
            prop_assert_eq!(elsewhere(&list), elsewhere(&before));
            // Every call gets a list with the same room.
            list.make_room();
        }
    }
}
