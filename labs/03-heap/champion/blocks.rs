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
//! - The bins' heads lie in the region, and their map is one word (`bins.rs`).
//! - One free block, at first the only one, is in no bin: the **wilderness**. It is cut only when
//!   no bin has a block that is large enough, from both ends, and so stays in one piece.
//! - A block that has to move because it grew is put at a low end, for it will grow again, and now
//!   the free memory lies behind it. If the memory before it is free, it moves down into that
//!   (`reallocating.rs`).
//! - Links are believed: only [`check`](KernelHeap::check) looks whether they lead where they
//!   should. A header is looked at wherever a program may have written over it.
//! - What is called often is one function in the end, `inline(always)`, and what is not, another,
//!   so that it takes no register away.
//!
//! There are two champions, which differ in how far they look for a place (`aim.rs`): [`Heap`] is
//! quick, and [`ThriftyHeap`] needs a little less memory.

mod aim;
mod aligning;
mod bins;
mod freeing;
mod growing;
mod header;
mod placing;
mod reallocating;
mod region;
mod self_test;

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::NonNull;

use mm_api::{
    AllocError, BlockError, HEAP_ALIGN, HEAP_ALIGN_MAX, HeapDamage, HeapMemory, HeapSummary, KernelHeap, ReallocError,
};

use aim::{Aim, Quick, Thrifty};
use bins::{EXACT, FIRST};
use header::{MIN_BLOCK, PREV_FREE, block_size};
use region::{Region, WORD};

/// The kernel's heap: the champion that takes few instructions.
pub type Heap<'m> = Champion<'m, Quick>;

/// The champion that needs little memory.
#[allow(dead_code, reason = "in a kernel, the quick one is the heap")]
pub type ThriftyHeap<'m> = Champion<'m, Thrifty>;

/// A heap with an aim.
pub struct Champion<'m, A> {
    region: Region,
    /// The free block that is in no bin.
    wild: u32,
    /// Its size; 0 if there is none.
    wild_size: u32,
    /// A bit for each bin, set where it has a block.
    map: u32,
    /// The first bin of the holes that small blocks leave alone as long as the wilderness has room;
    /// none any more once a block had to move because it grew.
    large_holes: u32,
    memory: &'m mut dyn HeapMemory,
    aim: PhantomData<A>,
}

// SAFETY: the region is the heap's alone, wherever the heap is moved to, and whoever
// builds one vouches for `memory` (see `new`). There is no value of an aim.
unsafe impl<A> Send for Champion<'_, A> {}

impl<'m, A: Aim> Champion<'m, A> {
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
        let mut heap =
            Self { region, wild: 0, wild_size: 0, map: 0, large_holes: EXACT / HEAP_ALIGN, memory, aim: PhantomData };
        let end = heap.region.last();
        heap.set_header(end, PREV_FREE);
        heap.put_in_wild(FIRST, end - FIRST);
        Ok(heap)
    }
}

/// Why there is no block for a layout that is larger than any.
#[cold]
fn refusal(layout: Layout) -> AllocError {
    if layout.align() > HEAP_ALIGN_MAX as usize { AllocError::Alignment } else { AllocError::OutOfMemory }
}

impl<A: Aim> KernelHeap for Champion<'_, A> {
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let Some(need) = block_size(layout.size()) else { return Err(refusal(layout)) };
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
        match self.used_block(block) {
            Some(used) if self.release(used).is_some() => Ok(()),
            _ => Err(self.diagnose(block)),
        }
    }

    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError> {
        let old = self.used_block(block).ok_or_else(|| self.diagnose(block))?;
        let next = self.sound_next(old).ok_or(BlockError::Damaged)?;
        if layout.align() > HEAP_ALIGN_MAX as usize {
            return Err(AllocError::Alignment.into());
        }
        let need = block_size(layout.size()).ok_or(AllocError::OutOfMemory)?;
        let at = self.resize(old, next, need, layout.align() as u32)?;
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
