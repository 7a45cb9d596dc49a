//! The least memory in which any heap can be that keeps what lab 03's contract asks it to keep: four
//! bytes before each block and four behind it, which two neighbours may share.
//!
//! A block covers the offsets from its first byte up to four behind its last. Of two blocks, none
//! covers what the other does. Of the multiples of a number, a block of so many bytes covers some
//! wherever it lies, and one more if it begins at one. None covers 0, since four bytes come before it.
//! So the memory is longer than that number, times the multiples that all blocks cover. What follows is
//! this for all powers of two, from the alignment of every block to the coarsest, and for every moment.

use core::alloc::Layout;

/// Bytes behind a block that belong to the heap.
const BEHIND: u32 = 4;

/// The powers of two, as exponents.
const LEAST: u32 = mm_api::HEAP_ALIGN.ilog2();
const MOST: u32 = mm_api::HEAP_ALIGN_MAX.ilog2();

/// What the blocks of a moment need at least.
#[derive(Default)]
pub struct Least {
    /// Of each power, how many multiples all blocks cover.
    covered: [u32; (MOST - LEAST + 1) as usize],
    most: u32,
}

impl Least {
    /// A block comes.
    pub fn add(&mut self, layout: Layout) {
        for (covered, power) in self.covered.iter_mut().zip(LEAST..) {
            *covered += covers(layout, power);
            self.most = self.most.max(*covered << power);
        }
    }

    /// A block goes.
    pub fn remove(&mut self, layout: Layout) {
        for (covered, power) in self.covered.iter_mut().zip(LEAST..) {
            *covered -= covers(layout, power);
        }
    }

    /// The least for all moments so far, in bytes.
    pub fn most(&self) -> u32 {
        self.most
    }
}

/// How many multiples of this power of two a block covers at least.
fn covers(layout: Layout, power: u32) -> u32 {
    let bytes = layout.size() as u32 + BEHIND;
    let begins_at_one = layout.align().max(1 << LEAST) >= 1 << power;
    if begins_at_one { bytes.div_ceil(1 << power) } else { bytes >> power }
}
