//! Memory for a heap: a region of the host's memory that grows and shrinks.

use alloc::rc::Rc;
use alloc::vec;
use core::cell::Cell;
use core::ptr::NonNull;

use mm_api::HeapMemory;
use mm_api::layout::PAGE_SIZE;

/// The value of every byte of the region that was never written to.
pub const HEAP_POISON: u8 = 0xCD;

/// A page of the host's memory.
#[derive(Clone)]
#[repr(align(4096))]
struct Page {
    _bytes: [u8; PAGE_SIZE as usize],
}

/// A [`HeapMemory`] of the host's memory. Like the kernel's, it grows by whole pages.
///
/// A clone is another handle to the same memory. With one, a test sees what the heap
/// has asked for, and lets requests fail. The memory is never given back to the host.
#[derive(Clone, Debug)]
pub struct FakeHeapMemory {
    base: NonNull<u8>,
    pages: u32,
    state: Rc<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Cell<u32>,
    most: Cell<u32>,
    grown: Cell<u32>,
    shrunk: Cell<u32>,
    refusing: Cell<bool>,
}

impl FakeHeapMemory {
    /// An empty region that may grow to `pages` pages.
    ///
    /// # Panics
    /// If `pages` is 0.
    #[must_use]
    pub fn new(pages: u32) -> Self {
        let memory: &'static mut [Page] =
            vec![Page { _bytes: [HEAP_POISON; PAGE_SIZE as usize] }; pages as usize].leak();
        assert!(!memory.is_empty(), "a heap needs memory");
        Self { base: NonNull::from(memory).cast(), pages, state: Rc::default() }
    }

    /// The region's first byte. The pointer may be used for all of the region.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The region's size now, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u32 {
        self.state.bytes.get()
    }

    /// The largest size that the region has had, in bytes.
    #[must_use]
    pub fn most_bytes(&self) -> u32 {
        self.state.most.get()
    }

    /// How many times the region grew. Refused requests do not count.
    #[must_use]
    pub fn times_grown(&self) -> u32 {
        self.state.grown.get()
    }

    /// How many times the region shrank. Requests that changed nothing do not count.
    #[must_use]
    pub fn times_shrunk(&self) -> u32 {
        self.state.shrunk.get()
    }

    /// With `true`, every request to grow is refused from now on; with `false`, no longer.
    pub fn refuse(&self, refusing: bool) {
        self.state.refusing.set(refusing);
    }

    /// Whether the `bytes` bytes from `pointer` on lie in the region as it is now.
    #[must_use]
    pub fn contains(&self, pointer: NonNull<u8>, bytes: u32) -> bool {
        let offset = pointer.addr().get().wrapping_sub(self.base.addr().get());
        offset <= self.bytes() as usize && bytes as usize <= self.bytes() as usize - offset
    }
}

impl HeapMemory for FakeHeapMemory {
    fn grow(&mut self, bytes: u32) -> Option<u32> {
        let grown = bytes.checked_next_multiple_of(PAGE_SIZE)?;
        let sum = self.bytes().checked_add(grown)?;
        if self.state.refusing.get() || sum > self.pages * PAGE_SIZE {
            return None;
        }
        self.state.bytes.set(sum);
        self.state.most.set(self.state.most.get().max(sum));
        self.state.grown.set(self.state.grown.get() + 1);
        Some(grown)
    }

    fn shrink(&mut self, bytes: u32) -> u32 {
        let shrunk = bytes.min(self.bytes()) / PAGE_SIZE * PAGE_SIZE;
        if shrunk != 0 {
            self.state.bytes.set(self.bytes() - shrunk);
            self.state.shrunk.set(self.state.shrunk.get() + 1);
        }
        shrunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_grows_by_whole_pages_and_no_further_than_it_may() {
        let mut memory = FakeHeapMemory::new(4);
        assert!(memory.base().addr().get().is_multiple_of(PAGE_SIZE as usize));
        assert_eq!(memory.grow(1), Some(4096));
        assert_eq!(memory.grow(4097), Some(8192));
        assert_eq!(memory.grow(4097), None);
        assert_eq!(memory.grow(u32::MAX), None);
        assert_eq!(memory.bytes(), 3 * 4096);
        memory.refuse(true);
        assert_eq!(memory.grow(1), None);
    }

    #[test]
    fn the_region_shrinks_by_whole_pages_and_not_below_nothing() {
        let mut memory = FakeHeapMemory::new(4);
        assert_eq!(memory.grow(4 * 4096), Some(4 * 4096));
        assert_eq!(memory.shrink(4095), 0);
        assert_eq!(memory.shrink(4097), 4096);
        assert_eq!(memory.shrink(u32::MAX), 3 * 4096);
        assert_eq!((memory.bytes(), memory.most_bytes()), (0, 4 * 4096));
        assert_eq!((memory.times_grown(), memory.times_shrunk()), (1, 2));
    }

    #[test]
    fn what_lies_beyond_the_end_is_not_contained() {
        let mut memory = FakeHeapMemory::new(2);
        assert_eq!(memory.grow(1), Some(4096));
        let base = memory.base();
        assert!(memory.contains(base, 4096) && !memory.contains(base, 4097));
        assert!(!memory.contains(NonNull::dangling(), 1));
    }
}
