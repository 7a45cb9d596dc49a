//! Pages of virtual memory, ranges of them, and their places in the tables.

use core::fmt;
use core::ops::Range;

use crate::VirtAddr;
use crate::layout::{KERNEL_BASE, PAGE_SHIFT, PAGE_SIZE};

/// How many pages 4 GiB of virtual addresses hold.
const PAGE_COUNT: u32 = 1 << (32 - PAGE_SHIFT);

/// How many entries a page directory or a page table has.
pub const TABLE_ENTRIES: u32 = 1024;

/// The place of an entry in a page directory or a page table: 0 to 1023.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct TableIndex(u32);

impl TableIndex {
    /// The place with this number, or `None` if it is [`TABLE_ENTRIES`] or more.
    #[must_use]
    #[inline]
    pub const fn new(index: u32) -> Option<Self> {
        if index < TABLE_ENTRIES { Some(Self(index)) } else { None }
    }

    /// The place as a number.
    #[must_use]
    #[inline]
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// Every place, from 0 to 1023.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Clone {
        // The range of `u16` knows its length, the range of `u32` does not.
        (0..TABLE_ENTRIES as u16).map(|index| Self(index as u32))
    }

    /// The places of a page directory that belong to user space.
    pub fn user_half() -> impl DoubleEndedIterator<Item = Self> + Clone {
        Self::all().take(Page::containing(KERNEL_BASE).directory_index().0 as usize)
    }

    /// The places of a page directory that belong to the kernel.
    pub fn kernel_half() -> impl DoubleEndedIterator<Item = Self> + Clone {
        Self::all().skip(Page::containing(KERNEL_BASE).directory_index().0 as usize)
    }
}

impl fmt::Debug for TableIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableIndex({})", self.0)
    }
}

/// A page: 4096 bytes of virtual memory that begin at a multiple of 4096.
///
/// A page is known by its number, which is its address divided by the page
/// size. The number's upper ten bits say where the page's table is in the page
/// directory, its lower ten bits where the page's entry is in that table
/// (Intel SDM vol. 3A, section 4.3, figure 4-2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Page(u32);

impl Page {
    /// The page that null pointers point into.
    pub const NULL: Self = Self(0);

    /// The page with this number, or `None` past the last one below 4 GiB.
    #[must_use]
    #[inline]
    pub const fn new(number: u32) -> Option<Self> {
        if number < PAGE_COUNT { Some(Self(number)) } else { None }
    }

    /// The page that the byte at `address` lies in.
    #[must_use]
    #[inline]
    pub const fn containing(address: VirtAddr) -> Self {
        Self(address.as_u32() >> PAGE_SHIFT)
    }

    /// The page with these places in the directory and in the table.
    #[must_use]
    #[inline]
    pub const fn from_indices(directory: TableIndex, table: TableIndex) -> Self {
        Self(directory.0 * TABLE_ENTRIES + table.0)
    }

    /// The page's number: its first address divided by the page size.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The address of the page's first byte.
    #[must_use]
    #[inline]
    pub const fn start(self) -> VirtAddr {
        VirtAddr::new(self.0 << PAGE_SHIFT)
    }

    /// The place in the page directory of the entry for the page's table.
    #[must_use]
    #[inline]
    pub const fn directory_index(self) -> TableIndex {
        TableIndex(self.0 / TABLE_ENTRIES)
    }

    /// The place of the page's entry in its table.
    #[must_use]
    #[inline]
    pub const fn table_index(self) -> TableIndex {
        TableIndex(self.0 % TABLE_ENTRIES)
    }

    /// Whether the page lies in the kernel half of the address space.
    #[must_use]
    #[inline]
    pub const fn is_kernel(self) -> bool {
        self.0 >= Self::containing(KERNEL_BASE).0
    }

    /// The page `pages` further on, or `None` past the last one.
    #[must_use]
    #[inline]
    pub const fn checked_add(self, pages: u32) -> Option<Self> {
        match self.0.checked_add(pages) {
            Some(number) => Self::new(number),
            None => None,
        }
    }
}

/// The address of the page's first byte: `page 0x0804_8000`.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}", self.start())
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({})", self.start())
    }
}

/// A range of pages that follow each other. It may be empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct PageRange {
    first: Page,
    len: u32,
}

impl PageRange {
    /// The `len` pages from `first` on, or `None` if they reach past 4 GiB.
    #[must_use]
    #[inline]
    pub const fn new(first: Page, len: u32) -> Option<Self> {
        if len <= PAGE_COUNT - first.0 { Some(Self { first, len }) } else { None }
    }

    /// The pages from the one that `start` lies in up to, not including, the
    /// one that `end` lies in; none if `end` is not above `start`.
    #[must_use]
    #[inline]
    pub const fn between(start: VirtAddr, end: VirtAddr) -> Self {
        let first = Page::containing(start);
        Self { first, len: Page::containing(end).0.saturating_sub(first.0) }
    }

    /// The first page; where the range is empty, the page that it would begin at.
    #[must_use]
    #[inline]
    pub const fn first(self) -> Page {
        self.first
    }

    /// How many pages the range has.
    #[must_use]
    #[inline]
    pub const fn len(self) -> u32 {
        self.len
    }

    /// Whether the range has no pages.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The number after the last page's.
    #[must_use]
    #[inline]
    pub const fn end(self) -> u32 {
        self.first.0 + self.len
    }

    /// Whether `page` is in the range.
    #[must_use]
    #[inline]
    pub const fn contains(self, page: Page) -> bool {
        self.first.0 <= page.0 && page.0 < self.end()
    }

    /// Whether every page of `other` is in the range. True if `other` is empty.
    #[must_use]
    #[inline]
    pub const fn contains_range(self, other: Self) -> bool {
        other.is_empty() || (self.first.0 <= other.first.0 && other.end() <= self.end())
    }

    /// The pages that both ranges have in common; an empty range if there are none.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let first = self.first.max(other.first);
        Self { first, len: self.end().min(other.end()).saturating_sub(first.0) }
    }

    /// The pages, the lowest first.
    #[inline]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Page> + Clone {
        (self.first.0..self.end()).map(Page)
    }
}

impl fmt::Debug for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageRange({} pages from {})", self.len, self.first.start())
    }
}

/// The part of a range of bytes that lies in one page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The address of its first byte.
    pub address: VirtAddr,
    /// How many bytes of the range come before this piece.
    pub done: usize,
    /// How many bytes the piece has: at least one, at most a page.
    pub length: usize,
}

impl Piece {
    /// The page that the piece lies in.
    #[must_use]
    #[inline]
    pub const fn page(self) -> Page {
        Page::containing(self.address)
    }

    /// The piece's place in a slice of its page's bytes.
    #[must_use]
    #[inline]
    pub const fn in_page(self) -> Range<usize> {
        let offset = self.address.page_offset() as usize;
        offset..offset + self.length
    }

    /// The piece's place in a slice of the whole range.
    #[must_use]
    #[inline]
    pub const fn in_range(self) -> Range<usize> {
        self.done..self.done + self.length
    }
}

/// The pieces of `bytes` bytes from `address` on, one for each page, in ascending order.
/// If the bytes reach past 4 GiB, the pieces end at the last address.
#[inline]
pub fn pieces(address: VirtAddr, bytes: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let address = address.checked_add(u32::try_from(done).ok()?)?;
        let length = (PAGE_SIZE as usize - address.page_offset() as usize).min(bytes - done);
        let piece = Piece { address, done, length };
        done += length;
        (length > 0).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn a_page_knows_its_places() {
        let page = Page::containing(VirtAddr::new(0xF000_3ABC));
        assert_eq!(page.start(), VirtAddr::new(0xF000_3000));
        assert_eq!(page.directory_index().as_u32(), 960);
        assert_eq!(page.table_index().as_u32(), 3);
        assert_eq!(Page::from_indices(page.directory_index(), page.table_index()), page);
    }

    #[test]
    fn the_halves_meet_at_the_kernel_base() {
        let first = Page::containing(KERNEL_BASE);
        assert!(first.is_kernel());
        assert!(!Page::new(first.number() - 1).unwrap().is_kernel());
        assert_eq!(TableIndex::user_half().count(), 768);
        assert_eq!(TableIndex::kernel_half().count(), 256);
        assert_eq!(TableIndex::kernel_half().next(), Some(first.directory_index()));
    }

    #[test]
    fn no_range_reaches_past_the_last_page() {
        let last = Page::new(PAGE_COUNT - 1).unwrap();
        assert_eq!(PageRange::new(last, 1).unwrap().end(), PAGE_COUNT);
        assert_eq!(PageRange::new(last, 2), None);
        assert_eq!(PageRange::new(last, u32::MAX), None);
        assert_eq!(last.checked_add(1), None);
        assert_eq!(Page::NULL.checked_add(u32::MAX), None);
    }

    #[test]
    fn a_range_contains_its_pages_only() {
        let range = PageRange::between(VirtAddr::new(0x3000), VirtAddr::new(0x6000));
        let numbers: [bool; 8] = core::array::from_fn(|n| range.contains(Page(n as u32)));
        assert_eq!(numbers, [false, false, false, true, true, true, false, false]);
        assert_eq!(range.iter().count(), 3);
        assert!(PageRange::between(VirtAddr::new(0x6000), VirtAddr::new(0x3000)).is_empty());
        assert!(range.contains_range(PageRange::new(Page(4), 2).unwrap()));
        assert!(!range.contains_range(PageRange::new(Page(5), 2).unwrap()));
        let others = [(2, 2), (4, 1), (5, 9), (6, 1), (0, 3)];
        let both = others.map(|(first, len)| range.intersection(PageRange::new(Page(first), len).unwrap()).len());
        assert_eq!(both, [1, 1, 1, 0, 0]);
    }

    #[test]
    fn pieces_are_cut_where_pages_end() {
        let found: std::vec::Vec<_> =
            pieces(VirtAddr::new(0x1FFE), 0x1004).map(|piece| (piece.address.as_u32(), piece.in_range())).collect();
        assert_eq!(found, [(0x1FFE, 0..2), (0x2000, 2..0x1002), (0x3000, 0x1002..0x1004)]);
        assert_eq!(pieces(VirtAddr::new(0x2000), 0).count(), 0);
        let last = pieces(VirtAddr::new(u32::MAX), 2).last().unwrap();
        assert_eq!((last.length, last.in_page()), (1, 0xFFF..0x1000));
    }
}
