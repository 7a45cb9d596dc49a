//! Memory for a heap that a check looks at: a region that grows and shrinks, and
//! in which the check can look at every byte.

#![allow(unsafe_code)]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use kernel_core::labs::{Heap, Labs};
use kernel_core::memory::boot_box::BootBox;
use mm_api::layout::PAGE_SIZE;
use mm_api::{AllocError, HEAP_ALIGN, HEAP_MAX, HeapMemory};

/// What bytes of the region contain that are not the heap's: not yet, or no longer.
const POISON: u8 = 0xDE;

/// The byte at `index` of the pattern with this stamp.
#[must_use]
pub fn pattern(stamp: u32, index: u32) -> u8 {
    (stamp.wrapping_mul(0x9E37_79B1).wrapping_add(index.wrapping_mul(0x0101_4547)) >> 24) as u8
}

/// A region of scratch memory that a heap grows into, page by page.
///
/// A reference to it is the heap's [`HeapMemory`]. The check has another reference:
/// with that it sees what the heap has asked for, and reads and writes bytes. It does
/// so by address, and only within the region: the pointers of a faulty heap do no harm.
pub struct Arena {
    base: NonNull<u8>,
    /// The most bytes that the region can have.
    limit: u32,
    bytes: AtomicU32,
    most: AtomicU32,
    times_grown: AtomicU32,
    refusing: AtomicBool,
    /// Whether it grows and shrinks by other numbers than whole pages.
    odd: AtomicBool,
    odd_answers: AtomicU32,
}

// SAFETY: the arena owns the region for as long as the kernel runs, and its bytes are read and written by
// address, one at a time.
unsafe impl Send for Arena {}
// SAFETY: as for `Send`; everything else in it is atomic.
unsafe impl Sync for Arena {}

impl Arena {
    /// An arena of these words, with as many whole pages as they have.
    pub(crate) fn new(words: &'static mut [u32]) -> Self {
        let skip = words.as_ptr().align_offset(PAGE_SIZE as usize).min(words.len());
        let words = &mut words[skip..];
        let bytes = size_of_val(words).min(HEAP_MAX as usize);
        words.fill(u32::from_ne_bytes([POISON; 4]));
        Self {
            base: NonNull::from(words).cast(),
            limit: bytes as u32 / PAGE_SIZE * PAGE_SIZE,
            bytes: AtomicU32::new(0),
            most: AtomicU32::new(0),
            times_grown: AtomicU32::new(0),
            refusing: AtomicBool::new(false),
            odd: AtomicBool::new(false),
            odd_answers: AtomicU32::new(0),
        }
    }

    /// Lab 03's heap over this arena.
    ///
    /// # Errors
    /// That of the lab's heap.
    ///
    /// # Panics
    /// If there is a heap in it already, or no scratch memory is left.
    pub fn heap(&'static self, labs: &Labs) -> Result<Heap, AllocError> {
        assert!(self.most_bytes() == 0, "an arena is for one heap");
        let memory = BootBox::new(self).expect("scratch memory has room for a pointer").leak();
        // SAFETY: the arena's bytes may be read and written through its base, as far
        // as it has grown. A check that reads or writes them, too, does so on purpose.
        unsafe { labs.heap(self.base(), memory) }
    }

    /// The region's first byte, aligned to a page. The pointer may be used for the
    /// whole region.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// How many bytes the heap has now.
    #[must_use]
    pub fn bytes(&self) -> u32 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The most bytes that the heap has had.
    #[must_use]
    pub fn most_bytes(&self) -> u32 {
        self.most.load(Ordering::Relaxed)
    }

    /// How many times the heap asked for more and got it.
    #[must_use]
    pub fn times_grown(&self) -> u32 {
        self.times_grown.load(Ordering::Relaxed)
    }

    /// Refuses to grow from now on.
    pub fn refuse_to_grow(&self) {
        self.refusing.store(true, Ordering::Relaxed);
    }

    /// From now on grows and shrinks by other numbers than whole pages: by a little more than it is asked
    /// to grow, and by all, half or none of what it is asked to shrink.
    pub fn answer_oddly(&self) {
        self.odd.store(true, Ordering::Relaxed);
    }

    /// The number of this answer; `None` while answers are whole pages.
    fn odd_answer(&self) -> Option<u32> {
        self.odd.load(Ordering::Relaxed).then(|| self.odd_answers.fetch_add(1, Ordering::Relaxed))
    }

    /// The offset of the address in the heap's memory, if `bytes` bytes from there on
    /// are the heap's.
    #[must_use]
    pub fn offset_of(&self, pointer: NonNull<u8>, bytes: u32) -> Option<u32> {
        let offset = pointer.addr().get().wrapping_sub(self.base.addr().get());
        let room = (self.bytes() as usize).checked_sub(offset)?;
        if bytes as usize <= room { Some(offset as u32) } else { None }
    }

    /// The byte at an offset; `None` if it is not the heap's.
    #[must_use]
    pub fn read(&self, offset: u32) -> Option<u8> {
        if offset >= self.bytes() {
            return None;
        }
        // SAFETY: the region has that byte, nobody has a reference to it, and neither the
        // heap nor an interrupt handler runs now.
        Some(unsafe { self.base.add(offset as usize).read_volatile() })
    }

    /// Writes the byte at an offset, if it is the heap's.
    pub fn write(&self, offset: u32, byte: u8) {
        if offset < self.bytes() {
            // SAFETY: as in `read`.
            unsafe { self.base.add(offset as usize).write_volatile(byte) }
        }
    }

    /// Writes a [`pattern`] to the `bytes` bytes from an offset on, as far as they
    /// are the heap's.
    pub fn write_pattern(&self, offset: u32, bytes: u32, stamp: u32) {
        for index in 0..bytes {
            self.write(offset + index, pattern(stamp, index));
        }
    }

    /// The index of the first of the `bytes` bytes from an offset on that differs from
    /// the pattern.
    #[must_use]
    pub fn differs_from_pattern(&self, offset: u32, bytes: u32, stamp: u32) -> Option<u32> {
        (0..bytes).find(|&index| self.read(offset + index) != Some(pattern(stamp, index)))
    }

    /// The offset of the first byte past the heap's memory that was written to.
    #[must_use]
    pub fn written_beyond(&self) -> Option<u32> {
        (self.bytes()..self.limit).find(|&offset| {
            // SAFETY: the region has that byte; otherwise as in `read`.
            unsafe { self.base.add(offset as usize).read_volatile() != POISON }
        })
    }
}

impl HeapMemory for &'static Arena {
    fn grow(&mut self, bytes: u32) -> Option<u32> {
        let grown = match self.odd_answer() {
            None => bytes.checked_next_multiple_of(PAGE_SIZE)?,
            Some(number) => bytes.checked_next_multiple_of(HEAP_ALIGN)?.checked_add(number % 5 * HEAP_ALIGN)?,
        };
        let sum = self.bytes().checked_add(grown)?;
        if self.refusing.load(Ordering::Relaxed) || sum > self.limit {
            return None;
        }
        self.bytes.store(sum, Ordering::Relaxed);
        self.most.store(self.most_bytes().max(sum), Ordering::Relaxed);
        self.times_grown.store(self.times_grown() + 1, Ordering::Relaxed);
        Some(grown)
    }

    fn shrink(&mut self, bytes: u32) -> u32 {
        let bytes = bytes.min(self.bytes());
        let shrunk = match self.odd_answer() {
            None => bytes / PAGE_SIZE * PAGE_SIZE,
            Some(number) => bytes / HEAP_ALIGN / 2 * (number % 3) * HEAP_ALIGN,
        };
        let left = self.bytes() - shrunk;
        self.bytes.store(left, Ordering::Relaxed);
        // SAFETY: the region has those bytes, and from now on they are nobody's.
        unsafe { self.base.add(left as usize).write_bytes(POISON, shrunk as usize) };
        shrunk
    }
}
