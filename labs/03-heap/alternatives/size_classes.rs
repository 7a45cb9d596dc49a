//! An alternative: a list of free blocks for each power of two.
//!
//! Every block, used or free, has its size and its state at both ends, in a
//! header and in a footer. So a freed block finds its neighbours' states at once,
//! and a program that writes past the end of a block destroys that
//! block's own footer. A used block loses eight bytes in this way, twice as many as
//! with a header alone.
//!
//! Free blocks are in lists by the power of two below their size, each list in both
//! directions. To find room, go through the list of the request's own class, then
//! through those above it.

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, DamageKind, HEAP_ALIGN, HEAP_ALIGN_MAX, HEAP_MAX, HEAP_SLACK, HeapDamage, HeapMemory,
    HeapSummary, KernelHeap, ReallocError,
};

use region::Region;

/// Bytes in a word: a header, a footer, a link.
const WORD: u32 = 4;

/// The bytes that a used block loses: its header and its footer.
const OVERHEAD: u32 = 2 * WORD;

/// The smallest block: a free one has two links, too.
const MIN_BLOCK: u32 = OVERHEAD + 2 * WORD;

/// The offset of the first block's header. The word before it looks like the footer
/// of a used block.
const FIRST: u32 = HEAP_ALIGN - WORD;

/// From a free block's header to its links.
const NEXT: u32 = WORD;
const PREV: u32 = 2 * WORD;

/// Header and footer: the block is used.
const USED: u32 = 1;

/// Header and footer: the bits of the block's size.
const SIZE: u32 = HEAP_MAX - HEAP_ALIGN;

/// Header and footer: the bits of the check sum.
const SUM: u32 = !(HEAP_MAX - 1);

/// How many classes there are: one for each power of two of a size.
const CLASSES: usize = HEAP_MAX.ilog2() as usize;

/// How large a block is for this many bytes; `None` if no block is that large.
fn block_size(bytes: usize) -> Option<u32> {
    if bytes > (SIZE - OVERHEAD) as usize {
        return None;
    }
    Some((bytes as u32 + OVERHEAD).next_multiple_of(HEAP_ALIGN).max(MIN_BLOCK))
}

/// A header or footer with its check sum, in the six bits that no size needs.
fn seal(at: u32, tag: u32) -> u32 {
    tag | ((tag ^ at).wrapping_mul(0x9E37_79B1) & SUM)
}

/// A block, as its header describes it.
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

    fn class(self) -> usize {
        self.size.ilog2() as usize
    }
}

/// The heap's memory, word by word: the one place with unsafe code.
mod region {
    use core::ptr::NonNull;

    use super::WORD;

    /// The bytes from which the heap cuts its blocks.
    pub struct Region {
        /// The first byte. Every pointer into the region is derived from this one,
        /// so that it may be used for the whole region.
        base: NonNull<u8>,
        /// The offset of the last word.
        last: u32,
    }

    impl Region {
        /// The region of `bytes` bytes from `base` on.
        ///
        /// # Safety
        /// As long as the `Region` is used, those bytes may be read and written
        /// through `base`. Nobody else reads or writes them, except in blocks that were
        /// handed out. `base` and `bytes` are multiples of eight, and `bytes` is not 0.
        pub unsafe fn new(base: NonNull<u8>, bytes: u32) -> Self {
            Self { base, last: bytes - WORD }
        }

        /// Sets the number of bytes, after the memory has grown or shrunk.
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
            // SAFETY: `word` has shown that there is such a word, and it is aligned to four.
            unsafe { self.word(at).read() }
        }

        /// Writes the word at the offset `at`.
        #[inline(always)]
        pub fn write(&mut self, at: u32, word: u32) {
            // SAFETY: as in `read`.
            unsafe { self.word(at).write(word) }
        }

        /// The address of the word at the offset `at`.
        ///
        /// There is such a word: the heap takes its offsets from headers, links and
        /// slots, which lie within the region, and which nobody else writes to: the users
        /// of blocks have promised that (see `KernelHeap`). A kernel with debug assertions
        /// verifies it, and so do the tests.
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
        /// can be one at that address. The memory there is not read.
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
            // SAFETY: both places are in the region, as the assertions above have shown.
            unsafe { self.base.add(from as usize).copy_to(self.base.add(to as usize), bytes as usize) }
        }

        /// Makes bytes zero.
        ///
        /// # Panics
        /// If they are not in the region.
        pub fn zero(&mut self, at: u32, bytes: u32) {
            assert!(bytes <= self.last && at <= self.last - bytes);
            // SAFETY: the bytes are in the region, as the assertion above has shown.
            unsafe { self.base.add(at as usize).write_bytes(0, bytes as usize) }
        }
    }
}

/// The kernel's heap.
pub struct Heap<'m> {
    region: Region,
    /// The first free block of each class, or 0.
    heads: [u32; CLASSES],
    memory: &'m mut dyn HeapMemory,
}

// SAFETY: the region is the heap's alone, whichever thread has the heap, and the caller
// of `new` promises that `memory` may be used there, too.
unsafe impl Send for Heap<'_> {}

impl<'m> Heap<'m> {
    /// A heap over `memory`, whose region begins at `base`. It lets the memory grow
    /// once.
    ///
    /// # Safety
    /// - `memory` has not grown yet, and only this heap makes it grow and shrink.
    /// - `base` is the region's first byte, aligned to a page. The bytes by which
    ///   `memory` has grown, and has not shrunk again, may be read and written through
    ///   `base`, and are this heap's alone.
    /// - The heap is [`Send`]: `memory` may be used by any thread that the heap moves to.
    ///
    /// # Errors
    /// [`AllocError::OutOfMemory`] if the memory does not grow.
    pub unsafe fn new(base: NonNull<u8>, memory: &'m mut dyn HeapMemory) -> Result<Self, AllocError> {
        let bytes = memory.grow(FIRST + MIN_BLOCK + WORD).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: the memory has grown by `bytes`; the caller promises the rest.
        let region = unsafe { Region::new(base, bytes) };
        let mut heap = Self { region, heads: [0; CLASSES], memory };
        let end = heap.region.last();
        heap.set_tag(FIRST - WORD, USED);
        heap.set_tag(end, USED);
        heap.insert(FIRST, end - FIRST);
        Ok(heap)
    }

    /// The size and the flag in the header or footer at `at`, if that is a sound one.
    fn tag(&self, at: u32) -> Option<(u32, bool)> {
        let word = self.region.read(at);
        let tag = word & (SIZE | USED);
        if word == seal(at, tag) { Some((tag & SIZE, tag & USED != 0)) } else { None }
    }

    fn set_tag(&mut self, at: u32, tag: u32) {
        self.region.write(at, seal(at, tag));
    }

    /// The block whose header lies at `at`, if it is sound at both ends.
    fn open(&self, at: u32) -> Option<Block> {
        let (size, used) = self.tag(at)?;
        let block = Block { at, size, used };
        let sound = if at == self.region.last() {
            size == 0 && used
        } else {
            size >= MIN_BLOCK && block.end() <= self.region.last() && self.tag(block.end() - WORD)? == (size, used)
        };
        if sound { Some(block) } else { None }
    }

    /// Writes a block's header and footer.
    fn mark(&mut self, at: u32, size: u32, used: u32) {
        self.set_tag(at, size | used);
        self.set_tag(at + size - WORD, size | used);
    }

    /// Makes a free block, and puts it into its list.
    fn insert(&mut self, at: u32, size: u32) {
        self.mark(at, size, 0);
        let class = Block { at, size, used: false }.class();
        let next = self.heads[class];
        self.region.write(at + NEXT, next);
        self.region.write(at + PREV, 0);
        if next != 0 {
            self.region.write(next + PREV, at);
        }
        self.heads[class] = at;
    }

    /// Takes a free block out of its list.
    fn remove(&mut self, block: Block) {
        let (next, prev) = (self.region.read(block.at + NEXT), self.region.read(block.at + PREV));
        if next != 0 {
            self.region.write(next + PREV, prev);
        }
        if prev != 0 {
            self.region.write(prev + NEXT, next);
        } else {
            self.heads[block.class()] = next;
        }
    }

    /// The free block that ends at `end`, if there is one.
    fn free_before(&self, end: u32) -> Option<Block> {
        match self.tag(end - WORD)? {
            (size, false) => self.open(end - size),
            _ => None,
        }
    }

    /// The free block that begins at `at`, if there is one.
    fn free_at(&self, at: u32) -> Option<Block> {
        self.open(at).filter(|block| !block.used)
    }

    /// The offset in a free block at which an aligned one of `need` bytes fits.
    fn aligned_place(free: Block, need: u32, align: u32) -> Option<u32> {
        let mut at = (free.at + WORD).next_multiple_of(align) - WORD;
        if at != free.at && at - free.at < MIN_BLOCK {
            at += align;
        }
        if at + need <= free.end() { Some(at) } else { None }
    }

    /// The first free block with room for an aligned one of `need` bytes, and the offset in it.
    fn find(&self, need: u32, align: u32) -> Option<(Block, u32)> {
        for class in need.ilog2() as usize..CLASSES {
            let mut free = self.heads[class];
            while free != 0 {
                let block = self.open(free)?;
                if let Some(at) = Self::aligned_place(block, need, align) {
                    return Some((block, at));
                }
                free = self.region.read(free + NEXT);
            }
        }
        None
    }

    /// Hands out an aligned block of `need` bytes from the memory as it is.
    fn place(&mut self, need: u32, align: u32) -> Option<u32> {
        let (block, at) = self.find(need, align)?;
        self.remove(block);
        if at != block.at {
            self.insert(block.at, at - block.at);
        }
        self.settle(at, need, block.end());
        Some(at)
    }

    /// Makes the bytes from `at` to `end` a used block of `need` bytes, and a free
    /// block of the rest if that is large enough.
    fn settle(&mut self, at: u32, need: u32, end: u32) {
        if end - at - need >= MIN_BLOCK {
            self.mark(at, need, USED);
            self.insert(at + need, end - at - need);
        } else {
            self.mark(at, end - at, USED);
        }
    }

    /// Makes a used block free, and merges it with the free memory beside it.
    fn release(&mut self, block: Block) -> Result<(), BlockError> {
        let before = self.tag(block.at - WORD).ok_or(BlockError::Damaged)?;
        self.tag(block.end()).ok_or(BlockError::Damaged)?;
        let (mut at, mut end) = (block.at, block.end());
        // Also inside a merged block, so that a second free finds it free.
        self.mark(block.at, block.size, 0);
        if let Some(next) = self.free_at(end) {
            self.remove(next);
            end = next.end();
        }
        if let (false, Some(prev)) = (before.1, self.free_before(at)) {
            self.remove(prev);
            at = prev.at;
        }
        let mut size = end - at;
        if end == self.region.last() && size > HEAP_SLACK {
            let bytes = self.memory.shrink(size - HEAP_SLACK);
            // SAFETY: the memory has shrunk by this much.
            unsafe { self.region.set_bytes(self.region.bytes() - bytes) };
            self.set_tag(self.region.last(), USED);
            size -= bytes;
        }
        self.insert(at, size);
        Ok(())
    }

    /// Lets the memory grow by enough for `need` bytes at its end.
    fn grow(&mut self, need: u32) -> Result<(), AllocError> {
        let end = self.region.last();
        let tail = self.free_before(end);
        let missing = need.saturating_sub(tail.map_or(0, |tail| tail.size)).max(MIN_BLOCK);
        let bytes = self.memory.grow(missing).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: the memory has grown by this much.
        unsafe { self.region.set_bytes(self.region.bytes() + bytes) };
        self.set_tag(self.region.last(), USED);
        if let Some(tail) = tail {
            self.remove(tail);
        }
        let at = tail.map_or(end, |tail| tail.at);
        self.insert(at, self.region.last() - at);
        Ok(())
    }

    /// Makes a block shorter, or longer into the free block behind it. Returns whether
    /// that was possible.
    fn resize(&mut self, old: Block, need: u32, align: u32) -> bool {
        if need > old.size {
            let next_end = self.free_at(old.end()).map_or(old.end(), Block::end);
            let too_little = next_end == self.region.last() && next_end - old.at < need;
            // If there is no other place, the missing bytes come from new memory.
            if too_little && self.find(need, align).is_none() && self.grow(need - old.size).is_err() {
                return false;
            }
        }
        let next = self.free_at(old.end());
        let end = next.map_or(old.end(), Block::end);
        if end - old.at < need {
            return false;
        }
        if let Some(next) = next {
            self.remove(next);
        }
        self.settle(old.at, need, end);
        true
    }

    /// The used block whose first byte `pointer` points to.
    fn used_block(&self, pointer: NonNull<u8>) -> Result<Block, BlockError> {
        if !self.region.contains(pointer) {
            return Err(BlockError::Foreign);
        }
        let wanted = self.region.header_of(pointer).unwrap_or(0);
        if wanted != 0
            && let Some(block) = self.open(wanted).filter(|block| block.used && block.size != 0)
        {
            return Ok(block);
        }
        // The pointer is wrong: go from block to block to find out how.
        let mut at = FIRST;
        while at < self.region.last() {
            let block = self.open(at).ok_or(BlockError::Damaged)?;
            if pointer.addr() < self.region.pointer(block.end()).addr() {
                return Err(if block.used { BlockError::NotABlock } else { BlockError::AlreadyFree });
            }
            at = block.end();
        }
        Err(BlockError::NotABlock)
    }

    /// How many blocks the lists have; `None` if the lists are damaged.
    fn listed(&self) -> Option<u32> {
        let mut count = 0;
        for (class, &head) in self.heads.iter().enumerate() {
            let (mut at, mut prev) = (head, 0);
            while at != 0 {
                if at >= self.region.last() || at % HEAP_ALIGN != FIRST || count > self.region.bytes() / MIN_BLOCK {
                    return None;
                }
                let block = self.free_at(at)?;
                if block.class() != class || self.region.read(at + PREV) != prev {
                    return None;
                }
                count += 1;
                (prev, at) = (at, self.region.read(at + NEXT));
            }
        }
        Some(count)
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
        self.release(block)
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let old = self.used_block(block)?;
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment.into());
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let align = (layout.align() as u32).max(HEAP_ALIGN);
        if block.addr().get().is_multiple_of(layout.align()) && self.resize(old, need, align) {
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
        let (mut at, mut prev_used) = (FIRST, true);
        if self.tag(FIRST - WORD).is_none() {
            return Err(HeapDamage { kind: DamageKind::Header, offset: FIRST - WORD });
        }
        while at < self.region.last() {
            let Some(block) = self.open(at) else { return Err(HeapDamage { kind: DamageKind::Header, offset: at }) };
            if block.used {
                seen.used_blocks += 1;
            } else {
                if !prev_used {
                    return Err(HeapDamage { kind: DamageKind::NotMerged, offset: at });
                }
                seen.free_blocks += 1;
                seen.free_bytes += block.size;
                seen.largest_free = seen.largest_free.max(block.size);
            }
            (at, prev_used) = (block.end(), block.used);
        }
        if self.open(at).is_none() {
            return Err(HeapDamage { kind: DamageKind::Header, offset: at });
        }
        match self.listed() {
            Some(count) if count == seen.free_blocks => Ok(seen),
            _ => Err(HeapDamage { kind: DamageKind::FreeList, offset: 0 }),
        }
    }
}
