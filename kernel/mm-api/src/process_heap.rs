//! Lab 04: a process's heap, which ends at the break.

use core::fmt;

use crate::{PageError, Pages, VirtAddr};

// ANCHOR: process-heap
/// A process's heap: the bytes from its start up to the *break*, which the
/// process moves with `brk` and `sbrk`.
///
/// # The contract
/// **Where.** The heap starts at [`USER_HEAP_START`], or at the first page past
/// the program's image if that lies further up. It never reaches its limit: the
/// guard page below the stack. At first it is empty: the break is at the start.
///
/// **Pages.** Exactly the pages with a byte of the heap are mapped: a page is
/// mapped when the break moves past its first byte, and unmapped when the break
/// moves back to its first byte or below, and at no other time.
///
/// **Zeros.** Every byte that the break passes on its way up is zero: also
/// bytes that were in the heap before it shrank, and bytes that the process
/// wrote past the break, in the heap's last page. And no byte of any page, not
/// even past the break, has the old contents of the page's frame, which may be
/// another process's.
///
/// **Errors change nothing.** After an error the break is where it was, the same
/// pages are mapped, and they have their old contents, also past the break. To the
/// process, `sbrk` answers ENOMEM then, and `brk` the old break. Where several are
/// true, the one that [`BreakError`] lists first is the answer, but of the last two
/// either may be.
///
/// Every method that is given `pages` is given those of the heap's own process.
///
/// [`USER_HEAP_START`]: crate::layout::USER_HEAP_START
pub trait ProcessHeap {
    /// An empty heap (`Heap_ProcessInitialize`). No page is mapped yet.
    ///
    /// `image_end` is the first address past the program's image, and `limit`,
    /// a multiple of the page size, the first address that the heap can never have.
    ///
    /// # Errors
    /// [`PastLimit`](BreakError::PastLimit) if the heap would start past its limit,
    /// or if the next page past the image is not below 4 GiB.
    fn new(image_end: VirtAddr, limit: VirtAddr) -> Result<Self, BreakError>
    where
        Self: Sized;

    /// Where the heap starts.
    fn start(&self) -> VirtAddr;

    /// The break: the first address past the heap.
    fn current(&self) -> VirtAddr;

    /// Moves the break to `address` (`Heap_ProcessBrk`).
    ///
    /// # Errors
    /// See [`BreakError`].
    fn brk(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), BreakError>;

    /// Moves the break by `increment` bytes, up or down, and returns where it was
    /// before (`Heap_ProcessSbrk`).
    ///
    /// # Errors
    /// See [`BreakError`].
    fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError>;

    /// The heap of a new process that is a copy of this one: as large, with the
    /// same contents, in the pages of the new process (`fork`).
    ///
    /// # Errors
    /// [`OutOfFrames`](BreakError::OutOfFrames) or
    /// [`Occupied`](BreakError::Occupied); `to` has none of the heap's pages
    /// then.
    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, BreakError>
    where
        Self: Sized;

    /// Unmaps all of the heap's pages; it is empty afterwards (`execve` and
    /// `exit`).
    fn clear(&mut self, pages: &mut dyn Pages);
}
// ANCHOR_END: process-heap

/// Why the break was not moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BreakError {
    /// The break would have to lie past 4 GiB or below address 0.
    Wraps,
    /// The break would lie below the heap's start.
    BelowStart,
    /// The break would lie past the heap's limit.
    PastLimit,
    /// Something else is mapped where the heap would grow to.
    Occupied,
    /// The frames ran out.
    OutOfFrames,
}

impl From<PageError> for BreakError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Occupied => Self::Occupied,
            PageError::OutOfFrames => Self::OutOfFrames,
        }
    }
}

impl fmt::Display for BreakError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wraps => "the break would leave the 32-bit addresses",
            Self::BelowStart => "the break would lie below the heap's start",
            Self::PastLimit => "the break would lie past the heap's limit",
            Self::Occupied => "something else is mapped where the heap would grow to",
            Self::OutOfFrames => "the frames ran out",
        })
    }
}
