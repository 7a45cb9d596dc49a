//! An alternative: one list of the free blocks, in the order of their addresses.
//!
//! This is how the heap of Kernighan and Ritchie works (The C Programming Language,
//! section 8.7). A used block has a header and nothing else; a free one also has a
//! link to the next free one. To find room, go through the list, and take the first
//! block that is large enough. To take a block back, go through the list to where
//! it belongs: what is free before and behind it stands there. So no block needs to
//! say anything about its neighbours, and every call may go through the whole list.

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, DamageKind, HEAP_ALIGN, HEAP_ALIGN_MAX, HEAP_MAX, HEAP_SLACK, HeapDamage, HeapMemory,
    HeapSummary, KernelHeap, ReallocError,
};

use region::Region;

/// Bytes in a word: a header, or a link.
const WORD: u32 = 4;

/// What a used block loses: its header.
const OVERHEAD: u32 = WORD;

/// The smallest block: a free one has a header and a link.
const MIN_BLOCK: u32 = 2 * WORD;

/// The offset of the first block's header. The word before it is the list's head.
const FIRST: u32 = HEAP_ALIGN - WORD;

/// The offset of the list's head: as if it were the link of a free block.
const HEAD: u32 = 0;

/// Header: the block is used.
const USED: u32 = 1;

/// Header: the bits of the block's size.
const SIZE: u32 = HEAP_MAX - HEAP_ALIGN;

/// Header: the bits of its check sum.
const SUM: u32 = !(HEAP_MAX - 1);

/// How large a block is for this many bytes, or `None` if none is that large.
fn block_size(bytes: usize) -> Option<u32> {
    if bytes > (HEAP_MAX / 2) as usize {
        return None;
    }
    Some((bytes as u32 + OVERHEAD).next_multiple_of(HEAP_ALIGN).max(MIN_BLOCK))
}

/// A header with its check sum, in the six bits that no size needs.
fn seal(at: u32, header: u32) -> u32 {
    header | ((header ^ at).wrapping_mul(0x9E37_79B1) & SUM)
}

/// A block, as its header tells it.
#[derive(Clone, Copy)]
struct Block {
    at: u32,
    size: u32,
    used: bool,
}

impl Block {
    fn end(self) -> u32 {
        self.at + self.size
    }
}

/// The heap's memory, word by word: the one place with unsafe code.
mod region {
    use core::ptr::NonNull;

    use super::WORD;

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

        /// Where the word at the offset `at` lies.
        ///
        /// There is such a word: the heap has its offsets from headers, links and
        /// slots, which lie within the region, and which nobody else writes to. For
        /// that is what those who use blocks have promised (see `KernelHeap`). A
        /// kernel with debug assertions looks, and so do the tests.
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
            let at = block.addr().get().wrapping_sub(self.base.addr().get()).wrapping_sub(WORD as usize);
            if at < self.last as usize && at % 8 == WORD as usize { Some(at as u32) } else { None }
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
}

/// The kernel's heap.
pub struct Heap<'m> {
    region: Region,
    memory: &'m mut dyn HeapMemory,
}

// SAFETY: the region is the heap's alone, wherever the heap is moved to, and whoever
// builds one vouches for `memory` (see `new`).
unsafe impl Send for Heap<'_> {}

impl<'m> Heap<'m> {
    /// A heap over `memory`, whose region begins at `base`. It takes the first
    /// of its memory at once.
    ///
    /// # Safety
    /// - `memory` has not grown yet, and is told to grow and shrink by this heap only.
    /// - `base` is the region's first byte, aligned to a page. The bytes by which
    ///   `memory` has grown, and has not shrunk again, may be read and written through
    ///   `base`, and are this heap's alone.
    /// - The heap is [`Send`]: `memory` may be used wherever the heap is moved to.
    ///
    /// # Errors
    /// [`AllocError::OutOfMemory`] if the memory does not grow.
    pub unsafe fn new(base: NonNull<u8>, memory: &'m mut dyn HeapMemory) -> Result<Self, AllocError> {
        let bytes = memory.grow(FIRST + MIN_BLOCK + WORD).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: `bytes` is what the memory has grown by; the rest is what the caller promises.
        let region = unsafe { Region::new(base, bytes) };
        let mut heap = Self { region, memory };
        let end = heap.region.last();
        heap.set_header(end, USED);
        heap.set_header(FIRST, end - FIRST);
        heap.region.write(HEAD, FIRST);
        heap.region.write(FIRST + WORD, 0);
        Ok(heap)
    }

    /// The block whose header lies at `at`, if that is a sound one. The end is a
    /// used block of size 0.
    fn open(&self, at: u32) -> Option<Block> {
        let word = self.region.read(at);
        let header = word & (SIZE | USED);
        let block = Block { at, size: header & SIZE, used: header & USED != 0 };
        let end = at == self.region.last();
        let fits = if end { header == USED } else { block.size >= MIN_BLOCK && block.end() <= self.region.last() };
        if word == seal(at, header) && fits { Some(block) } else { None }
    }

    fn set_header(&mut self, at: u32, header: u32) {
        self.region.write(at, seal(at, header));
    }

    /// Where the first free block at or behind `at` is linked from, and that block;
    /// of size 0 if there is none.
    fn seek(&self, at: u32) -> (u32, Option<Block>) {
        let mut link = HEAD;
        loop {
            let next = self.region.read(link);
            if next == 0 || next >= at {
                return (link, if next == 0 { None } else { self.open(next) });
            }
            link = next + WORD;
        }
    }

    /// Hands out an aligned block of `need` bytes from the memory that there is:
    /// from the first free block with room for it.
    fn place(&mut self, need: u32, align: u32) -> Option<u32> {
        let mut link = HEAD;
        loop {
            let free = self.open(match self.region.read(link) {
                0 => return None,
                at => at,
            })?;
            // What is left in front is nothing or a block: every multiple of eight is.
            let at = (free.at + WORD).next_multiple_of(align) - WORD;
            if at + need <= free.end() {
                let after = self.region.read(free.at + WORD);
                let rest = free.end() - at - need;
                if at != free.at {
                    self.set_header(free.at, at - free.at);
                    link = free.at + WORD;
                }
                if rest != 0 {
                    self.set_header(at + need, rest);
                    self.region.write(at + need + WORD, after);
                    self.region.write(link, at + need);
                } else {
                    self.region.write(link, after);
                }
                self.set_header(at, need | USED);
                return Some(at);
            }
            link = free.at + WORD;
        }
    }

    /// Makes a used block free, and merges it with the free memory beside it.
    fn release(&mut self, block: Block) {
        let (link, next) = self.seek(block.at);
        let (mut at, mut end, mut after) = (block.at, block.end(), self.region.read(link));
        if let Some(next) = next.filter(|next| next.at == end) {
            end = next.end();
            after = self.region.read(next.at + WORD);
        }
        // Also where it is merged: so that a second free finds it free.
        self.set_header(block.at, block.size);
        if link != HEAD && self.open(link - WORD).is_some_and(|prev| prev.end() == block.at) {
            at = link - WORD;
        } else {
            self.region.write(link, at);
        }
        self.set_header(at, end - at);
        self.region.write(at + WORD, after);
    }

    /// Grows by enough for `need` bytes at the end.
    fn grow(&mut self, need: u32) -> Result<(), AllocError> {
        let end = self.region.last();
        let tail = self.last_free().map_or(0, |block| block.size);
        let bytes = self.memory.grow(need - tail.min(need - HEAP_ALIGN)).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: this is by how much the memory has grown.
        unsafe { self.region.set_bytes(self.region.bytes() + bytes) };
        self.set_header(self.region.last(), USED);
        self.set_header(end, bytes | USED);
        self.release(Block { at: end, size: bytes, used: true });
        Ok(())
    }

    /// The block before the end, if it is free.
    fn last_free(&self) -> Option<Block> {
        let (link, _) = self.seek(self.region.last());
        let last = if link == HEAD { None } else { self.open(link - WORD) };
        last.filter(|last| last.end() == self.region.last())
    }

    /// Gives back what is free at the end and too much.
    fn give_back(&mut self) {
        let Some(last) = self.last_free().filter(|last| last.size > HEAP_SLACK) else { return };
        let bytes = self.memory.shrink(last.size - HEAP_SLACK);
        // SAFETY: this is by how much the memory has shrunk.
        unsafe { self.region.set_bytes(self.region.bytes() - bytes) };
        self.set_header(self.region.last(), USED);
        self.set_header(last.at, last.size - bytes);
    }

    /// Makes a block shorter, or longer into free memory behind it. Returns whether
    /// that was possible.
    fn resize(&mut self, old: Block, need: u32) -> bool {
        let mut end = old.end();
        if need > old.size {
            if self.last_free().map_or(self.region.last(), |last| last.at) == end && self.region.last() - old.at < need
            {
                // There is nothing behind it but the end: what is missing can be had.
                if self.grow(need - old.size).is_err() {
                    return false;
                }
            }
            let (link, next) = self.seek(end);
            let Some(next) = next.filter(|next| next.at == end && next.end() - old.at >= need) else { return false };
            let after = self.region.read(next.at + WORD);
            self.region.write(link, after);
            end = next.end();
        }
        self.set_header(old.at, need | USED);
        if end - old.at > need {
            let rest = Block { at: old.at + need, size: end - old.at - need, used: true };
            self.release(rest);
        }
        true
    }

    /// The used block that begins where the pointer points, with sound neighbours.
    fn used_block(&self, pointer: NonNull<u8>) -> Result<Block, BlockError> {
        if !self.region.contains(pointer) {
            return Err(BlockError::Foreign);
        }
        let wanted = self.region.header_of(pointer).unwrap_or(0);
        let mut at = FIRST;
        while at < self.region.last() {
            let block = self.open(at).ok_or(BlockError::Damaged)?;
            if pointer.addr() < self.region.pointer(block.end()).addr() {
                return match block.used {
                    false => Err(BlockError::AlreadyFree),
                    true if at != wanted => Err(BlockError::NotABlock),
                    true => self.open(block.end()).map(|_| block).ok_or(BlockError::Damaged),
                };
            }
            at = block.end();
        }
        Err(BlockError::NotABlock)
    }
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment);
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let align = (layout.align() as u32).max(HEAP_ALIGN);
        if let Some(at) = self.place(need, align) {
            return Ok(self.region.pointer(at + WORD));
        }
        self.grow(need + align + MIN_BLOCK)?;
        let at = self.place(need, align).ok_or(AllocError::Damaged)?;
        Ok(self.region.pointer(at + WORD))
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.allocate(layout)?;
        if let Some(header) = self.region.header_of(block) {
            self.region.zero(header + WORD, layout.size() as u32);
        }
        Ok(block)
    }

    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError> {
        let bytes = count.checked_mul(size).ok_or(AllocError::OutOfMemory)?;
        let layout = Layout::from_size_align(bytes as usize, HEAP_ALIGN as usize);
        self.allocate_zeroed(layout.map_err(|_| AllocError::OutOfMemory)?)
    }

    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        let block = self.used_block(block)?;
        self.release(block);
        self.give_back();
        Ok(())
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let old = self.used_block(block)?;
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment.into());
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        if block.addr().get().is_multiple_of(layout.align()) && self.resize(old, need) {
            return Ok(block);
        }
        let new = self.allocate(layout)?;
        if let Some(to) = self.region.header_of(new) {
            self.region.copy(old.at + WORD, to + WORD, old.size.min(need) - OVERHEAD);
        }
        self.free(block)?;
        Ok(new)
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        Ok(self.used_block(block)?.size - OVERHEAD)
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        let mut seen = HeapSummary { bytes: self.region.bytes(), ..HeapSummary::default() };
        let (mut at, mut listed, mut prev_free) = (FIRST, self.region.read(HEAD), false);
        loop {
            let damage = |kind| Err(HeapDamage { kind, offset: at });
            let Some(block) = self.open(at) else { return damage(DamageKind::Header) };
            if at == self.region.last() {
                return if listed == 0 { Ok(seen) } else { damage(DamageKind::FreeList) };
            }
            if block.used {
                seen.used_blocks += 1;
            } else {
                if prev_free {
                    return damage(DamageKind::NotMerged);
                }
                if listed != at {
                    return damage(DamageKind::FreeList);
                }
                listed = self.region.read(at + WORD);
                seen.free_blocks += 1;
                seen.free_bytes += block.size;
                seen.largest_free = seen.largest_free.max(block.size);
            }
            (at, prev_free) = (block.end(), !block.used);
        }
    }
}
