//! What is measured: a heap in a fixed region of memory.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::memory::Region;

/// A heap. It is called through a table of functions, so that every
/// candidate's call costs the same.
pub trait Heap {
    /// Hands out a block; `None` if it fails.
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>>;

    /// Takes back a block, and says whether it was accepted.
    ///
    /// # Safety
    /// The block was handed out for this layout, and is not used any more.
    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) -> bool;

    /// Makes a block larger or smaller; the alignment stays. `None` if it fails:
    /// then the block is still there.
    ///
    /// # Safety
    /// As for [`free`](Self::free); where there is a result, the block is gone.
    unsafe fn reallocate(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        let moved = self.allocate(new)?;
        // SAFETY: both blocks have so many bytes, and they are different blocks.
        unsafe { block.copy_to_nonoverlapping(moved, old.size().min(new.size())) };
        // SAFETY: that is what the caller promises.
        unsafe { self.free(block, old) };
        Some(moved)
    }
}

/// What a heap is built for.
pub type Work<'a> = &'a mut dyn FnMut(&mut dyn Heap);

/// A candidate.
pub trait Candidate: Sized {
    /// Bytes that it keeps outside the region.
    const ELSEWHERE: u32 = size_of::<Self>() as u32;
    /// Whether it hands out blocks at all.
    const REAL: bool = true;

    /// Builds a heap that has the whole region, and has `work` use it. If the
    /// region is too small for an empty heap, nothing happens.
    fn with(region: &Region<'_>, work: Work<'_>);
}

/// A candidate, by name.
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
