//! The thrifty champion: as little memory as we know how, however many instructions that takes.
//!
//! # The memory
//! ```text
//! ┌──────┬───────┬───────────────┬───────┬─────────────┬─────┐
//! │ root │ block │ block         │ block │ block       │ end │
//! └──────┴───────┴───────────────┴───────┴─────────────┴─────┘
//! used block:  header │ the program's bytes ………………………………………
//! free block:  header │ low │ high │ ………………………………………… │ size
//! ```
//!
//! Every place is an **offset**: bytes from the region's first byte. Blocks are marked as the quick
//! champion marks them, with one header each (`header.rs`). Besides the blocks, the heap keeps only
//! one word.
//!
//! # What it does differently
//! - The free blocks are one **tree** (`tree.rs`). In it, the lowest or the highest block that is
//!   large enough is found in a few steps, and then the next one. There are no bins: a bin knows
//!   the sizes of its blocks, but not where they lie.
//! - Where a block is put depends on what it is likely to do (`placing.rs`). Small ones go to the low
//!   end of the memory, large ones to its high end. Blocks that grow go where they can grow on. If
//!   some blocks are aligned, boundaries are kept free for them.
//! - The smallest block has 16 bytes: a free block needs four words, and no bin sets a limit.

mod aligning;
mod freeing;
mod growing;
mod placing;
mod reallocating;
mod self_test;
mod tree;

use core::alloc::Layout;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, HEAP_ALIGN, HEAP_ALIGN_MAX, HeapDamage, HeapMemory, HeapSummary, KernelHeap, ReallocError,
};

use super::{header, region};
use header::{PREV_FREE, block_size};
use placing::{Asked, Request};
use region::{Region, WORD};
use tree::{FIRST_HALF, ROOT};

/// The offset of the first block. Before it is the root of the tree.
const FIRST: u32 = HEAP_ALIGN - WORD;
const _: () = assert!(ROOT + WORD <= FIRST);

/// The smallest block: a free one needs a header, two links and its size.
const MIN_BLOCK: u32 = 4 * WORD;

/// The kernel's heap.
pub struct Heap<'m> {
    region: Region,
    /// The bit of an offset that tells in which half of the whole tree the offset lies.
    half: u32,
    /// The coarsest alignment that was asked for so far, in bytes.
    coarsest: u32,
    /// Whether some block has had to move because it grew.
    growth: Growth,
    memory: &'m mut dyn HeapMemory,
}

/// Whether the program's blocks grow, as far as is known.
#[derive(Clone, Copy, PartialEq)]
enum Growth {
    /// No block has had to move so far.
    Unseen,
    /// A block has had to move.
    Seen,
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
        region.write(ROOT, 0);
        let mut heap = Self { region, half: FIRST_HALF, coarsest: HEAP_ALIGN, growth: Growth::Unseen, memory };
        let end = heap.region.last();
        heap.region.set_header(end, PREV_FREE);
        heap.add_free(FIRST, end - FIRST);
        Ok(heap)
    }
}

/// The request for a layout; an error if no block can be that large or that aligned.
fn request(layout: Layout, asked: Asked) -> Result<Request, AllocError> {
    if layout.align() > HEAP_ALIGN_MAX as usize {
        return Err(AllocError::Alignment);
    }
    let need = block_size(layout.size(), MIN_BLOCK).ok_or(AllocError::OutOfMemory)?;
    Ok(Request { need, align: HEAP_ALIGN.max(layout.align() as u32), asked })
}

impl KernelHeap for Heap<'_> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let at = self.place_or_grow(request(layout, Asked::New)?)?;
        Ok(self.region.pointer(at + WORD))
    }

    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let at = self.place_or_grow(request(layout, Asked::New)?)?;
        self.region.zero(at + WORD, layout.size() as u32);
        Ok(self.region.pointer(at + WORD))
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
        let used = self.region.used_block(block);
        let old = used.ok_or_else(|| self.region.diagnose(block, FIRST, MIN_BLOCK))?;
        let next = self.region.sound_next(old).ok_or(BlockError::Damaged)?;
        let at = self.resize(old, next, request(layout, Asked::Larger)?)?;
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
        self.check_tree(seen.free_blocks)?;
        Ok(seen)
    }
}
