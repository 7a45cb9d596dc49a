//! A check's list of regions, and its contents page by page.

use core::fmt;

use kernel_system::process::Regions;
use mm_api::{PageRange, Region, RegionList, SPARE_REGIONS};

use crate::check::Failed;
use crate::fail;
use kernel_core::words::told;

/// The kernel's list of regions. It has room for [`SPARE_REGIONS`] more than at first.
pub struct List(Regions);

impl List {
    /// A list of these regions, in ascending order. The memory has to be up.
    ///
    /// # Errors
    /// Fails the check if there is no memory for it.
    pub fn new(regions: &[Region]) -> Result<Self, Failed> {
        let mut list = Regions::new();
        if let Err(error) = list.reserve(regions.len() + SPARE_REGIONS) {
            fail!(expected: ("memory for a list of regions"), saw: ("{error}"));
        }
        regions.iter().for_each(|region| list.add(*region));
        Ok(Self(list))
    }

    /// The list, for the lab.
    pub fn for_lab(&mut self) -> &mut dyn RegionList {
        &mut self.0
    }

    /// The regions.
    pub fn regions(&self) -> &[Region] {
        self.0.as_slice()
    }

    /// The region that a page belongs to.
    pub fn at(&self, number: u32) -> Option<Region> {
        let contains = |region: &&Region| region.pages.first().number() <= number && number < region.pages.end();
        self.regions().iter().find(contains).copied()
    }

    /// Whether one region ends where another one begins, at this page.
    pub fn meets_at(&self, number: u32) -> bool {
        let ends = self.regions().iter().any(|region| region.pages.end() == number);
        ends && self.regions().iter().any(|region| region.pages.first().number() == number)
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.regions() == other.regions()
    }
}

/// `0x10-0x14 rw- Heap, 0x18-0x19 r-- Image shared`: by the numbers of the pages.
impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.regions().is_empty() {
            return f.write_str("no region");
        }
        for (index, region) in self.regions().iter().enumerate() {
            let Region { pages, rights, purpose, sharing } = region;
            let comma = if index == 0 { "" } else { ", " };
            let shared = if *sharing == mm_api::Sharing::Shared { " shared" } else { "" };
            write!(f, "{comma}{} {rights} {purpose}{shared}", Numbers(*pages), purpose = told(&purpose))?;
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
