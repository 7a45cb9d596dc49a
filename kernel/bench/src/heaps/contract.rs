//! The least memory in which a heap can be that keeps what lab 03's contract asks it to keep: four
//! bytes before each block and four behind it, which two neighbours may share.

use core::alloc::Layout;

/// Bytes beside a block, and what every size is rounded up to with them.
const BESIDE: u32 = 4;
const ALIGN: u32 = mm_api::HEAP_ALIGN;
const PAGE: u32 = 4096;

/// What the blocks of a moment need at least.
#[derive(Default)]
pub struct Least {
    /// Bytes of all blocks with what is beside them.
    bytes: u32,
    /// Blocks that begin with a page, and those of them that take it up: the next page then begins
    /// with what is behind the block, and no block begins there.
    pages: u32,
    full_pages: u32,
    most: u32,
}

impl Least {
    /// A block comes.
    pub fn add(&mut self, layout: Layout) {
        self.count(layout, 1);
        let starts = self.pages + self.full_pages;
        self.most = self.most.max(self.bytes).max(starts.saturating_sub(1) * PAGE);
    }

    /// A block goes.
    pub fn remove(&mut self, layout: Layout) {
        self.count(layout, 1_u32.wrapping_neg());
    }

    /// The least for all moments so far, in bytes.
    pub fn most(&self) -> u32 {
        self.most
    }

    fn count(&mut self, layout: Layout, change: u32) {
        let bytes = (layout.size() as u32 + BESIDE).next_multiple_of(ALIGN);
        self.bytes = self.bytes.wrapping_add(bytes.wrapping_mul(change));
        if layout.align() == PAGE as usize {
            self.pages = self.pages.wrapping_add(change);
            // The boundaries that it covers, or whose four bytes before them.
            let full = (layout.size() as u32 + BESIDE - 1) / PAGE;
            self.full_pages = self.full_pages.wrapping_add(full.wrapping_mul(change));
        }
    }
}
