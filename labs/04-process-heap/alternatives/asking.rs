//! An alternative: a heap that knows its break, and asks for everything else.
//!
//! Before it maps a page it asks whether any page is in the way, so that it
//! returns `Occupied` even if the frames would not suffice either. It finds its pages
//! by asking upwards from the last byte. Pages are mapped from the
//! highest down, and cleared word by word, as slowly as a student would do it.

use mm_api::layout::{PAGE_SIZE, USER_HEAP_START};
use mm_api::{BreakError, Page, Pages, ProcessHeap, VirtAddr};

/// Zeros to write.
const ZEROS: [u8; 4] = [0; 4];

/// A process's heap. Addresses are 64 bits wide, so that no sum overflows.
#[derive(Debug)]
pub struct Heap {
    start: u64,
    end: u64,
    limit: u64,
}

/// The address, which is below 4 GiB.
fn address(number: u64) -> VirtAddr {
    VirtAddr::new(number as u32)
}

fn number(address: VirtAddr) -> u64 {
    u64::from(address.as_u32())
}

fn round_up(number: u64) -> u64 {
    number.next_multiple_of(u64::from(PAGE_SIZE))
}

/// The pages from `from` up to `to`, both multiples of the page size.
fn between(from: u64, to: u64) -> impl DoubleEndedIterator<Item = Page> + Clone {
    let page_size = u64::from(PAGE_SIZE);
    (from / page_size..(to / page_size).max(from / page_size))
        .map(move |page| Page::containing(address(page * page_size)))
}

/// Maps the pages from the highest down, all of them or none.
fn map_down(pages: &mut dyn Pages, from: u64, to: u64) -> Result<(), BreakError> {
    if between(from, to).any(|page| pages.is_mapped(page)) {
        return Err(BreakError::Occupied);
    }
    for page in between(from, to).rev() {
        if let Err(error) = pages.map(page) {
            between(from, to).filter(|other| *other > page).for_each(|other| pages.unmap(other));
            return Err(error.into());
        }
    }
    Ok(())
}

/// Writes zeros from one address up to another.
fn write_zeros(pages: &mut dyn Pages, from: u64, to: u64) {
    for place in (from..to).step_by(ZEROS.len()) {
        let bytes = (to - place).min(ZEROS.len() as u64) as usize;
        pages.write(address(place), &ZEROS[..bytes]);
    }
}

impl Heap {
    fn move_to(&mut self, pages: &mut dyn Pages, new: u64) -> Result<(), BreakError> {
        if new < self.start {
            return Err(BreakError::BelowStart);
        }
        if new > self.limit {
            return Err(BreakError::PastLimit);
        }
        if new > self.end {
            map_down(pages, round_up(self.end), round_up(new))?;
            write_zeros(pages, self.end, round_up(new));
        } else {
            let mut place = round_up(new);
            while place < self.end && pages.is_mapped(Page::containing(address(place))) {
                pages.unmap(Page::containing(address(place)));
                place += u64::from(PAGE_SIZE);
            }
        }
        self.end = new;
        Ok(())
    }
}

impl ProcessHeap for Heap {
    fn new(image_end: VirtAddr, limit: VirtAddr) -> Result<Self, BreakError> {
        let (start, limit) = (round_up(number(image_end)).max(number(USER_HEAP_START)), number(limit));
        if start > limit { Err(BreakError::PastLimit) } else { Ok(Self { start, end: start, limit }) }
    }

    fn start(&self) -> VirtAddr {
        address(self.start)
    }

    fn current(&self) -> VirtAddr {
        address(self.end)
    }

    fn brk(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), BreakError> {
        self.move_to(pages, number(address))
    }

    fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError> {
        let old = self.current();
        let new = i64::from(old.as_u32()) + i64::from(increment);
        let new = u32::try_from(new).map_err(|_| BreakError::Wraps)?;
        self.move_to(pages, u64::from(new))?;
        Ok(old)
    }

    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, BreakError> {
        map_down(to, self.start, round_up(self.end))?;
        let mut bytes = [0; 100];
        for place in (self.start..self.end).step_by(bytes.len()) {
            let count = (self.end - place).min(bytes.len() as u64) as usize;
            from.read(address(place), &mut bytes[..count]);
            to.write(address(place), &bytes[..count]);
        }
        write_zeros(to, self.end, round_up(self.end));
        Ok(Self { ..*self })
    }

    fn clear(&mut self, pages: &mut dyn Pages) {
        between(self.start, round_up(self.end)).for_each(|page| pages.unmap(page));
        self.end = self.start;
    }
}
