//! Lab 01: the physical memory manager, which hands out frames.

use core::fmt;

use crate::{Frame, FrameRange, FrameRun, MemoryMap, Order};

// ANCHOR: lender
/// Lends a frame allocator memory for its own records.
///
/// There is no heap yet when the frame allocator is built, so its records have
/// to live in some of the frames that it manages. It chooses them, and asks for
/// them here. The loan is for ever: these frames hold the records from now on,
/// and **must never be handed out**.
pub trait MetadataLender {
    /// The frames that the kernel can reach without further mappings. Only
    /// these can be lent.
    fn reachable(&self) -> FrameRange;

    /// Lends `frames`, as 32-bit words: 1024 words a frame, all zero.
    ///
    /// An empty range gives an empty slice.
    ///
    /// # Errors
    /// - [`LendError::Unreachable`] if a frame is outside
    ///   [`reachable`](Self::reachable).
    /// - [`LendError::NotUsable`] if some byte of them is not usable memory, or
    ///   is reserved.
    /// - [`LendError::AlreadyLent`] if one of them was lent before.
    fn lend(&mut self, frames: FrameRange) -> Result<&'static mut [u32], LendError>;
}
// ANCHOR_END: lender

/// Why memory for an allocator's records was not lent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum LendError {
    /// The kernel has no mapping for some of the frames.
    Unreachable,
    /// Some byte of the frames is not usable memory, or is reserved.
    NotUsable,
    /// Some of the frames were lent before.
    AlreadyLent,
}

/// Why a frame allocator could not be built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum InitError {
    /// The memory map has no whole frame to manage.
    NoUsableMemory,
    /// No reachable place is large enough for the allocator's own records.
    NoRoomForMetadata,
    /// The memory map has more pieces than the allocator can record.
    TooManyRegions,
}

/// Why a frame, or a run of frames, was not freed.
///
/// Whatever the reason: nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FreeError {
    /// The frame is free already. In a run: at least one of its frames is.
    AlreadyFree,
    /// The allocator does not manage the frame: it is reserved, holds the allocator's own
    /// records, or is not usable memory. In a run, this goes before
    /// [`AlreadyFree`](Self::AlreadyFree).
    NotManaged,
}

// ANCHOR: frame-allocator
/// The physical memory manager: it knows which frames are free and hands them out.
///
/// # The contract
/// A frame is **usable** if every byte of it is in some [`Usable`] region, none
/// of it is in an [`Unusable`] one, and none of it is reserved. The frames that
/// the allocator **manages** are the usable frames below 4 GiB, except those
/// that it borrowed for its own records. Each managed frame is either *free* or
/// *allocated*; at first all of them are free.
///
/// [`Usable`]: crate::RegionKind::Usable
/// [`Unusable`]: crate::RegionKind::Unusable
pub trait FrameAllocator {
    /// Builds the allocator from the memory map (`PMM_Initialize`).
    ///
    /// The allocator borrows the memory for its records from `lender`. An
    /// allocator manages every map of up to 128 regions and 32 reserved ranges;
    /// larger ones are its choice.
    ///
    /// # Errors
    /// See [`InitError`]. No map makes this panic.
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError>
    where
        Self: Sized;

    /// Hands out a free frame (`PMM_AllocatePhysicalPage`), or `None` if none
    /// is free.
    ///
    /// Which one is the allocator's choice. What the frame contains is not defined.
    fn allocate(&mut self) -> Option<Frame>;

    /// Hands out a run: `2^order` consecutive free frames, the first of which
    /// has a number that is a multiple of `2^order`.
    ///
    /// `None` means that no such run exists: whenever one does, it is found.
    fn allocate_run(&mut self, order: Order) -> Option<FrameRun>;

    /// Takes back a frame (`PMM_FreePhysicalPage`), also one that was handed
    /// out as part of a run.
    ///
    /// # Errors
    /// See [`FreeError`]. Nothing is changed then.
    fn free(&mut self, frame: Frame) -> Result<(), FreeError>;

    /// Takes back a whole run. It does not matter how its frames were handed
    /// out, only that each of them is allocated.
    ///
    /// # Errors
    /// See [`FreeError`]. Nothing is changed then, not even for those frames of
    /// the run that could have been freed.
    fn free_run(&mut self, run: FrameRun) -> Result<(), FreeError>;

    /// How many managed frames are free now. Always exact.
    fn free_frames(&self) -> u32;

    /// How many frames are managed: free ones and allocated ones. Never changes.
    fn managed_frames(&self) -> u32;
}
// ANCHOR_END: frame-allocator

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUsableMemory => "the memory map leaves no whole frame to manage",
            Self::NoRoomForMetadata => "no reachable place is large enough for the records",
            Self::TooManyRegions => "the memory map falls into too many pieces",
        })
    }
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyFree => "the frame is free already",
            Self::NotManaged => "the frame is not one that the allocator manages",
        })
    }
}

impl fmt::Display for LendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the kernel has no mapping for some of these frames",
            Self::NotUsable => "some of this memory is not usable, or is reserved",
            Self::AlreadyLent => "some of these frames were lent before",
        })
    }
}
