//! The region list of a check, and the questions that the checks have in common.

use core::fmt;

use kernel_core::labs::Mappings;
use kernel_system::process::Regions;
use mm_api::layout::PAGE_SIZE;
use mm_api::{
    MapError, MapRequest, Page, PageRange, Placement, Purpose, Region, RegionList, Rights, SPARE_REGIONS, Sharing,
    VirtAddr,
};
use mm_oracle::regions::first_difference;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;

/// The kernel's list of regions, and the lab that changes it.
pub struct List {
    regions: Regions,
    lab: &'static Mappings,
}

/// The attributes in which mappings differ.
pub const KINDS: [(Rights, Sharing); 5] = [
    (Rights::READ_WRITE, Sharing::Private),
    (Rights::READ, Sharing::Private),
    (Rights::NONE, Sharing::Private),
    (Rights::READ_WRITE, Sharing::Shared),
    (Rights { read: true, write: true, execute: true }, Sharing::Private),
];

/// A mapping of `len` pages of the usual kind.
pub fn mapping(first: u32, pages: u32) -> Region {
    region(first, pages, Purpose::Mapping)
}

/// A private region that may be read and written to.
pub fn region(first: u32, pages: u32, purpose: Purpose) -> Region {
    Region { pages: pages_of(first, pages), rights: Rights::READ_WRITE, purpose, sharing: Sharing::Private }
}

/// `len` pages from a page number that is written in a check.
pub fn pages_of(first: u32, pages: u32) -> PageRange {
    let range = Page::new(first).and_then(|first| PageRange::new(first, pages));
    range.unwrap_or(PageRange::between(VirtAddr::new(0), VirtAddr::new(0)))
}

/// The first address of a page.
pub fn start(page: u32) -> VirtAddr {
    VirtAddr::new(page * PAGE_SIZE)
}

/// A request for a mapping of the usual kind.
pub fn request(placement: Placement, length: u32) -> MapRequest {
    MapRequest { placement, length, rights: Rights::READ_WRITE, sharing: Sharing::Private }
}

impl List {
    /// A list of these regions, in ascending order.
    ///
    /// # Errors
    /// Fails the check if there is no memory for it.
    pub fn new(context: &mut Context, regions: &[Region]) -> Result<Self, Failed> {
        if !kernel_system::memory::is_up() {
            context.start_memory()?;
        }
        let mut list = Self { regions: Regions::new(), lab: context.labs().mappings() };
        list.make_room(regions.len())?;
        for (index, region) in regions.iter().enumerate() {
            list.regions.insert(index, *region);
        }
        Ok(list)
    }

    fn make_room(&mut self, regions: usize) -> Outcome {
        match self.regions.reserve(regions) {
            Ok(()) => Ok(()),
            Err(error) => fail!(expected: ("memory for a list of regions"), saw: ("{error}")),
        }
    }

    /// The regions, by ascending address.
    pub fn regions(&self) -> impl DoubleEndedIterator<Item = Region> + Clone + '_ {
        self.regions.as_slice().iter().copied()
    }

    /// Asks for a mapping.
    pub fn map(&mut self, request: &MapRequest) -> Result<Result<PageRange, MapError>, Failed> {
        self.make_room(SPARE_REGIONS)?;
        Ok((self.lab.map)(&mut self.regions, request))
    }

    /// Asks for a mapping, which has to succeed.
    pub fn map_to(&mut self, request: &MapRequest, expected: PageRange) -> Outcome {
        let answer = self.map(request)?;
        ensure!(
            answer == Ok(expected),
            expected: ("{} to answer {}", Asked(request), Pages(expected)),
            saw: ("{}", told(&answer))
        );
        Ok(())
    }

    /// Asks for a mapping that has to be refused, so that nothing changes.
    pub fn map_refused(&mut self, request: &MapRequest, expected: MapError) -> Outcome {
        let before = self.copy()?;
        let answer = self.map(request)?;
        ensure!(
            answer == Err(expected),
            expected: ("{} to answer {expected}", Asked(request), expected = told(&expected)),
            saw: ("{}", told(&answer))
        );
        self.ensure(before.as_slice().iter().copied(), format_args!("{}, which was refused", Asked(request)))
    }

    /// Unmaps.
    pub fn unmap(&mut self, address: VirtAddr, length: u32) -> Result<Result<PageRange, MapError>, Failed> {
        self.make_room(SPARE_REGIONS)?;
        Ok((self.lab.unmap)(&mut self.regions, address, length))
    }

    /// Unmaps a range, and compares the pages that were unmapped.
    pub fn unmap_to(&mut self, address: VirtAddr, length: u32, expected: PageRange) -> Outcome {
        let answer = self.unmap(address, length)?;
        ensure!(
            answer == Ok(expected),
            expected: ("unmap({address}, {length}) to answer {}", Pages(expected)),
            saw: ("{}", told(&answer))
        );
        Ok(())
    }

    /// Asks to unmap a range that has to be refused, so that nothing changes.
    pub fn unmap_refused(&mut self, address: VirtAddr, length: u32, expected: MapError) -> Outcome {
        let before = self.copy()?;
        let answer = self.unmap(address, length)?;
        ensure!(
            answer == Err(expected),
            expected: ("unmap({address}, {length}) to answer {expected}", expected = told(&expected)),
            saw: ("{}", told(&answer))
        );
        self.ensure(before.as_slice().iter().copied(), format_args!("unmap({address}, {length}), which was refused"))
    }

    /// The list as it is now.
    fn copy(&self) -> Result<Regions, Failed> {
        match self.regions.duplicate() {
            Ok(copy) => Ok(copy),
            Err(error) => fail!(expected: ("memory for a list of regions"), saw: ("{error}")),
        }
    }

    /// Fails unless the list is exactly this, after a call.
    pub fn ensure(&self, expected: impl Iterator<Item = Region>, call: fmt::Arguments<'_>) -> Outcome {
        if let Some((expected, saw)) = first_difference(expected, self.regions()) {
            fail!(expected: ("{} after {call}", Shown(expected)), saw: ("{}", Shown(saw)));
        }
        Ok(())
    }
}

/// A request in words.
pub struct Asked<'a>(pub &'a MapRequest);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MapRequest { placement, length, rights, sharing } = self.0;
        let sharing = if *sharing == Sharing::Shared { 's' } else { 'p' };
        match placement {
            Placement::Hint(address) if address.as_u32() == 0 => write!(f, "map({length} bytes, {rights}{sharing})"),
            Placement::Hint(address) => write!(f, "map({length} bytes, {rights}{sharing}, hint {address})"),
            Placement::Fixed(address) => write!(f, "map({length} bytes, {rights}{sharing}, fixed at {address})"),
            Placement::FixedNoReplace(address) => {
                write!(f, "map({length} bytes, {rights}{sharing}, at {address} if it is free)")
            }
        }
    }
}

/// Pages in words.
pub struct Pages(pub PageRange);

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} page{plural} from {}", self.0.len(), self.0.first().start())
    }
}

/// A region of the list in words.
struct Shown(Option<Region>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Region { pages, rights, purpose, sharing }) = self.0 else { return f.write_str("no more regions") };
        let sharing = if sharing == Sharing::Shared { 's' } else { 'p' };
        let end = pages.first().start().as_u32() + pages.len() * PAGE_SIZE;
        write!(
            f,
            "{purpose} {rights}{sharing} {}-{}",
            pages.first().start(),
            VirtAddr::new(end),
            purpose = told(&purpose)
        )
    }
}
