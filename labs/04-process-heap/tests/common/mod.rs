//! A heap and the pages of its process, and the questions that the tests ask.
#![allow(dead_code, reason = "each test file uses some of it")]

use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_HEAP_START, USER_STACK_GUARD};
use mm_api::{BreakError, Page, PageRange, ProcessHeap, VirtAddr};
use mm_host::{FakePages, PageCall};
use process_heap::Heap;

/// The usual start of a heap.
pub const START: u32 = USER_HEAP_START.as_u32();

/// The highest end of a heap.
pub const LIMIT: u32 = USER_STACK_GUARD.as_u32();

/// The parts of a process that its heap needs.
pub struct Process {
    pub heap: Heap,
    pub pages: FakePages,
}

/// The byte at `address` after the process with this stamp has written it:
/// never zero.
pub fn pattern(stamp: u8, address: u32) -> u8 {
    (address.wrapping_mul(0x9E37_79B1) >> 25) as u8 ^ stamp | 1
}

pub fn addr(address: u32) -> VirtAddr {
    VirtAddr::new(address)
}

impl Process {
    /// A process whose program ends at `image_end`.
    pub fn new(image_end: u32) -> Self {
        let heap = Heap::new(addr(image_end), USER_STACK_GUARD).expect("there is room for a heap");
        let part = PageRange::between(heap.start(), USER_STACK_GUARD);
        Self { heap, pages: FakePages::new(part) }
    }

    /// A process whose heap has the usual start.
    pub fn usual() -> Self {
        Self::new(USER_CODE_START.as_u32())
    }

    /// A process whose heap can have this many pages.
    pub fn with_room(pages: u32) -> Self {
        Self::new(LIMIT - pages * PAGE_SIZE)
    }

    pub fn start(&self) -> u32 {
        self.heap.start().as_u32()
    }

    pub fn end(&self) -> u32 {
        self.heap.current().as_u32()
    }

    pub fn size(&self) -> u32 {
        self.end() - self.start()
    }

    pub fn brk(&mut self, address: u32) -> Result<(), BreakError> {
        self.heap.brk(&mut self.pages, addr(address))
    }

    pub fn sbrk(&mut self, increment: i32) -> Result<u32, BreakError> {
        self.heap.sbrk(&mut self.pages, increment).map(VirtAddr::as_u32)
    }

    /// Moves the break to `bytes` bytes past the start, which has to succeed.
    #[track_caller]
    pub fn resize(&mut self, bytes: u32) {
        let address = self.start() + bytes;
        assert_eq!(self.brk(address), Ok(()), "brk(start + {bytes:#x})");
        assert_eq!(self.end(), address, "the break after brk(start + {bytes:#x})");
    }

    /// The pages that have a byte of the heap.
    pub fn expected_pages(&self) -> Vec<Page> {
        let first = Page::containing(self.heap.start());
        PageRange::new(first, self.size().div_ceil(PAGE_SIZE)).unwrap().iter().collect()
    }

    /// Fails unless exactly the right pages are mapped.
    #[track_caller]
    pub fn assert_pages(&self) {
        assert_eq!(self.pages.mapped(), self.expected_pages(), "mapped, of a heap of {:#x} bytes", self.size());
    }

    /// The addresses of the bytes past the break in the last page.
    pub fn spare(&self) -> std::ops::Range<u32> {
        self.end()..self.end().next_multiple_of(PAGE_SIZE)
    }

    /// Writes the pattern to these addresses, as the process.
    pub fn fill(&mut self, addresses: std::ops::Range<u32>, stamp: u8) {
        use mm_api::Pages as _;
        let start = addresses.start;
        let bytes: Vec<u8> = addresses.map(|address| pattern(stamp, address)).collect();
        self.pages.write(addr(start), &bytes);
    }

    /// Fills the whole heap.
    pub fn fill_heap(&mut self, stamp: u8) {
        self.fill(self.start()..self.end(), stamp);
    }

    #[track_caller]
    pub fn assert_pattern(&self, addresses: std::ops::Range<u32>, stamp: u8) {
        self.assert_bytes(addresses, |address| pattern(stamp, address));
    }

    #[track_caller]
    pub fn assert_zero(&self, addresses: std::ops::Range<u32>) {
        self.assert_bytes(addresses, |_| 0);
    }

    #[track_caller]
    fn assert_bytes(&self, addresses: std::ops::Range<u32>, expected: impl Fn(u32) -> u8) {
        let (start, start_of_heap) = (addresses.start, self.start());
        let bytes = self.pages.bytes(addr(start), addresses.len() as u32);
        for (address, byte) in addresses.zip(bytes) {
            let expected = expected(address);
            let past = address - start_of_heap;
            assert!(byte == expected, "start + {past:#x} contains {byte:#04x}, and should contain {expected:#04x}");
        }
    }

    /// A copy of the process; the fork has to succeed.
    #[track_caller]
    pub fn fork(&self) -> Self {
        let mut pages = FakePages::new(PageRange::between(self.heap.start(), USER_STACK_GUARD));
        let heap = self.heap.fork(&self.pages, &mut pages).expect("there are enough frames");
        Self { heap, pages }
    }

    /// Makes a call that has to be refused, and fails if it changes anything.
    #[track_caller]
    pub fn assert_refused<T: std::fmt::Debug + PartialEq>(
        &mut self,
        expected: BreakError,
        what: &str,
        call: impl FnOnce(&mut Self) -> Result<T, BreakError>,
    ) {
        let before = (self.end(), self.pages.contents());
        assert_eq!(call(self), Err(expected), "{what}");
        assert_eq!(self.end(), before.0, "the break after {what} was refused");
        assert!(self.pages.contents() == before.1, "{what} was refused, and pages have changed");
    }
}

/// The pages that were mapped and those that were unmapped, in the order of their
/// addresses. Fails if another call was made.
#[track_caller]
pub fn mapped_and_unmapped(calls: &[PageCall]) -> (Vec<Page>, Vec<Page>) {
    let (mut mapped, mut unmapped) = (Vec::new(), Vec::new());
    for call in calls {
        match call {
            PageCall::Mapped(page) => mapped.push(*page),
            PageCall::Unmapped(page) => unmapped.push(*page),
            PageCall::Refused(page, error) => panic!("{page} was asked for in vain: {error}"),
        }
    }
    mapped.sort_unstable();
    unmapped.sort_unstable();
    (mapped, unmapped)
}
