//! The interface of the frame allocators that are measured; frames are numbers here.

use alloc::boxed::Box;

/// Frames in a run.
pub const RUN: u32 = 16;

/// Returns whether a frame is taken from the start.
pub type Taken<'a> = &'a dyn Fn(u32) -> bool;

/// A frame allocator for the frames from 0 on. It is called through a table of functions, so that a
/// call costs the same for every candidate.
pub trait Candidate {
    /// The most frames that the allocator can manage.
    const MOST: u32 = u32::MAX;
    /// Whether the allocator can hand out runs.
    const RUNS: bool = true;

    /// Builds an allocator for this many frames.
    fn build(frames: u32, taken: Taken<'_>) -> Box<dyn Allocator>;
}

/// The calls that are measured, and two questions about the records.
pub trait Allocator {
    /// Hands out a frame; `None` if it fails.
    fn allocate(&mut self) -> Option<u32>;

    /// Takes back a frame.
    fn free(&mut self, frame: u32);

    /// Hands out [`RUN`] frames, and returns the first one's number, a multiple of [`RUN`].
    fn allocate_run(&mut self) -> Option<u32> {
        None
    }

    /// Takes back a run.
    fn free_run(&mut self, _first: u32) {}

    /// Whether a frame holds the allocator's own records, so that it can be neither handed out nor
    /// freed.
    fn holds_records(&self, _frame: u32) -> bool {
        false
    }

    /// Ends the allocator. Returns how many bytes of records were not on the heap; less than 0 if
    /// bytes on the heap stand for bytes in free frames.
    fn bytes_elsewhere(self: Box<Self>) -> i32 {
        0
    }
}

/// A candidate with its name.
pub struct Entry {
    pub name: &'static str,
    pub build: fn(u32, Taken<'_>) -> Box<dyn Allocator>,
    most: u32,
    runs: bool,
}

/// The entry of a candidate.
pub const fn entry<C: Candidate>(name: &'static str) -> Entry {
    Entry { name, build: C::build, most: C::MOST, runs: C::RUNS }
}

impl Entry {
    /// Whether the allocator can manage this many frames, and hand out runs of this size.
    pub fn fits(&self, frames: u32, run: u32) -> bool {
        frames <= self.most && (run == 1 || self.runs)
    }
}

/// Calls `each` with the longest ranges of frames that are not taken, in ascending order.
pub fn free_ranges(frames: u32, taken: Taken<'_>, mut each: impl FnMut(u32, u32)) {
    let mut first = 0;
    while first < frames {
        let mut end = first;
        while end < frames && !taken(end) {
            end += 1;
        }
        if first < end {
            each(first, end);
        }
        first = end + 1;
    }
}
