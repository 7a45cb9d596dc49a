//! A fake list of regions.

use alloc::vec::Vec;

use mm_api::layout::USER_SPACE_END;
use mm_api::{Page, Region, RegionList, SPARE_REGIONS};

/// A [`RegionList`] in the host's memory, stricter than the kernel's: it has room for exactly
/// [`SPARE_REGIONS`] more regions than it had at first or at the last
/// [`make_room`](Self::make_room).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FakeRegions {
    regions: Vec<Region>,
    room: usize,
}

impl FakeRegions {
    /// A list of these regions.
    ///
    /// # Panics
    /// If the regions are not in order, or overlap.
    #[must_use]
    #[track_caller]
    pub fn new(regions: &[Region]) -> Self {
        let mut list = Self { regions: Vec::new(), room: regions.len() };
        for (index, region) in regions.iter().enumerate() {
            list.insert(index, *region);
        }
        list.make_room();
        list
    }

    /// Makes room again, as the kernel does before each call of a lab's function.
    pub fn make_room(&mut self) {
        self.room = self.regions.len() + SPARE_REGIONS;
    }

    /// All regions, by ascending address.
    #[must_use]
    pub fn as_slice(&self) -> &[Region] {
        &self.regions
    }

    #[track_caller]
    fn ensure_in_order(&self, index: usize) {
        let region = self.regions[index];
        assert!(!region.pages.is_empty(), "a region of no pages is put into the list: {region:?}");
        let is_user = region.pages.end() <= Page::containing(USER_SPACE_END).number();
        assert!(is_user, "{region:?} is put into the list, but reaches into the kernel half");
        let below = index.checked_sub(1).map(|below| self.regions[below]);
        let above = self.regions.get(index + 1);
        let is_above = below.is_none_or(|below| below.pages.end() <= region.pages.first().number());
        let is_below = above.is_none_or(|above| region.pages.end() <= above.pages.first().number());
        assert!(is_above && is_below, "{region:?} is put into the list between {below:?} and {above:?}");
    }
}

impl RegionList for FakeRegions {
    fn len(&self) -> usize {
        self.regions.len()
    }

    #[track_caller]
    fn get(&self, index: usize) -> Region {
        self.regions[index]
    }

    #[track_caller]
    fn insert(&mut self, index: usize, region: Region) {
        assert!(self.regions.len() < self.room, "the list of regions has no more room");
        self.regions.insert(index, region);
        self.ensure_in_order(index);
    }

    #[track_caller]
    fn remove(&mut self, index: usize) -> Region {
        self.regions.remove(index)
    }

    #[track_caller]
    fn replace(&mut self, index: usize, region: Region) {
        self.regions[index] = region;
        self.ensure_in_order(index);
    }
}

#[cfg(test)]
mod tests {
    use mm_api::{PageRange, Purpose, Rights, Sharing};

    use super::*;

    fn region(first: u32, pages: u32) -> Region {
        let pages = PageRange::new(Page::new(first).unwrap(), pages).unwrap();
        Region { pages, rights: Rights::READ, purpose: Purpose::Mapping, sharing: Sharing::Private }
    }

    #[test]
    fn there_is_room_for_a_few_more() {
        let mut list = FakeRegions::new(&[region(1, 1)]);
        for number in 1..=SPARE_REGIONS {
            list.insert(number, region(10 * number as u32, 1));
        }
        assert_eq!(list.remove(0), region(1, 1));
        list.replace(0, region(11, 9));
        list.make_room();
        list.insert(0, region(1, 1));
        assert_eq!(list.as_slice()[..2], [region(1, 1), region(11, 9)]);
    }

    #[test]
    #[should_panic(expected = "no more room")]
    fn too_many_are_found() {
        let mut list = FakeRegions::new(&[]);
        (0..=SPARE_REGIONS).for_each(|number| list.insert(number, region(10 * number as u32, 1)));
    }

    #[test]
    #[should_panic(expected = "is put into the list between")]
    fn an_overlap_is_found() {
        FakeRegions::new(&[region(10, 2), region(20, 2)]).insert(1, region(11, 1));
    }

    #[test]
    #[should_panic(expected = "is put into the list between")]
    fn a_region_out_of_order_is_found() {
        FakeRegions::new(&[region(10, 2), region(20, 2)]).replace(0, region(30, 1));
    }
}
