//! Fake pages of an address space, mapped one at a time.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use mm_api::layout::PAGE_SIZE;
use mm_api::{Page, PageError, PageRange, Pages, VirtAddr};

/// The value of every byte of a page that was just mapped.
pub const PAGE_POISON: u8 = 0xA5;

/// A [`Pages`] of the host's memory, stricter than the kernel's.
///
/// A new page is full of [`PAGE_POISON`]. Everything that the trait forbids ends in a
/// panic that names the mistake, and so does a write to a page that was mapped by
/// [`occupy`](Self::occupy). The pages behave the same in every run. A clone is an
/// address space of its own, with a copy of all pages and their contents.
#[derive(Clone)]
pub struct FakePages {
    part: PageRange,
    pages: BTreeMap<Page, Memory>,
    free_frames: Option<u32>,
    calls: Vec<PageCall>,
}

/// A page's memory.
#[derive(Clone)]
struct Memory {
    /// Whether [`FakePages::occupy`] mapped the page.
    foreign: bool,
    bytes: Vec<u8>,
}

/// A call of [`map`](Pages::map) or [`unmap`](Pages::unmap), and its outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageCall {
    /// The page was given memory.
    Mapped(Page),
    /// The page was not given memory.
    Refused(Page, PageError),
    /// The page's memory was taken away.
    Unmapped(Page),
}

impl FakePages {
    /// The pages of this part of an address space. None is mapped, and the frames
    /// never run out.
    #[must_use]
    pub fn new(part: PageRange) -> Self {
        Self { part, pages: BTreeMap::new(), free_frames: None, calls: Vec::new() }
    }

    /// Sets how many frames are free from now on; with `None` they never run out.
    /// A page that is unmapped gives its frame back.
    pub fn set_free_frames(&mut self, frames: Option<u32>) {
        self.free_frames = frames;
    }

    /// Maps `page` for a foreign owner: the code under test may neither unmap it nor
    /// write to it. The page takes none of the free frames.
    ///
    /// # Panics
    /// If the page is mapped.
    pub fn occupy(&mut self, page: Page) {
        let memory = Memory { foreign: true, bytes: vec![!PAGE_POISON; PAGE_SIZE as usize] };
        assert!(self.pages.insert(page, memory).is_none(), "{page} is mapped already");
    }

    /// The pages that [`map`](Pages::map) gave memory, the lowest first.
    #[must_use]
    pub fn mapped(&self) -> Vec<Page> {
        self.pages.iter().filter(|(_, memory)| !memory.foreign).map(|(page, _)| *page).collect()
    }

    /// All mapped pages with their contents, those of [`occupy`](Self::occupy) too. A test
    /// compares them with later contents.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<Page, Vec<u8>> {
        self.pages.iter().map(|(page, memory)| (*page, memory.bytes.clone())).collect()
    }

    /// The calls of [`map`](Pages::map) and [`unmap`](Pages::unmap) since the last
    /// call of this method, in order.
    pub fn take_calls(&mut self) -> Vec<PageCall> {
        core::mem::take(&mut self.calls)
    }

    /// The `count` bytes from `address` on.
    ///
    /// # Panics
    /// If one of the bytes is in a page that is not mapped.
    #[must_use]
    #[track_caller]
    pub fn bytes(&self, address: VirtAddr, count: u32) -> Vec<u8> {
        let mut bytes = vec![0; count as usize];
        self.read(address, &mut bytes);
        bytes
    }
}

/// The pieces of the `bytes` bytes from `address` on, page by page: where a piece
/// begins, and how many bytes it has.
///
/// # Panics
/// If the bytes reach past 4 GiB.
#[track_caller]
fn pieces(address: VirtAddr, bytes: usize, action: &str) -> impl Iterator<Item = (VirtAddr, usize)> {
    let past_end = u64::from(address.as_u32()) + bytes as u64;
    assert!(past_end <= 1 << 32, "{bytes} bytes from {address} on are {action}, which reach past 4 GiB");
    let mut place = u64::from(address.as_u32());
    core::iter::from_fn(move || {
        // The conversion fails past the last address, where nothing is left.
        let start = VirtAddr::new(u32::try_from(place).ok().filter(|_| place < past_end)?);
        let piece = u64::from(PAGE_SIZE - start.page_offset()).min(past_end - place);
        place += piece;
        Some((start, piece as usize))
    })
}

impl FakePages {
    /// Bytes of one page, for writing.
    #[track_caller]
    fn writable(&mut self, address: VirtAddr, bytes: usize) -> &mut [u8] {
        match self.pages.get_mut(&Page::containing(address)) {
            Some(Memory { foreign: false, bytes: memory }) => &mut memory[address.page_offset() as usize..][..bytes],
            Some(Memory { foreign: true, .. }) => panic!("{address} is written to, but somebody else mapped the page"),
            None => panic!("{address} is written to, but it is not mapped"),
        }
    }
}

impl Pages for FakePages {
    #[track_caller]
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        assert!(self.part.contains(page), "{page} is mapped, which is not among the pages that this is about");
        let answer = match self.free_frames {
            _ if self.pages.contains_key(&page) => Err(PageError::Occupied),
            Some(0) => Err(PageError::OutOfFrames),
            _ => Ok(()),
        };
        self.calls.push(match answer {
            Ok(()) => PageCall::Mapped(page),
            Err(error) => PageCall::Refused(page, error),
        });
        answer?;
        self.free_frames = self.free_frames.map(|frames| frames - 1);
        self.pages.insert(page, Memory { foreign: false, bytes: vec![PAGE_POISON; PAGE_SIZE as usize] });
        Ok(())
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        match self.pages.get(&page) {
            Some(Memory { foreign: false, .. }) => {}
            Some(Memory { foreign: true, .. }) => panic!("{page} is unmapped, but somebody else mapped it"),
            None => panic!("{page} is unmapped, but it is not mapped"),
        }
        self.pages.remove(&page);
        self.free_frames = self.free_frames.map(|frames| frames + 1);
        self.calls.push(PageCall::Unmapped(page));
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.pages.contains_key(&page)
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        let mut rest = bytes;
        for (start, count) in pieces(address, rest.len(), "read") {
            let Some(memory) = self.pages.get(&Page::containing(start)) else {
                panic!("{start} is read, but it is not mapped")
            };
            let (piece, others) = rest.split_at_mut(count);
            piece.copy_from_slice(&memory.bytes[start.page_offset() as usize..][..count]);
            rest = others;
        }
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        let mut rest = bytes;
        for (start, count) in pieces(address, bytes.len(), "written to") {
            let (piece, others) = rest.split_at(count);
            self.writable(start, count).copy_from_slice(piece);
            rest = others;
        }
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        for (start, count) in pieces(address, bytes as usize, "written to") {
            self.writable(start, count).fill(0);
        }
    }
}

impl fmt::Debug for FakePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePages")
            .field("part", &self.part)
            .field("mapped", &self.mapped())
            .field("free_frames", &self.free_frames)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u32) -> Page {
        Page::new(number).unwrap()
    }

    fn pages() -> FakePages {
        FakePages::new(PageRange::new(page(16), 16).unwrap())
    }

    #[test]
    fn a_page_is_poisoned_when_it_is_mapped_also_the_second_time() {
        let mut pages = pages();
        let start = page(16).start();
        for _ in 0..2 {
            assert_eq!(pages.map(page(16)), Ok(()));
            assert_eq!(pages.bytes(start, PAGE_SIZE), [PAGE_POISON; PAGE_SIZE as usize]);
            pages.zero(start, PAGE_SIZE);
            assert_eq!(pages.bytes(start, PAGE_SIZE), [0; PAGE_SIZE as usize]);
            pages.unmap(page(16));
            assert!(!pages.is_mapped(page(16)));
        }
        let round = [PageCall::Mapped(page(16)), PageCall::Unmapped(page(16))];
        assert_eq!(pages.take_calls(), [round, round].concat());
        assert_eq!(pages.take_calls(), []);
    }

    #[test]
    fn bytes_reach_over_the_boundary_of_pages() {
        let mut pages = pages();
        for number in 20..23 {
            pages.map(page(number)).unwrap();
        }
        let bytes: Vec<u8> = (0..=255).cycle().take(6000).collect();
        let start = page(20).start().checked_add(4000).unwrap();
        pages.write(start, &bytes);
        assert_eq!(pages.bytes(start, 6000), bytes);
        assert_eq!(pages.bytes(page(20).start(), 4000), [PAGE_POISON; 4000]);
        pages.zero(page(21).start(), 1);
        assert_eq!(pages.bytes(page(21).start(), 2), [0, bytes[97]]);
        pages.read(VirtAddr::new(0), &mut []);
        pages.write(VirtAddr::new(u32::MAX), &[]);
    }

    #[test]
    fn frames_run_out_and_come_back() {
        let mut pages = pages();
        pages.set_free_frames(Some(1));
        assert_eq!(pages.map(page(16)), Ok(()));
        assert_eq!(pages.map(page(17)), Err(PageError::OutOfFrames));
        assert_eq!(pages.map(page(16)), Err(PageError::Occupied));
        pages.unmap(page(16));
        assert_eq!(pages.map(page(17)), Ok(()));
        assert_eq!(pages.mapped(), [page(17)]);
    }

    #[test]
    fn somebody_else_s_page_stays_as_it_is() {
        let mut pages = pages();
        pages.occupy(page(18));
        assert!(pages.is_mapped(page(18)));
        assert_eq!(pages.map(page(18)), Err(PageError::Occupied));
        assert_eq!(pages.mapped(), []);
        assert_eq!(pages.contents().keys().copied().collect::<Vec<_>>(), [page(18)]);
        assert_eq!(pages.take_calls(), [PageCall::Refused(page(18), PageError::Occupied)]);
    }

    #[test]
    #[should_panic(expected = "is unmapped, but somebody else mapped it")]
    fn unmapping_somebody_else_s_page_is_found() {
        let mut pages = pages();
        pages.occupy(page(18));
        pages.unmap(page(18));
    }

    #[test]
    #[should_panic(expected = "0x0001_2001 is written to, but somebody else")]
    fn writing_to_somebody_else_s_page_is_found() {
        let mut pages = pages();
        pages.occupy(page(18));
        pages.zero(page(18).start().checked_add(1).unwrap(), 1);
    }

    #[test]
    #[should_panic(expected = "is unmapped, but it is not mapped")]
    fn unmapping_twice_is_found() {
        let mut pages = pages();
        pages.map(page(16)).unwrap();
        pages.unmap(page(16));
        pages.unmap(page(16));
    }

    #[test]
    #[should_panic(expected = "not among the pages")]
    fn mapping_outside_of_the_part_is_found() {
        let _ = pages().map(page(32));
    }

    #[test]
    #[should_panic(expected = "0x0001_1000 is read, but it is not mapped")]
    fn reading_past_the_mapped_pages_is_found() {
        let mut pages = pages();
        pages.map(page(16)).unwrap();
        let _ = pages.bytes(page(16).start(), PAGE_SIZE + 1);
    }

    #[test]
    #[should_panic(expected = "reach past 4 GiB")]
    fn reaching_past_the_last_address_is_found() {
        let _ = pages().bytes(VirtAddr::new(u32::MAX), 2);
    }
}
