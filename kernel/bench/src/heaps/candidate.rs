//! The interface of the heaps that are measured, each in a fixed region of memory.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::memory::Region;

/// A heap. It is called through a table of functions, so that a call costs the same for every
/// candidate.
pub trait Heap {
    /// Hands out a block; `None` if it fails.
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>>;

    /// Takes back a block. Returns whether the heap accepted it.
    ///
    /// # Safety
    /// The block was handed out for this layout, and is no longer used.
    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) -> bool;

    /// Makes a block larger or smaller; the alignment stays. `None` if it fails; the block then
    /// stays as it is.
    ///
    /// # Safety
    /// As for [`free`](Self::free); after a success, the old block is gone.
    unsafe fn reallocate(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        let moved = self.allocate(new)?;
        // SAFETY: both blocks have that many bytes, and they are different blocks.
        unsafe { block.copy_to_nonoverlapping(moved, old.size().min(new.size())) };
        // SAFETY: the caller's promise.
        unsafe { self.free(block, old) };
        Some(moved)
    }
}

/// The work that a heap is built for.
pub type Work<'a> = &'a mut dyn FnMut(&mut dyn Heap);

/// A kind of heap.
pub trait Candidate: Sized {
    /// Bytes that the heap keeps outside the region.
    const ELSEWHERE: u32 = size_of::<Self>() as u32;
    /// Whether the heap hands out real blocks.
    const REAL: bool = true;

    /// Builds a heap over the whole region, and calls `work` with it. If the region is too small
    /// even for an empty heap, `work` is not called.
    fn with(region: &Region<'_>, work: Work<'_>);
}

/// A candidate with its name.
pub struct Entry {
    pub name: &'static str,
    pub elsewhere: u32,
    pub real: bool,
    pub with: fn(&Region<'_>, Work<'_>),
}

/// The entry of a candidate.
pub const fn entry<C: Candidate>(name: &'static str) -> Entry {
    Entry { name, elsewhere: C::ELSEWHERE, real: C::REAL, with: C::with }
}
