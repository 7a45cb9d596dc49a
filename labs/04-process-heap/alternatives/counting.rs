//! An alternative: a heap that counts, and moves page by page.
//!
//! It counts its bytes and its pages, up and down, as pages come and go one
//! at a time. Each page is cleared right after it is mapped, and a copy is made page
//! by page, too. After an error half way, the heap counts down again to undo
//! its work.

use mm_api::layout::{PAGE_SIZE, USER_HEAP_START};
use mm_api::{BreakError, Page, Pages, ProcessHeap, VirtAddr};

/// A process's heap.
#[derive(Debug)]
pub struct Heap {
    first: Page,
    /// The most pages that it can have.
    room: u32,
    /// How many it has.
    pages: u32,
    /// How many bytes it has.
    bytes: u32,
}

impl Heap {
    /// The page after the last one that the heap has.
    fn next_page(&self) -> Option<Page> {
        self.first.checked_add(self.pages)
    }

    /// Adds a page, which is all zeros.
    fn push(&mut self, pages: &mut dyn Pages) -> Result<(), BreakError> {
        let page = self.next_page().ok_or(BreakError::PastLimit)?;
        pages.map(page)?;
        pages.zero(page.start(), PAGE_SIZE);
        self.pages += 1;
        Ok(())
    }

    /// Removes pages until only this many are left.
    fn pop_to(&mut self, pages: &mut dyn Pages, count: u32) {
        while self.pages > count {
            self.pages -= 1;
            if let Some(page) = self.next_page() {
                pages.unmap(page);
            }
        }
    }

    /// The address this many bytes past the start. The heap ends below 4 GiB.
    fn at(&self, bytes: u32) -> VirtAddr {
        VirtAddr::new(self.first.start().as_u32() + bytes)
    }

    fn resize(&mut self, pages: &mut dyn Pages, bytes: u32) -> Result<(), BreakError> {
        let (old, needed) = (self.pages, bytes.div_ceil(PAGE_SIZE));
        while self.pages < needed {
            if let Err(error) = self.push(pages) {
                self.pop_to(pages, old);
                return Err(error);
            }
        }
        self.pop_to(pages, needed);
        // New pages are cleared already, so only the last of the old ones is left.
        if let Some(grown) = bytes.min(old * PAGE_SIZE).checked_sub(self.bytes) {
            pages.zero(self.at(self.bytes), grown);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl ProcessHeap for Heap {
    fn new(image_end: VirtAddr, limit: VirtAddr) -> Result<Self, BreakError> {
        let past_image = image_end.as_u32().div_ceil(PAGE_SIZE);
        let first = Page::new(past_image).ok_or(BreakError::PastLimit)?.max(Page::containing(USER_HEAP_START));
        let room = Page::containing(limit).number().checked_sub(first.number()).ok_or(BreakError::PastLimit)?;
        Ok(Self { first, room, pages: 0, bytes: 0 })
    }

    fn start(&self) -> VirtAddr {
        self.first.start()
    }

    fn current(&self) -> VirtAddr {
        self.at(self.bytes)
    }

    fn brk(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), BreakError> {
        let bytes = address.as_u32().checked_sub(self.start().as_u32()).ok_or(BreakError::BelowStart)?;
        if bytes.div_ceil(PAGE_SIZE) > self.room {
            return Err(BreakError::PastLimit);
        }
        self.resize(pages, bytes)
    }

    fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError> {
        let old = self.current();
        let distance = increment.unsigned_abs();
        let new = if increment < 0 {
            old.as_u32().checked_sub(distance).map(VirtAddr::new)
        } else {
            old.checked_add(distance)
        };
        self.brk(pages, new.ok_or(BreakError::Wraps)?).map(|()| old)
    }

    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, BreakError> {
        let mut copy = Self { pages: 0, bytes: 0, ..*self };
        while copy.pages < self.pages {
            let place = copy.at(copy.pages * PAGE_SIZE);
            if let Err(error) = copy.push(to) {
                copy.clear(to);
                return Err(error);
            }
            // Only the heap's own bytes: the rest of the last page is zero already.
            let bytes = (self.bytes - (copy.pages - 1) * PAGE_SIZE).min(PAGE_SIZE);
            for offset in 0..bytes {
                let mut byte = [0];
                let address = VirtAddr::new(place.as_u32() + offset);
                from.read(address, &mut byte);
                to.write(address, &byte);
            }
        }
        copy.bytes = self.bytes;
        Ok(copy)
    }

    fn clear(&mut self, pages: &mut dyn Pages) {
        self.pop_to(pages, 0);
        self.bytes = 0;
    }
}
