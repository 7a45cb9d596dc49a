//! The reference: a process's heap that knows three addresses and nothing else.
//!
//! The heap's pages follow from its start and its end ([`Heap::pages_to`]), so
//! there is no second record that could disagree with them. To move the break,
//! the code compares the pages before with the pages after.

use mm_api::layout::{PAGE_SIZE, USER_HEAP_START};
use mm_api::{BreakError, Page, PageRange, Pages, ProcessHeap, VirtAddr};

/// Bytes that are copied at once when a heap is copied. They are on the stack of
/// the kernel, which is small.
const PIECE: usize = 2048;

/// A process's heap.
#[derive(Debug)]
pub struct Heap {
    /// Where it starts, a multiple of the page size.
    start: VirtAddr,
    /// The break.
    end: VirtAddr,
    /// The last place where the break can be, a multiple of the page size.
    limit: VirtAddr,
}

/// The first multiple of the page size that is not below `address`; `None` if it
/// is not below 4 GiB.
fn page_boundary(address: VirtAddr) -> Option<VirtAddr> {
    let last = address.checked_add(PAGE_SIZE - 1)?;
    Some(Page::containing(last).start())
}

/// Maps all of these pages or, after an error, none.
fn map_all(pages: &mut dyn Pages, range: PageRange) -> Result<(), BreakError> {
    for page in range.iter() {
        if let Err(error) = pages.map(page) {
            unmap_all(pages, PageRange::between(range.first().start(), page.start()));
            return Err(error.into());
        }
    }
    Ok(())
}

/// Unmaps all of these pages, the last first.
fn unmap_all(pages: &mut dyn Pages, range: PageRange) {
    range.iter().rev().for_each(|page| pages.unmap(page));
}

impl Heap {
    /// Where the last page ends that a byte of the heap lies in, if the break is
    /// at `end`.
    fn pages_end(&self, end: VirtAddr) -> VirtAddr {
        // Never past the limit, which is a multiple of the page size.
        page_boundary(end).unwrap_or(self.limit)
    }

    /// The pages that a byte of the heap lies in, if the break is at `end`.
    fn pages_to(&self, end: VirtAddr) -> PageRange {
        PageRange::between(self.start, self.pages_end(end))
    }

    /// Moves the break up to `new`.
    fn grow(&mut self, pages: &mut dyn Pages, new: VirtAddr) -> Result<(), BreakError> {
        let mapped_end = self.pages_end(self.end);
        let added = PageRange::between(mapped_end, self.pages_end(new));
        map_all(pages, added)?;
        // Only now, when nothing can go wrong any more. The old last page may have
        // been written to past the break: those bytes become zero when they become
        // the heap's. New pages are cleared to their ends.
        let zero_end = if added.is_empty() { new } else { self.pages_end(new) };
        pages.zero(self.end, zero_end.as_u32() - self.end.as_u32());
        self.end = new;
        Ok(())
    }

    /// Moves the break down to `new`.
    fn shrink(&mut self, pages: &mut dyn Pages, new: VirtAddr) {
        unmap_all(pages, PageRange::between(self.pages_end(new), self.pages_end(self.end)));
        self.end = new;
    }
}

impl ProcessHeap for Heap {
    fn new(image_end: VirtAddr, limit: VirtAddr) -> Result<Self, BreakError> {
        let past_image = page_boundary(image_end).ok_or(BreakError::PastLimit)?;
        let start = past_image.max(USER_HEAP_START);
        if start > limit { Err(BreakError::PastLimit) } else { Ok(Self { start, end: start, limit }) }
    }

    fn start(&self) -> VirtAddr {
        self.start
    }

    fn current(&self) -> VirtAddr {
        self.end
    }

    fn brk(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), BreakError> {
        if address < self.start {
            Err(BreakError::BelowStart)
        } else if address > self.limit {
            Err(BreakError::PastLimit)
        } else if address > self.end {
            self.grow(pages, address)
        } else {
            self.shrink(pages, address);
            Ok(())
        }
    }

    fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError> {
        let old = self.end;
        let new = old.as_u32().checked_add_signed(increment).ok_or(BreakError::Wraps)?;
        self.brk(pages, VirtAddr::new(new))?;
        Ok(old)
    }

    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, BreakError> {
        let own = self.pages_to(self.end);
        map_all(to, own)?;
        // Whole pages: what is past the break in the last one is the process's, too.
        let mut piece = [0; PIECE];
        let places = self.start.as_u32()..self.pages_end(self.end).as_u32();
        for place in places.step_by(PIECE).map(VirtAddr::new) {
            from.read(place, &mut piece);
            to.write(place, &piece);
        }
        Ok(Self { ..*self })
    }

    fn clear(&mut self, pages: &mut dyn Pages) {
        self.shrink(pages, self.start);
    }
}
