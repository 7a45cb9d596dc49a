//! A list of regions for a check, and what it says page by page.

use alloc::vec::Vec;
use core::fmt;

use mm_api::layout::USER_SPACE_END;
use mm_api::{Page, PageRange, Region, RegionList, SPARE_REGIONS};

/// The regions, which are always in order. It has room for [`SPARE_REGIONS`] more than it
/// began with.
#[derive(Clone, PartialEq, Eq)]
pub struct List {
    regions: Vec<Region>,
    most: usize,
}

impl List {
    /// A list of these regions.
    pub fn new(regions: &[Region]) -> Self {
        Self { regions: regions.to_vec(), most: regions.len() + SPARE_REGIONS }
    }

    /// The regions.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The region of a page.
    pub fn at(&self, number: u32) -> Option<Region> {
        let contains = |region: &&Region| region.pages.first().number() <= number && number < region.pages.end();
        self.regions.iter().find(contains).copied()
    }

    /// Whether one region ends where another one begins, at this page.
    pub fn meets_at(&self, number: u32) -> bool {
        let ends = self.regions.iter().any(|region| region.pages.end() == number);
        ends && self.regions.iter().any(|region| region.pages.first().number() == number)
    }

    /// Panics unless the list is in order.
    #[track_caller]
    fn ensure_sound(&self) {
        for region in &self.regions {
            assert!(!region.pages.is_empty(), "a region of no pages is put into the list: {region:?}");
            let is_user = region.pages.end() <= Page::containing(USER_SPACE_END).number();
            assert!(is_user, "{region:?} is put into the list, but reaches into the kernel half");
        }
        for pair in self.regions.windows(2) {
            let in_order = pair[0].pages.end() <= pair[1].pages.first().number();
            assert!(in_order, "{:?} is put into the list before {:?}", pair[0], pair[1]);
        }
    }
}

impl RegionList for List {
    fn len(&self) -> usize {
        self.regions.len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> Region {
        self.regions[index]
    }

    #[track_caller]
    fn insert(&mut self, index: usize, region: Region) {
        assert!(self.regions.len() < self.most, "the list of regions has no more room");
        self.regions.insert(index, region);
        self.ensure_sound();
    }

    #[track_caller]
    fn remove(&mut self, index: usize) -> Region {
        self.regions.remove(index)
    }

    #[track_caller]
    fn replace(&mut self, index: usize, region: Region) {
        self.regions[index] = region;
        self.ensure_sound();
    }
}

/// `0x10-0x14 rw- Heap, 0x18-0x19 r-- Image shared`: by the numbers of the pages.
impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.regions.is_empty() {
            return f.write_str("no region");
        }
        for (index, region) in self.regions.iter().enumerate() {
            let Region { pages, rights, purpose, sharing } = region;
            let comma = if index == 0 { "" } else { ", " };
            let shared = if *sharing == mm_api::Sharing::Shared { " shared" } else { "" };
            write!(f, "{comma}{} {rights} {purpose:?}{shared}", Numbers(*pages))?;
        }
        Ok(())
    }
}

/// Pages by their numbers, the end not included.
pub struct Numbers(pub PageRange);

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}-{:#x}", self.0.first().number(), self.0.end())
    }
}
