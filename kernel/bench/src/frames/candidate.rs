//! What is measured: a frame allocator, seen through numbers.

use alloc::boxed::Box;

/// Frames in a run.
pub const RUN: u32 = 16;

/// Says of a frame whether it is to be taken from the start.
pub type Taken<'a> = &'a dyn Fn(u32) -> bool;

/// A frame allocator for the frames from 0 on. It is called through a table of
/// functions, so that every candidate's call costs the same.
pub trait Candidate {
    /// The most frames that it can manage.
    const MOST: u32 = u32::MAX;
    /// Whether it can hand out runs.
    const RUNS: bool = true;

    /// An allocator for so many frames.
    fn build(frames: u32, taken: Taken<'_>) -> Box<dyn Allocator>;
}

/// The calls that are measured, and what has to be known besides.
pub trait Allocator {
    /// Hands out a frame; `None` if it fails.
    fn allocate(&mut self) -> Option<u32>;

    /// Takes back a frame.
    fn free(&mut self, frame: u32);

    /// Hands out [`RUN`] frames, the first one's number a multiple of [`RUN`].
    fn allocate_run(&mut self) -> Option<u32> {
        None
    }

    /// Takes back such a run.
    fn free_run(&mut self, _first: u32) {}

    /// Whether the frame holds the allocator's own records, so that it can be neither handed out nor freed.
    fn holds_records(&self, _frame: u32) -> bool {
        false
    }

    /// Ends the allocator. Bytes of records that were not on the heap; less
    /// than 0 where bytes on the heap stand for bytes in free frames.
    fn bytes_elsewhere(self: Box<Self>) -> i32 {
        0
    }
}

/// A candidate, by name.
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
    /// Whether it can manage so many frames, and hand out runs of this size.
    pub fn fits(&self, frames: u32, run: u32) -> bool {
        frames <= self.most && (run == 1 || self.runs)
    }
}

/// The longest ranges of frames that are not taken, in ascending order.
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
