//! The champion's memory, word by word: the only file with unsafe code, but for the calls that
//! tell the region how long it is.
//!
//! Here the champion gives up a safety net that the reference has: it compares an offset with
//! the region's end only in builds with debug assertions, such as the graded kernel and tests.
//! A build without them trusts the heap's own offsets.

use core::ptr::NonNull;

/// Bytes in a word: a header, a link, a back link, a size.
pub const WORD: u32 = 4;

/// The region.
pub struct Region {
    /// The first byte. Every pointer into the region is made from this one,
    /// so that it may be used for the whole of it.
    base: NonNull<u8>,
    /// The offset of the last word.
    last: u32,
}

impl Region {
    /// The region of `bytes` bytes from `base` on.
    ///
    /// # Safety
    /// As long as the `Region` is used, those bytes may be read and written
    /// through `base`, and nobody else does that, but in blocks that were
    /// handed out. `base` and `bytes` are multiples of eight, and `bytes` is not 0.
    pub unsafe fn new(base: NonNull<u8>, bytes: u32) -> Self {
        Self { base, last: bytes - WORD }
    }

    /// Tells the region that it has grown or shrunk.
    ///
    /// # Safety
    /// As for [`new`](Self::new), with the new number of bytes.
    pub unsafe fn set_bytes(&mut self, bytes: u32) {
        self.last = bytes - WORD;
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> u32 {
        self.last + WORD
    }

    /// The offset of the last word.
    #[inline(always)]
    pub fn last(&self) -> u32 {
        self.last
    }

    /// The word at the offset `at`.
    #[inline(always)]
    pub fn read(&self, at: u32) -> u32 {
        // SAFETY: `word` says that there is such a word, and it is aligned to four.
        unsafe { self.word(at).read() }
    }

    /// Writes the word at the offset `at`.
    #[inline(always)]
    pub fn write(&mut self, at: u32, word: u32) {
        // SAFETY: as in `read`.
        unsafe { self.word(at).write(word) }
    }

    /// The word at the offset `at` and the one behind it.
    #[inline(always)]
    pub fn read_pair(&self, at: u32) -> [u32; 2] {
        // SAFETY: as in `read`, and `pair` has seen the second word.
        unsafe { self.pair(at).read() }
    }

    /// Writes the word at the offset `at` and the one behind it.
    #[inline(always)]
    pub fn write_pair(&mut self, at: u32, words: [u32; 2]) {
        // SAFETY: as in `read_pair`.
        unsafe { self.pair(at).write(words) }
    }

    /// Where the word at the offset `at` and the one behind it lie; otherwise as [`word`](Self::word).
    #[inline(always)]
    fn pair(&self, at: u32) -> NonNull<[u32; 2]> {
        debug_assert!(at < self.last && at.is_multiple_of(WORD), "freed memory was written to");
        // SAFETY: `at` is less than `last`, so both words are within the region.
        unsafe { self.base.add(at as usize).cast() }
    }

    /// Where the word at the offset `at` lies.
    ///
    /// There is such a word: the heap has its offsets from headers, links and
    /// slots, which lie within the region and which only the heap writes to. The
    /// users of blocks have promised that (see `KernelHeap`). A kernel with debug
    /// assertions verifies the offset, and so do the tests.
    #[inline(always)]
    fn word(&self, at: u32) -> NonNull<u32> {
        debug_assert!(at <= self.last && at.is_multiple_of(WORD), "freed memory was written to");
        // SAFETY: `at` is at most `last`, so this is within the region.
        unsafe { self.base.add(at as usize).cast() }
    }

    /// A pointer to the byte at the offset `at`.
    #[inline(always)]
    pub fn pointer(&self, at: u32) -> NonNull<u8> {
        self.word(at).cast()
    }

    /// The offset of the header of the block that begins at `block`, if there
    /// can be one at that address. What the pointer points to is not looked at.
    #[inline(always)]
    pub fn header_of(&self, block: NonNull<u8>) -> Option<u32> {
        let offset = block.addr().get().wrapping_sub(self.base.addr().get());
        let at = offset.wrapping_sub(WORD as usize);
        if offset.is_multiple_of(8) && at < self.last as usize { Some(at as u32) } else { None }
    }

    /// Whether the pointer points into the region.
    pub fn contains(&self, pointer: NonNull<u8>) -> bool {
        pointer.addr().get().wrapping_sub(self.base.addr().get()) < self.bytes() as usize
    }

    /// Copies bytes to another place, which may overlap the first.
    ///
    /// # Panics
    /// If one of the places is not in the region.
    pub fn copy(&mut self, from: u32, to: u32, bytes: u32) {
        assert!(bytes <= self.last && from.max(to) <= self.last - bytes);
        // SAFETY: both places are in the region, as was just seen.
        unsafe { self.base.add(from as usize).copy_to(self.base.add(to as usize), bytes as usize) }
    }

    /// Makes bytes zero.
    ///
    /// # Panics
    /// If they are not in the region.
    pub fn zero(&mut self, at: u32, bytes: u32) {
        assert!(bytes <= self.last && at <= self.last - bytes);
        // SAFETY: the bytes are in the region, as was just seen.
        unsafe { self.base.add(at as usize).write_bytes(0, bytes as usize) }
    }
}
