//! An alternative: the design that the skeleton suggests, and nothing more.
//!
//! Each block begins with a header of four bytes, and a free block has its size at its end, too.
//! There are no lists: to find room, go from header to header and take the first free block that is
//! large enough. So every call may visit all blocks, and the memory itself is
//! the only record.
//!
//! It passes all checks but those on cost.

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, DamageKind, HEAP_ALIGN, HEAP_ALIGN_MAX, HEAP_MAX, HEAP_SLACK, HeapDamage, HeapMemory,
    HeapSummary, KernelHeap, ReallocError,
};

use region::Region;

/// Bytes in a word: a header, or the size at the end of a free block.
const WORD: u32 = 4;

/// The smallest block: a free one needs a header and a size at its end.
const MIN_BLOCK: u32 = 2 * WORD;

/// The offset of the first block's header.
const FIRST: u32 = HEAP_ALIGN - WORD;

/// Header: the block is used.
const USED: u32 = 1;

/// Header: the block before this one is used. There is none before the first
/// block; say that it is used, and nobody will look for it.
const PREV_USED: u32 = 2;

/// Header: the bits that hold the block's size, its header included.
const SIZE: u32 = HEAP_MAX - HEAP_ALIGN;

/// The heap's memory, word by word: the one place with unsafe code.
mod region {
    use core::ptr::NonNull;

    use super::WORD;

    /// The bytes from which the heap cuts its blocks.
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
        /// through `base`. Nobody else reads or writes them, except in blocks that were
        /// handed out. `base` and `bytes` are multiples of eight, and `bytes` is not 0.
        pub unsafe fn new(base: NonNull<u8>, bytes: u32) -> Self {
            Self { base, bytes }
        }

        /// Sets the number of bytes, after the memory has grown or shrunk.
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
        pub fn pointer(&self, at: u32) -> NonNull<u8> {
            assert!(at < self.bytes, "no byte of the heap's memory");
            // SAFETY: the byte is in the region, as the assertion above has shown.
            unsafe { self.base.add(at as usize) }
        }

        /// The word at the offset `at`, a multiple of four.
        pub fn read(&self, at: u32) -> u32 {
            // SAFETY: `word` has shown that there is such a word, and it is aligned to four.
            unsafe { self.word(at).read() }
        }

        /// Writes the word at the offset `at`, a multiple of four.
        pub fn write(&mut self, at: u32, word: u32) {
            // SAFETY: as in `read`.
            unsafe { self.word(at).write(word) }
        }

        /// The address of the word at the offset `at`. The region's length is a multiple of four, too, so
        /// all of the word is in the region.
        fn word(&self, at: u32) -> NonNull<u32> {
            assert!(at.is_multiple_of(WORD), "words lie at multiples of four");
            self.pointer(at).cast()
        }

        /// The offset that the pointer points to; `None` if it points outside the region. The memory
        /// there is not read: the pointer may be wrong.
        pub fn offset_of(&self, pointer: NonNull<u8>) -> Option<u32> {
            let offset = pointer.addr().get().wrapping_sub(self.base.addr().get());
            if offset < self.bytes as usize { Some(offset as u32) } else { None }
        }

        /// Makes bytes zero.
        pub fn zero(&mut self, at: u32, bytes: u32) {
            assert!(bytes <= self.bytes && at <= self.bytes - bytes, "no bytes of the heap's memory");
            // SAFETY: the bytes are in the region, as the assertion above has shown.
            unsafe { self.base.add(at as usize).write_bytes(0, bytes as usize) }
        }

        /// Copies bytes to another place, which may overlap the first.
        pub fn copy(&mut self, from: u32, to: u32, bytes: u32) {
            assert!(bytes <= self.bytes && from.max(to) <= self.bytes - bytes, "no bytes of the heap's memory");
            // SAFETY: both places are in the region, as the assertion above has shown.
            unsafe { self.base.add(from as usize).copy_to(self.base.add(to as usize), bytes as usize) }
        }
    }
}

/// A block, as its header describes it.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The offset of the header.
    at: u32,
    /// The block's bytes, with the header.
    size: u32,
    used: bool,
    prev_used: bool,
}

impl Block {
    /// The offset of the next block's header.
    fn end(self) -> u32 {
        self.at + self.size
    }
}

/// A header with its seal: a check sum, in the six bits that no size needs, of all other
/// bits and of `at`.
fn seal(at: u32, header: u32) -> u32 {
    header | ((header ^ at).wrapping_mul(0x9E37_79B1) & !(HEAP_MAX - 1))
}

/// How large a block is for this many bytes: with its header, rounded up. `None` if it would
/// be too large for a heap.
fn block_size(bytes: usize) -> Option<u32> {
    if bytes > (SIZE - WORD) as usize {
        return None;
    }
    Some((bytes as u32 + WORD).next_multiple_of(HEAP_ALIGN).max(MIN_BLOCK))
}

/// The offset, in the free block `free`, where the header of an aligned block of `need`
/// bytes can lie. The bytes in front of it are none, or enough for a block, as every
/// multiple of eight is. `None` if there is no such place.
fn aligned_place(free: Block, need: u32, align: u32) -> Option<u32> {
    let at = (free.at + WORD).next_multiple_of(align) - WORD;
    if at + need <= free.end() { Some(at) } else { None }
}

/// The kernel's heap.
pub struct Heap<'m> {
    region: Region,
    memory: &'m mut dyn HeapMemory,
}

// SAFETY: the region is the heap's alone, whichever thread has the heap, and the caller
// of `new` promises that `memory` may be used there, too.
unsafe impl Send for Heap<'_> {}

impl<'m> Heap<'m> {
    /// A heap over `memory`, whose region begins at `base`. It lets the memory grow
    /// once, and makes the new bytes one free block and the end.
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
        let mut heap = Self { region, memory };
        let end = heap.region.last();
        heap.set_header(end, USED);
        heap.make_free(FIRST, end - FIRST);
        Ok(heap)
    }

    /// The block whose header lies at `at`; `None` if there is no sound header there.
    fn open(&self, at: u32) -> Option<Block> {
        let word = self.region.read(at);
        let header = word & (SIZE | USED | PREV_USED);
        let (used, prev_used) = (header & USED != 0, header & PREV_USED != 0);
        let block = Block { at, size: header & SIZE, used, prev_used };
        let fits = if at == self.region.last() {
            block.size == 0 && used
        } else {
            block.size >= MIN_BLOCK && block.end() <= self.region.last()
        };
        if fits && word == seal(at, header) { Some(block) } else { None }
    }

    /// Writes the header at `at`.
    fn set_header(&mut self, at: u32, header: u32) {
        self.region.write(at, seal(at, header));
    }

    /// Writes the header of a free block, and the size at its end. The block before it
    /// is used.
    fn make_free(&mut self, at: u32, size: u32) {
        self.set_header(at, size | PREV_USED);
        self.region.write(at + size - WORD, size);
    }

    /// Tells the block at `at` whether the one before it is used. A header that is not
    /// sound stays as it is, so that it is found.
    fn set_prev_used(&mut self, at: u32, used: bool) {
        if let Some(block) = self.open(at) {
            let flags = if block.used { USED } else { 0 } | if used { PREV_USED } else { 0 };
            self.set_header(at, block.size | flags);
        }
    }

    /// The first free block that has room for an aligned block of `need` bytes, and the offset of
    /// that block's header. `None` if no free block has room.
    fn find(&self, need: u32, align: u32) -> Option<(Block, u32)> {
        let mut at = FIRST;
        while at < self.region.last() {
            let block = self.open(at)?;
            if !block.used
                && let Some(place) = aligned_place(block, need, align)
            {
                return Some((block, place));
            }
            at = block.end();
        }
        None
    }

    /// Makes `need` bytes at `at`, in the free block `free`, a used block. The bytes left in
    /// front and behind become free blocks.
    fn cut(&mut self, free: Block, at: u32, need: u32) {
        let (front, rest) = (at - free.at, free.end() - at - need);
        if front != 0 {
            self.make_free(free.at, front);
        }
        self.set_header(at, need | USED | if front == 0 { PREV_USED } else { 0 });
        if rest != 0 {
            self.make_free(at + need, rest);
        }
        self.set_prev_used(free.end(), rest == 0);
    }

    /// The free block before this one, or before the end; `None` if that block is used or not
    /// sound.
    fn free_before(&self, block: Block) -> Option<Block> {
        if block.prev_used {
            return None;
        }
        let size = self.region.read(block.at - WORD);
        self.open(block.at.checked_sub(size)?).filter(|prev| !prev.used && prev.end() == block.at)
    }

    /// Lets the memory grow so that a block can end at the offset `end`. The new bytes become a free
    /// block, merged with the last block if that is free.
    fn grow_to(&mut self, end: u32) -> Result<(), AllocError> {
        let old_end = self.open(self.region.last()).ok_or(AllocError::Damaged)?;
        let at = self.free_before(old_end).map_or(old_end.at, |tail| tail.at);
        let missing = end.saturating_sub(old_end.at).max(MIN_BLOCK);
        let bytes = self.memory.grow(missing).ok_or(AllocError::OutOfMemory)?;
        // SAFETY: the memory has grown by this much.
        unsafe { self.region.set_bytes(self.region.bytes() + bytes) };
        self.set_header(self.region.last(), USED);
        self.make_free(at, self.region.last() - at);
        Ok(())
    }

    /// The offset at which the free memory at the end begins.
    fn tail(&self) -> Option<u32> {
        let end = self.open(self.region.last())?;
        Some(self.free_before(end).map_or(end.at, |tail| tail.at))
    }

    /// Makes a used block free, and merges it with the free blocks before and behind it.
    /// [`BlockError::Damaged`] if a neighbour's header is not sound; nothing has changed then.
    fn release(&mut self, block: Block) -> Result<(), BlockError> {
        let next = self.open(block.end()).filter(|next| next.prev_used).ok_or(BlockError::Damaged)?;
        let prev = self.free_before(block);
        if prev.is_none() && !block.prev_used {
            return Err(BlockError::Damaged);
        }
        // Also inside a merged block, so that a second free finds it free.
        self.make_free(block.at, block.size);
        let at = prev.map_or(block.at, |prev| prev.at);
        let end = if next.used { block.end() } else { next.end() };
        self.make_free(at, end - at);
        self.set_prev_used(end, false);
        Ok(())
    }

    /// Offers the surplus of free bytes at the end.
    fn give_back(&mut self) {
        let Some(at) = self.tail() else { return };
        let size = self.region.last() - at;
        if size > HEAP_SLACK {
            let bytes = self.memory.shrink(size - HEAP_SLACK);
            // SAFETY: the memory has shrunk by this much.
            unsafe { self.region.set_bytes(self.region.bytes() - bytes) };
            self.set_header(self.region.last(), USED);
            self.make_free(at, self.region.last() - at);
        }
    }

    /// The used block whose first byte `pointer` points to, with a sound header behind it.
    fn used_block(&self, pointer: NonNull<u8>) -> Result<Block, BlockError> {
        let offset = self.region.offset_of(pointer).ok_or(BlockError::Foreign)?;
        let mut at = FIRST;
        while at < self.region.last() {
            let block = self.open(at).ok_or(BlockError::Damaged)?;
            if (at..block.end()).contains(&offset) {
                return match block.used {
                    false => Err(BlockError::AlreadyFree),
                    true if offset != at + WORD => Err(BlockError::NotABlock),
                    true => self.open(block.end()).map(|_| block).ok_or(BlockError::Damaged),
                };
            }
            at = block.end();
        }
        Err(BlockError::NotABlock)
    }

    /// Makes a block smaller, or larger into the free block behind it. Returns whether that
    /// was possible.
    fn resize(&mut self, old: Block, need: u32) -> Result<bool, ReallocError> {
        if need > old.size {
            let Some(next) = self.open(old.end()) else { return Err(BlockError::Damaged.into()) };
            if next.used || next.end() - old.at < need {
                return Ok(false);
            }
            self.set_header(old.at, (next.end() - old.at) | USED | if old.prev_used { PREV_USED } else { 0 });
            self.set_prev_used(next.end(), true);
        }
        let block = self.open(old.at).ok_or(BlockError::Damaged)?;
        if block.size > need {
            let rest = Block { at: old.at + need, size: block.size - need, used: true, prev_used: true };
            self.set_header(rest.at, rest.size | USED | PREV_USED);
            self.set_header(old.at, need | USED | if old.prev_used { PREV_USED } else { 0 });
            self.release(rest)?;
        }
        Ok(true)
    }
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment);
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let align = (layout.align() as u32).max(HEAP_ALIGN);
        let (free, at) = match self.find(need, align) {
            Some(found) => found,
            None => {
                let tail = self.tail().ok_or(AllocError::Damaged)?;
                self.grow_to((tail + WORD).next_multiple_of(align) - WORD + need)?;
                self.find(need, align).ok_or(AllocError::Damaged)?
            }
        };
        self.cut(free, at, need);
        Ok(self.region.pointer(at + WORD))
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.allocate(layout)?;
        if let Some(offset) = self.region.offset_of(block) {
            self.region.zero(offset, layout.size() as u32);
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
        self.release(block)?;
        self.give_back();
        Ok(())
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let old = self.used_block(block)?;
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment.into());
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let align = (layout.align() as u32).max(HEAP_ALIGN);
        if (old.at + WORD).is_multiple_of(align) {
            if self.resize(old, need)? {
                return Ok(block);
            }
            // If there is no other place, the last block grows with the memory.
            if self.tail() == Some(old.end()) && self.find(need, align).is_none() {
                self.grow_to(old.at + need)?;
                self.resize(old, need)?;
                return Ok(block);
            }
        }
        let new = self.allocate(layout)?;
        if let Some(to) = self.region.offset_of(new) {
            self.region.copy(old.at + WORD, to, old.size.min(need) - WORD);
        }
        self.free(block)?;
        Ok(new)
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        Ok(self.used_block(block)?.size - WORD)
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        let mut seen = HeapSummary { bytes: self.region.bytes(), ..HeapSummary::default() };
        let (mut at, mut prev_used) = (FIRST, true);
        loop {
            let damage = |kind| Err(HeapDamage { kind, offset: at });
            let Some(block) = self.open(at) else { return damage(DamageKind::Header) };
            if block.prev_used != prev_used {
                return damage(DamageKind::Neighbours);
            }
            if at == self.region.last() {
                return Ok(seen);
            }
            if block.used {
                seen.used_blocks += 1;
            } else {
                if self.region.read(block.end() - WORD) != block.size {
                    return damage(DamageKind::Neighbours);
                }
                if !prev_used {
                    return damage(DamageKind::NotMerged);
                }
                seen.free_blocks += 1;
                seen.free_bytes += block.size;
                seen.largest_free = seen.largest_free.max(block.size);
            }
            (at, prev_used) = (block.end(), block.used);
        }
    }
}
