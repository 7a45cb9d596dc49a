//! The heap's memory, word by word: the only file with unsafe code, but for the
//! signature of `Heap::new`.
//!
//! Every place is an *offset*: bytes from the region's first byte. In every build,
//! every access is compared with the region's end: no offset, however wrong, leads
//! out of the region.

use core::ptr::NonNull;

use mm_api::HeapMemory;

/// Bytes in a word: a header, a link, a size.
pub const WORD: u32 = 4;

/// The region.
pub struct Region<'m> {
    /// The first byte. Every pointer into the region is made from this one, so that
    /// it may be used for the whole of it.
    base: NonNull<u8>,
    /// The region's size: the bytes by which the memory has grown, less those by which it has shrunk.
    bytes: u32,
    memory: &'m mut dyn HeapMemory,
}

// SAFETY: the bytes are the region's alone, wherever it is moved to, and whoever builds
// one vouches for `memory` (see `Heap::new`).
unsafe impl Send for Region<'_> {}

impl<'m> Region<'m> {
    /// The region that begins at `base`, of at least `bytes` bytes; `None` if the memory
    /// does not grow.
    ///
    /// # Safety
    /// What [`Heap::new`](super::Heap::new) asks for. Nobody but the region touches its
    /// bytes, but in blocks that were handed out.
    pub unsafe fn new(base: NonNull<u8>, memory: &'m mut dyn HeapMemory, bytes: u32) -> Option<Self> {
        Some(Self { base, bytes: memory.grow(bytes)?, memory })
    }

    /// Makes the region at least `bytes` longer; `None`, and nothing has changed, if there
    /// is not that much memory. What is new contains anything.
    pub fn grow(&mut self, bytes: u32) -> Option<()> {
        self.bytes += self.memory.grow(bytes)?;
        Some(())
    }

    /// Makes the region at most `bytes` shorter.
    pub fn shrink(&mut self, bytes: u32) {
        self.bytes -= self.memory.shrink(bytes);
    }

    /// The offset of the last word.
    pub fn last(&self) -> u32 {
        self.bytes - WORD
    }

    /// The word at the offset `at`; `None` if it is not in the region.
    pub fn get(&self, at: u32) -> Option<u32> {
        if at <= self.last() { Some(self.read(at)) } else { None }
    }

    /// The word at the offset `at`.
    ///
    /// # Panics
    /// If it is not in the region.
    pub fn read(&self, at: u32) -> u32 {
        // SAFETY: `bytes_at` says that all of the word is in the region.
        unsafe { self.bytes_at(at, WORD).cast::<u32>().read_unaligned() }
    }

    /// Writes the word at the offset `at`.
    ///
    /// # Panics
    /// If it is not in the region.
    pub fn write(&mut self, at: u32, word: u32) {
        // SAFETY: `bytes_at` says that all of the word is in the region.
        unsafe { self.bytes_at(at, WORD).cast::<u32>().write_unaligned(word) }
    }

    /// How far the pointer points into the region; `None` if it points elsewhere.
    /// What it points to is not looked at.
    pub fn offset_of(&self, pointer: NonNull<u8>) -> Option<u32> {
        let offset = pointer.addr().get().wrapping_sub(self.base.addr().get());
        if offset < self.bytes as usize { Some(offset as u32) } else { None }
    }

    /// Copies bytes to another place, which may overlap the first.
    ///
    /// # Panics
    /// If one of the places is not in the region.
    pub fn copy(&mut self, from: u32, to: u32, bytes: u32) {
        let (from, to) = (self.bytes_at(from, bytes), self.bytes_at(to, bytes));
        // SAFETY: `bytes_at` says that all of the bytes are in the region.
        unsafe { from.copy_to(to, bytes as usize) }
    }

    /// Makes bytes zero.
    ///
    /// # Panics
    /// If they are not in the region.
    pub fn zero(&mut self, at: u32, bytes: u32) {
        // SAFETY: `bytes_at` says that all of the bytes are in the region.
        unsafe { self.bytes_at(at, bytes).write_bytes(0, bytes as usize) }
    }

    /// A pointer to the `bytes` bytes from the offset `at` on.
    ///
    /// # Panics
    /// If they are not in the region.
    pub fn bytes_at(&self, at: u32, bytes: u32) -> NonNull<u8> {
        assert!(at <= self.bytes && bytes <= self.bytes - at, "no bytes of the heap's memory");
        // SAFETY: the offset is at most the region's length.
        unsafe { self.base.add(at as usize) }
    }
}
