//! The champion: boundary tags and bins, as the reference has them, and as quick and as thrifty
//! as we know how.
//!
//! # The memory
//! ```text
//! ┌──────┬───────┬───────────────┬───────┬─────────────┬─────┐
//! │ bins │ block │ block         │ block │ block       │ end │
//! └──────┴───────┴───────────────┴───────┴─────────────┴─────┘
//! used block:  header │ the program's bytes ………………………………………
//! free block:  header │ link │ back link │ ……………………………… │ size
//! ```
//!
//! Every place is an **offset**: bytes from the region's first byte. A block is known by the
//! offset of its header, which is four bytes before a multiple of eight, so that what follows it
//! is aligned. Free blocks are never neighbours. The **end** is a header without a block: used, of
//! size 0.
//!
//! # Where the reference stops
//! - A seal is undone with one multiplication, and then has its answer: a header that was
//!   overwritten has bits set that no header has (`header.rs`).
//! - The bins' heads and bit maps lie in the region, and two levels of bit maps find the next bin
//!   without a loop (`bins.rs`).
//! - One free block, at first the only one, is in no bin: the **wilderness**. It is cut only when
//!   no bin has a block that is large enough, from both ends, and so stays in one piece.
//! - A block that has to move because it grew is put at a low end, for it will grow again, and now
//!   the free memory lies behind it. If the memory before it is free, it moves down into that,
//!   before the memory grows (`reallocating.rs`).
//! - Everything that is called often is one function in the end: `inline(always)`.

mod bins;
mod freeing;
mod header;
mod placing;
mod reallocating;
mod region;
mod self_test;

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, HEAP_ALIGN, HEAP_ALIGN_MAX, HeapDamage, HeapMemory, HeapSummary, KernelHeap, ReallocError,
};

use bins::{FIRST, Kept};
use header::{MIN_BLOCK, USED, block_size};
use region::{Region, WORD};

/// The kernel's heap.
pub struct Heap<'m> {
    region: Region,
    /// The free block that is in no bin.
    wilderness: u32,
    /// Its size; 0 if there is none.
    wilderness_size: u32,
    /// A bit for each word of the bit maps, set where the word is not 0.
    map_of_maps: u32,
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
        let mut region = unsafe { Region::new(base, bytes) };
        region.zero(0, FIRST);
        let mut heap = Self { region, wilderness: 0, wilderness_size: 0, map_of_maps: 0, memory };
        let end = heap.region.last();
        heap.set_header(end, USED);
        heap.put_in(FIRST, end - FIRST, Kept::AsWilderness);
        Ok(heap)
    }
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment);
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let at = self.place_or_grow(need, layout.align() as u32)?;
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
        match self.used_block(block) {
            Some(used) if self.release(used).is_some() => Ok(()),
            _ => Err(self.diagnose(block)),
        }
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let old = self.used_block(block).ok_or_else(|| self.diagnose(block))?;
        let next = self.open(old.end());
        if next.is_broken() || !next.is_prev_used() || (!next.is_used() && !self.is_known(next)) {
            return Err(BlockError::Damaged.into());
        }
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment.into());
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let at = self.resize(old, need, layout.align() as u32)?;
        Ok(self.region.pointer(at + WORD))
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        match self.used_block(block) {
            Some(used) => Ok(used.size - WORD),
            None => Err(self.diagnose(block)),
        }
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        let seen = self.check_blocks()?;
        self.check_bins(seen.free_blocks)?;
        Ok(seen)
    }
}
