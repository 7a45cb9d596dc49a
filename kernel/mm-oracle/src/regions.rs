//! The true facts about a list of regions, worked out page by page.

use mm_api::{MAPPINGS_END, MAPPINGS_START, Page, PageRange, Region};

/// The pages of a small part of an address space, and the region that each belongs to.
///
/// All regions lie in the window. The ranges that they were given do not matter: pages
/// that follow each other and are alike form a region.
#[derive(Clone)]
pub struct Window<const PAGES: usize> {
    first: Page,
    pages: [Option<Region>; PAGES],
}

impl<const PAGES: usize> Window<PAGES> {
    /// A window that begins at this page, with no region in it.
    #[must_use]
    pub const fn new(first: Page) -> Self {
        Self { first, pages: [None; PAGES] }
    }

    /// The pages of the window.
    ///
    /// # Panics
    /// If the window reaches past 4 GiB.
    #[must_use]
    pub fn pages(&self) -> PageRange {
        PageRange::new(self.first, PAGES as u32).expect("a window lies below 4 GiB")
    }

    /// The region that a page of the window belongs to; `None` if it belongs to none.
    #[must_use]
    pub fn get(&self, page: Page) -> Option<Region> {
        self.pages[self.index(page)]
    }

    /// Makes these pages belong to a region like `region`, or to none.
    pub fn set(&mut self, pages: PageRange, region: Option<Region>) {
        for page in pages.iter() {
            self.pages[self.index(page)] = region;
        }
    }

    /// Replaces each of these pages' region by the one that `change` makes of it.
    pub fn change(&mut self, pages: PageRange, change: impl Fn(Option<Region>) -> Option<Region>) {
        for page in pages.iter() {
            let index = self.index(page);
            self.pages[index] = change(self.pages[index]);
        }
    }

    fn index(&self, page: Page) -> usize {
        assert!(self.pages().contains(page), "{page} is not in the window");
        (page.number() - self.first.number()) as usize
    }

    /// The regions by ascending address. Regions that touch and are alike are one.
    pub fn regions(&self) -> impl Iterator<Item = Region> + '_ {
        let mut index = 0;
        core::iter::from_fn(move || {
            while index < PAGES && self.pages[index].is_none() {
                index += 1;
            }
            let region = (*self.pages.get(index)?)?;
            let alike = |page: &&Option<Region>| page.is_some_and(|page| page.is_like(&region));
            let len = self.pages[index..].iter().take_while(alike).count();
            let pages = PageRange::new(self.first.checked_add(index as u32)?, len as u32)?;
            index += len;
            Some(Region { pages, ..region })
        })
    }
}

/// The first difference between two lists: the region of each at that place.
pub fn first_difference(
    expected: impl Iterator<Item = Region>,
    found: impl Iterator<Item = Region>,
) -> Option<(Option<Region>, Option<Region>)> {
    let (mut expected, mut found) = (expected.fuse(), found.fuse());
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return None,
            (left, right) if left == right => {}
            difference => return Some(difference),
        }
    }
}

/// The highest place for a mapping of `pages` pages among `regions`, which are in
/// ascending order; `None` if it fits nowhere.
pub fn highest_gap(regions: impl DoubleEndedIterator<Item = Region>, pages: u32) -> Option<PageRange> {
    let lowest = Page::containing(MAPPINGS_START).number();
    let mut end = Page::containing(MAPPINGS_END).number();
    let below = |end: u32, floor: u32| end.checked_sub(pages).filter(|&first| first >= floor.max(lowest));
    for region in regions.rev() {
        if let Some(first) = below(end, region.pages.end()) {
            return PageRange::new(Page::new(first)?, pages);
        }
        end = end.min(region.pages.first().number());
    }
    PageRange::new(Page::new(below(end, 0)?)?, pages)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use mm_api::{Purpose, Rights, Sharing};

    use super::*;

    fn region(first: u32, len: u32, rights: Rights) -> Region {
        let pages = PageRange::new(Page::new(first).unwrap(), len).unwrap();
        Region { pages, rights, purpose: Purpose::Mapping, sharing: Sharing::Private }
    }

    #[test]
    fn pages_that_are_alike_are_a_region() {
        let mut window = Window::<16>::new(Page::new(100).unwrap());
        for part in [region(102, 3, Rights::READ), region(105, 2, Rights::READ), region(107, 1, Rights::NONE)] {
            window.set(part.pages, Some(part));
        }
        let expected = [region(102, 5, Rights::READ), region(107, 1, Rights::NONE)];
        assert_eq!(window.regions().collect::<Vec<_>>(), expected);
        assert_eq!(first_difference(window.regions(), expected.into_iter()), None);
        window.set(region(103, 1, Rights::NONE).pages, None);
        assert_eq!(window.regions().count(), 3);
        let difference = first_difference(window.regions(), expected.into_iter());
        assert_eq!(difference, Some((Some(region(102, 1, Rights::READ)), Some(expected[0]))));
    }

    #[test]
    fn the_highest_gap_is_the_highest() {
        let end = Page::containing(MAPPINGS_END).number();
        let regions = [region(end - 10, 4, Rights::READ), region(end - 3, 1, Rights::READ)];
        let first = |pages| highest_gap(regions.into_iter(), pages).map(|pages| pages.first().number());
        assert_eq!(first(2), Some(end - 2));
        assert_eq!(first(3), Some(end - 6));
        assert_eq!(first(4), Some(end - 10 - 4));
        assert_eq!(highest_gap([].into_iter(), 5).map(|pages| pages.end()), Some(end));
        assert_eq!(first(end - 10 - 16), Some(16));
        assert_eq!(first(end - 10 - 15), None);
        assert_eq!(first(u32::MAX), None);
    }
}
