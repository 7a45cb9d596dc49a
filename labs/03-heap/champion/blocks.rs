//! The champion: boundary tags and bins, like the reference, and as quick as we know how.
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
//! offset of its header, which is four bytes before a multiple of eight, so that the block's
//! bytes are aligned. Free blocks are never neighbours. The **end** is a header without a block:
//! used, of size 0.
//!
//! # Where it goes further than the reference
//! - A seal is undone with one multiplication. If the header was overwritten, the result has bits
//!   set that no header has (`header.rs`).
//! - The bins' heads lie in the region, and their map is one word (`bins.rs`).
//! - One free block, at first the only one, is in no bin: the **wilderness**. It is cut only when
//!   no bin has a block that is large enough, from both ends, and so stays in one piece.
//! - A block that has to move because it grew is put at the low end of a free block: it will grow
//!   again, and then free memory lies behind it. If the memory before it is free, it moves down
//!   into that (`reallocating.rs`).
//! - Links are believed: only [`check`](KernelHeap::check) verifies that they lead where they
//!   should. A header is verified wherever a program may have written over it.
//! - Code that runs often becomes one function in the end, by `inline(always)`. Code that runs
//!   rarely is in functions of its own, so that it takes no register away.
//!
//! There is another champion, [`thrifty`], which takes more instructions and less memory. The two
//! share the code that marks blocks and finds damaged ones: `region.rs`, `header.rs`, `pointers.rs`
//! and `block_test.rs`.

mod aligning;
mod bins;
mod block_test;
mod freeing;
mod growing;
mod header;
mod placing;
mod pointers;
mod reallocating;
mod region;
mod self_test;
#[allow(dead_code, reason = "in a kernel, the quick one is the heap")]
pub mod thrifty;

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, HEAP_ALIGN, HEAP_ALIGN_MAX, HeapDamage, HeapMemory, HeapSummary, KernelHeap, ReallocError,
};

use bins::{EXACT, FIRST, MIN_BLOCK};
use header::{PREV_FREE, block_size};
use region::{Region, WORD};

/// The kernel's heap.
pub struct Heap<'m> {
    region: Region,
    /// The free block that is in no bin.
    wild: u32,
    /// The size of that block; 0 if there is none.
    wild_size: u32,
    /// A bit for each bin, set where it has a block.
    map: u32,
    /// The first bin of the holes that small blocks leave alone as long as the wilderness has room.
    /// Once a block had to move because it grew, there are no such bins any more.
    large_holes: u32,
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
        let mut heap = Self { region, wild: 0, wild_size: 0, map: 0, large_holes: EXACT / HEAP_ALIGN, memory };
        let end = heap.region.last();
        heap.region.set_header(end, PREV_FREE);
        heap.put_in_wild(FIRST, end - FIRST);
        Ok(heap)
    }
}

/// Why there is no block for a layout that is larger than every block.
#[cold]
fn refusal(layout: Layout) -> AllocError {
    if layout.align() > HEAP_ALIGN_MAX as usize { AllocError::Alignment } else { AllocError::OutOfMemory }
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let Some(need) = block_size(layout.size(), MIN_BLOCK) else { return Err(refusal(layout)) };
        let at = if layout.align() <= HEAP_ALIGN as usize {
            self.place_or_grow(need)?
        } else {
            self.place_aligned_or_grow(need, layout.align() as u32)?
        };
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
        match self.region.used_block(block) {
            Some(used) if self.release(used).is_some() => Ok(()),
            _ => Err(self.region.diagnose(block, FIRST, MIN_BLOCK)),
        }
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let old = self.region.used_block(block).ok_or_else(|| self.region.diagnose(block, FIRST, MIN_BLOCK))?;
        let next = self.region.sound_next(old).ok_or(BlockError::Damaged)?;
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment.into());
        }
        let need = block_size(layout.size(), MIN_BLOCK).ok_or(AllocError::OutOfMemory)?;
        let at = self.resize(old, next, need, layout.align() as u32)?;
        Ok(self.region.pointer(at + WORD))
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        match self.region.used_block(block) {
            Some(used) => Ok(used.size - WORD),
            None => Err(self.region.diagnose(block, FIRST, MIN_BLOCK)),
        }
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        let seen = self.region.check_blocks(FIRST, MIN_BLOCK)?;
        self.check_bins(seen.free_blocks)?;
        Ok(seen)
    }
}
