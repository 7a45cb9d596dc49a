//! The heap's memory, word by word: read this file first, and use it. It is not yours to
//! edit, and nearly all of the lab's unsafe code is here.
//!
//! A [`Region`] is made from a pointer and a number of bytes, and from then on every place
//! is an *offset*: bytes from the region's first byte. Each method compares the offset with
//! the region's end before it touches memory, in every build: a wrong offset is a panic
//! that names your line, and never an access to somebody else's memory. What is left for
//! `unsafe` is to say how many bytes there are ([`Region::new`], [`Region::set_bytes`]).
//! Nobody can check that but you.
//!
//! Each `unsafe` block has a comment, `// SAFETY:`, which says why what it does is right.

use core::ptr::NonNull;

/// Bytes in a word: a header, a link, a size.
pub const WORD: u32 = 4;

/// The region.
pub struct Region {
    /// The first byte. Make every pointer into the region from this one: it may
    /// be used for the whole region, and a pointer made from a number may not.
    base: NonNull<u8>,
    /// How many bytes there are.
    bytes: u32,
}

impl Region {
    /// The region of `bytes` bytes from `base` on.
    ///
    /// # Safety
    /// As long as the `Region` is used, those bytes may be read and written
    /// through `base`, and nobody else does that, but in blocks that were
    /// handed out. `base` and `bytes` are multiples of eight, and `bytes` is not 0.
    pub unsafe fn new(base: NonNull<u8>, bytes: u32) -> Self {
        Self { base, bytes }
    }

    /// Tells the region that it has grown or shrunk.
    ///
    /// # Safety
    /// As for [`new`](Self::new), with the new number of bytes.
    pub unsafe fn set_bytes(&mut self, bytes: u32) {
        self.bytes = bytes;
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// The offset of the last word.
    pub fn last(&self) -> u32 {
        self.bytes - WORD
    }

    /// A pointer to the byte at the offset `at`.
    ///
    /// # Panics
    /// If it is not in the region.
    #[track_caller]
    pub fn pointer(&self, at: u32) -> NonNull<u8> {
        assert!(at < self.bytes, "no byte of the heap's memory");
        // SAFETY: the byte is in the region, as was just seen.
        unsafe { self.base.add(at as usize) }
    }

    /// The word at the offset `at`, a multiple of four.
    ///
    /// # Panics
    /// If it is not in the region.
    #[track_caller]
    pub fn read(&self, at: u32) -> u32 {
        // SAFETY: `word` says that there is such a word, and it is aligned to four.
        unsafe { self.word(at).read() }
    }

    /// Writes the word at the offset `at`, a multiple of four.
    ///
    /// # Panics
    /// If it is not in the region.
    #[track_caller]
    pub fn write(&mut self, at: u32, word: u32) {
        // SAFETY: as in `read`.
        unsafe { self.word(at).write(word) }
    }

    /// Where the word at the offset `at` lies. The region's length is a multiple of four, too, so
    /// all of it is in the region.
    #[track_caller]
    fn word(&self, at: u32) -> NonNull<u32> {
        assert!(at.is_multiple_of(WORD), "words lie at multiples of four");
        self.pointer(at).cast()
    }

    /// How far the pointer points into the region; `None` if it points elsewhere. What
    /// it points to is not looked at: it may be anything.
    pub fn offset_of(&self, pointer: NonNull<u8>) -> Option<u32> {
        let offset = pointer.addr().get().wrapping_sub(self.base.addr().get());
        if offset < self.bytes as usize { Some(offset as u32) } else { None }
    }

    /// Makes bytes zero.
    ///
    /// # Panics
    /// If they are not in the region.
    #[track_caller]
    pub fn zero(&mut self, at: u32, bytes: u32) {
        assert!(bytes <= self.bytes && at <= self.bytes - bytes, "no bytes of the heap's memory");
        // SAFETY: the bytes are in the region, as was just seen.
        unsafe { self.base.add(at as usize).write_bytes(0, bytes as usize) }
    }

    /// Copies bytes to another place, which may overlap the first.
    ///
    /// # Panics
    /// If both places are not in the region.
    #[track_caller]
    pub fn copy(&mut self, from: u32, to: u32, bytes: u32) {
        assert!(bytes <= self.bytes && from.max(to) <= self.bytes - bytes, "no bytes of the heap's memory");
        // SAFETY: both places are in the region, as was just seen.
        unsafe { self.base.add(from as usize).copy_to(self.base.add(to as usize), bytes as usize) }
    }
}
