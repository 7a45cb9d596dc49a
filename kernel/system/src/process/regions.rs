//! The regions of a process's user half: the only list of what is where.

use alloc::vec::Vec;

use abi::Errno;
use kernel_core::words::told;
use mm_api::{Page, PageRange, Purpose, Region, RegionList, Rights, SPARE_REGIONS, Sharing, VirtAddr};

/// The most regions that a process may have.
pub const MOST_REGIONS: usize = 1024;

/// The regions, by ascending address. No two regions have a page in common.
///
/// The list grows only in [`reserve`](Self::reserve), which uses the kernel's heap. The other
/// methods, except for [`duplicate`](Self::duplicate), can be called while the system's memory is
/// held.
pub struct Regions(Vec<Region>);

impl Default for Regions {
    fn default() -> Self {
        Self::new()
    }
}

impl Regions {
    /// A list without regions.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Copies the list for a new process.
    ///
    /// # Errors
    /// `ENOMEM` if the kernel's heap has no room.
    pub fn duplicate(&self) -> Result<Self, Errno> {
        let mut copy = Self::new();
        copy.reserve(self.0.len())?;
        copy.0.extend_from_slice(&self.0);
        Ok(copy)
    }

    /// Makes room for `more` additional regions.
    ///
    /// # Errors
    /// `ENOMEM` if the kernel's heap has no room, or if a process may not have that many.
    pub fn reserve(&mut self, more: usize) -> Result<(), Errno> {
        if self.0.len() + more > MOST_REGIONS + SPARE_REGIONS {
            return Err(Errno::ENOMEM);
        }
        self.0.try_reserve(more).map_err(|_| Errno::ENOMEM)
    }

    /// The regions as a slice.
    pub fn as_slice(&self) -> &[Region] {
        &self.0
    }

    /// The region that a page belongs to.
    pub fn find(&self, page: Page) -> Option<Region> {
        let next = self.0.partition_point(|region| region.pages.end() <= page.number());
        self.0.get(next).copied().filter(|region| region.pages.contains(page))
    }

    /// Whether any of these pages belongs to a region.
    pub fn overlap(&self, pages: PageRange) -> bool {
        self.0.iter().any(|region| region.overlaps(pages))
    }

    /// Adds a region. Its pages must not belong to another region.
    ///
    /// # Panics
    /// As [`RegionList::insert`].
    pub fn add(&mut self, region: Region) {
        let index = self.0.partition_point(|other| other.pages.first() < region.pages.first());
        self.insert(index, region);
    }

    /// Adjusts the heap's regions after the break has moved from `old` to `new`.
    pub fn move_break(&mut self, old: VirtAddr, new: VirtAddr) {
        let [old, new] = [old, new].map(|address| address.as_u32().div_ceil(mm_api::layout::PAGE_SIZE));
        if old < new {
            self.grow_heap(old, new);
        } else {
            self.shrink_heap(new);
        }
    }

    /// Adds the pages with the numbers from `from` up to, not including, `to` to the heap.
    fn grow_heap(&mut self, from: u32, to: u32) {
        let added = Region {
            pages: range(from, to),
            rights: Rights::READ_WRITE,
            purpose: Purpose::Heap,
            sharing: Sharing::Private,
        };
        let index = self.0.partition_point(|region| region.pages.end() < from);
        match self.0.get_mut(index) {
            Some(below) if below.pages.end() == from && below.is_like(&added) => {
                below.pages = range(below.pages.first().number(), to);
            }
            _ => self.add(added),
        }
    }

    /// Removes the pages from number `end` on from the heap.
    fn shrink_heap(&mut self, end: u32) {
        self.0.retain(|region| region.purpose != Purpose::Heap || region.pages.first().number() < end);
        for region in self.0.iter_mut().filter(|region| region.purpose == Purpose::Heap) {
            let (first, last_end) = (region.pages.first().number(), region.pages.end());
            region.pages = range(first, last_end.min(end));
        }
    }

    /// Whether this list differs from an older one only in the rights of these pages: the same
    /// pages are there, for the same purposes and shared in the same way.
    pub fn differs_in_rights_alone(&self, older: &Self, pages: PageRange) -> bool {
        let (mut before, mut now) = (older.0.iter().copied(), self.0.iter().copied());
        let (mut was, mut is) = (before.next(), now.next());
        while let (Some(old), Some(new)) = (was, is) {
            // The pages that both regions begin with.
            let end = old.pages.end().min(new.pages.end());
            let part = range(old.pages.first().number(), end);
            let is_there = old.pages.first() == new.pages.first()
                && (old.purpose, old.sharing) == (new.purpose, new.sharing)
                && (old.rights == new.rights || pages.contains_range(part));
            if !is_there {
                return false;
            }
            was = behind(old, end).or_else(|| before.next());
            is = behind(new, end).or_else(|| now.next());
        }
        was.is_none() && is.is_none()
    }

    /// Panics unless the region at an index fits between its neighbours.
    #[track_caller]
    fn ensure_in_order(&self, index: usize) {
        let region = self.0[index];
        assert!(!region.pages.is_empty(), "a region of no pages is put into the list: {}", told(&region));
        let below = index.checked_sub(1).map(|below| self.0[below]);
        let is_above = below.is_none_or(|below| below.pages.end() <= region.pages.first().number());
        let above = self.0.get(index + 1);
        let is_below = above.is_none_or(|above| region.pages.end() <= above.pages.first().number());
        assert!(
            is_above && is_below,
            "{} is put into the list between {} and {}",
            told(&region),
            told(&below),
            told(&above)
        );
        let is_user = region.pages.end() <= Page::containing(mm_api::layout::USER_SPACE_END).number();
        assert!(is_user, "{} is put into the list, but reaches into the kernel half", told(&region));
    }
}

impl RegionList for Regions {
    fn len(&self) -> usize {
        self.0.len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> Region {
        self.0[index]
    }

    #[track_caller]
    fn insert(&mut self, index: usize, region: Region) {
        assert!(self.0.len() < self.0.capacity(), "the list of regions has no more room");
        self.0.insert(index, region);
        self.ensure_in_order(index);
    }

    #[track_caller]
    fn remove(&mut self, index: usize) -> Region {
        self.0.remove(index)
    }

    #[track_caller]
    fn replace(&mut self, index: usize, region: Region) {
        self.0[index] = region;
        self.ensure_in_order(index);
    }
}

/// The part of a region from the page with the number `end` on, if any is left.
fn behind(region: Region, end: u32) -> Option<Region> {
    (region.pages.end() > end).then(|| Region { pages: range(end, region.pages.end()), ..region })
}

/// The pages with the numbers from `first` up to, not including, `end`.
fn range(first: u32, end: u32) -> PageRange {
    let pages = Page::new(first).and_then(|page| PageRange::new(page, end - first));
    pages.expect("regions end below the kernel half")
}
