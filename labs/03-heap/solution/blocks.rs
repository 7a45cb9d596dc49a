//! The reference heap: boundary tags, and segregated lists of free blocks.
//!
//! # The memory
//! The heap's memory is one region that grows and shrinks at its end. It is cut into
//! blocks, without gaps:
//!
//! ```text
//! ┌─────┬───────┬───────────────┬───────┬─────────────┬─────┐
//! │ pad │ block │ block         │ block │ block       │ end │
//! └─────┴───────┴───────────────┴───────┴─────────────┴─────┘
//! used block:  header │ the program's bytes ………………………………………
//! free block:  header │ next │ prev │ ……………………………………… │ size
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `region.rs` | the memory, word by word, and all access to it |
//! | `header.rs` | blocks, and the boundary tags that tell them |
//! | `free_lists.rs` | the free blocks, in bins by size |
//! | `placing.rs` | finding room, cutting blocks, growing |
//! | `freeing.rs` | taking blocks back, merging, giving memory back |
//! | `reallocating.rs` | making blocks larger and smaller |
//! | `self_test.rs` | the self-test |
//!
//! # What always holds
//! - Free blocks are never neighbours: they merge when the second one is freed. So
//!   the block before a free block is used.
//! - Every free block is in the bin of its size, and there is no other block in a bin.
//! - The **end** is a header without a block: used, of size 0. The free block before
//!   it, if there is one, is the **wilderness**: it grows and shrinks with the memory.
//! - A header is believed only if its neighbours agree. A header that a freed block has
//!   left inside a larger block is not believed, since the free block before it does not
//!   end there. So a second free of a block is recognized.

mod free_lists;
mod freeing;
mod header;
mod placing;
mod reallocating;
mod region;
mod self_test;

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{AllocError, BlockError, HEAP_ALIGN, HeapDamage, HeapMemory, HeapSummary, KernelHeap, ReallocError};

use free_lists::{FIRST, FreeLists};
use header::{Block, MIN_BLOCK, USED};
use placing::Request;
use region::{Region, WORD};

/// The kernel's heap. It is `Send`, since its [`Region`] is.
pub struct Heap<'m> {
    region: Region<'m>,
    lists: FreeLists,
}

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
        // SAFETY: this is what the caller promises.
        let region = unsafe { Region::new(base, memory, FIRST + MIN_BLOCK + WORD) };
        let mut region = region.ok_or(AllocError::OutOfMemory)?;
        let (lists, end) = (FreeLists::new(&mut region), region.last());
        region.set_block(Block::new(end, 0, USED));
        let mut heap = Self { region, lists };
        heap.add_free(FIRST, end - FIRST);
        Ok(heap)
    }
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let at = self.place(Request::of(layout)?)?;
        Ok(self.region.bytes_at(at + WORD, 1))
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let at = self.place(Request::of(layout)?)?;
        self.region.zero(at + WORD, layout.size() as u32);
        Ok(self.region.bytes_at(at + WORD, 1))
    }

    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError> {
        let bytes = count.checked_mul(size).ok_or(AllocError::OutOfMemory)?;
        let layout = Layout::from_size_align(bytes as usize, HEAP_ALIGN as usize);
        self.allocate_zeroed(layout.map_err(|_| AllocError::OutOfMemory)?)
    }

    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError> {
        let (block, beside) = self.used_block(block)?;
        self.release(block, beside);
        Ok(())
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let (old, beside) = self.used_block(block)?;
        let at = self.resize(old, beside, Request::of(layout)?)?;
        Ok(self.region.bytes_at(at + WORD, 1))
    }

    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError> {
        Ok(self.used_block(block)?.0.size() - WORD)
    }

    fn check(&self) -> Result<HeapSummary, HeapDamage> {
        self.self_test()
    }
}
