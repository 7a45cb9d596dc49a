//! The least memory of any heap that keeps lab 03's contract. The contract asks for four bytes in
//! front of each block and four behind it, which two neighbours may share.
//!
//! Let a block cover the offsets from its first byte up to four behind its last. No two blocks
//! cover the same offset. Consider the multiples of a power of two: a block of a given size covers
//! a number of them wherever it lies, and may cover one more if its alignment makes it begin at
//! one. No block covers 0, because four bytes come before it. So the memory is longer than the
//! power, times the number of multiples that all blocks cover. This module computes that bound for
//! all powers of two, from the alignment of every block to the coarsest, and for every moment.

use core::alloc::Layout;

/// Bytes behind a block that belong to the heap.
const BEHIND: u32 = 4;

/// The exponents of the least and the greatest power of two.
const LEAST: u32 = mm_api::HEAP_ALIGN.ilog2();
const MOST: u32 = mm_api::HEAP_ALIGN_MAX.ilog2();

/// The least memory for the blocks of a trace.
#[derive(Default)]
pub struct Least {
    /// For each power, how many multiples all blocks cover.
    covered: [u32; (MOST - LEAST + 1) as usize],
    most: u32,
}

impl Least {
    /// Adds a block.
    pub fn add(&mut self, layout: Layout) {
        for (covered, power) in self.covered.iter_mut().zip(LEAST..) {
            *covered += covers(layout, power);
            self.most = self.most.max(*covered << power);
        }
    }

    /// Removes a block.
    pub fn remove(&mut self, layout: Layout) {
        for (covered, power) in self.covered.iter_mut().zip(LEAST..) {
            *covered -= covers(layout, power);
        }
    }

    /// The least memory for all moments so far, in bytes.
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
