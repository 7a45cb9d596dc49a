//! Lab 04, your file: the heap of a process, which ends at the break.
//!
//! A program that needs more memory than it was linked with asks the kernel for
//! it. The oldest way to ask is to move the *break*, the end of the program's
//! data: `brk` sets its address, `sbrk` moves it by a number of bytes. `malloc` is
//! built on the two. The break looks like a single number. But when it moves, pages
//! come and go, and this file decides which ones, and what they contain.
//!
//! # What to do
//! Replace every `todo!()`. They are numbered in an order that works, and the checks
//! come in nearly the same order: `cargo grade 04` shows which checks pass. (Steps 3 to
//! 7 pass no check of their own: each check of a break that moves needs step 8, too.)
//! Each item documents its promises; the whole contract is the documentation of
//! [`ProcessHeap`], and `README.md` in the folder above summarises it.
//!
//! # The suggested design
//! Three addresses, and no list of pages: the heap's start and its break say which
//! pages it has. To move the break, compare the pages before with the pages after.
//! That is a suggestion: rename, change or drop every
//! private item here, the fields included. Only the trait is fixed.
//!
//! ```text
//!  start                               break                    limit
//!  │ page       page       page        │      page              │
//!  ├──────────┼──────────┼──────────┼──┴───────┬ ─ ─ ─ ─ ─ ─ ─ ─┤
//!  │ the heap's bytes                  │ spare │ not mapped     │ guard, stack
//!  └──────────┴──────────┴──────────┴──────────┴ ─ ─ ─ ─ ─ ─ ─ ─┘
//! ```
//!
//! The bytes past the break in the last page do not belong to the heap, but they are
//! mapped: the program can write to them, and no fault tells it that this is wrong.
//!
//! # Good to know
//! - `pages` are the process's own. [`Pages::map`] gives a page memory, with old
//!   contents; [`Pages::unmap`] takes it away; `zero`, `read` and `write` reach
//!   the bytes. There is no other way to reach them, and you need none.
//! - [`PageRange::between`] makes the pages between two addresses, and rounds both
//!   of them *down*. [`PageRange::iter`] goes through them.
//! - `u32::checked_add_signed` adds a number that may be negative, and returns `None`
//!   if the sum does not fit. With `+`, a sum that does not fit panics in this kernel.
//! - `log::info!("{self:?}");` works anywhere in this file. `cargo grade 04 -v`
//!   shows what was logged.
//! - `cargo test --package process-heap` tests your file on fake pages, within
//!   seconds once it is built.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::{PAGE_SIZE, USER_HEAP_START};
use mm_api::{BreakError, Page, PageRange, Pages, ProcessHeap, VirtAddr};

/// A process's heap.
#[derive(Debug)]
pub struct Heap {
    /// Where it starts, a multiple of the page size.
    start: VirtAddr,
    /// The break: the first address past the heap.
    end: VirtAddr,
    /// The last place where the break can be, a multiple of the page size.
    limit: VirtAddr,
}

/// Step 1: the first multiple of the page size that is not below `address`; `None`
/// if it is not below 4 GiB.
///
/// A multiple of the page size is its own result.
fn page_boundary(address: VirtAddr) -> Option<VirtAddr> {
    todo!("step 1: round an address up to a page")
}

/// Step 4: maps all of these pages or, after an error, none.
///
/// # Errors
/// That of [`Pages::map`] for the page that could not be mapped: `error.into()` makes
/// a [`BreakError`] of it.
fn map_all(pages: &mut dyn Pages, range: PageRange) -> Result<(), BreakError> {
    todo!("step 4: map pages, all or none")
}

impl Heap {
    /// Step 3: the pages that a byte of the heap lies in, if the break is at `end`.
    ///
    /// If the break is the first byte of a page, no byte of the heap lies in that page.
    fn pages_to(&self, end: VirtAddr) -> PageRange {
        todo!("step 3: from a break to pages")
    }

    /// Step 5: moves the break up to `new`. Which pages does the heap need that it
    /// does not have yet? [`Pages::map`] gives them with old contents, which may be
    /// another program's password: clear each page, all of it.
    ///
    /// Then there is the page that the heap had already, and in it the bytes from the
    /// old break on. The program may have written to them. Clear them, too, but not
    /// before it is sure that the break moves.
    ///
    /// # Errors
    /// Those of [`map_all`]. Then nothing has changed.
    fn grow(&mut self, pages: &mut dyn Pages, new: VirtAddr) -> Result<(), BreakError> {
        todo!("step 5: grow")
    }

    /// Step 6: moves the break down to `new`, and unmaps the pages in which no
    /// byte of the heap is left.
    fn shrink(&mut self, pages: &mut dyn Pages, new: VirtAddr) {
        todo!("step 6: shrink")
    }
}

impl ProcessHeap for Heap {
    /// Step 2: an empty heap. It starts at [`USER_HEAP_START`], or at the first page
    /// past the program's image if that lies further up.
    ///
    /// # Errors
    /// [`BreakError::PastLimit`] if the heap would start past its limit, or if the
    /// next page past the image is not below 4 GiB.
    fn new(image_end: VirtAddr, limit: VirtAddr) -> Result<Self, BreakError> {
        todo!("step 2: make an empty heap past the image")
    }

    /// Where the heap starts. This one is written for you.
    fn start(&self) -> VirtAddr {
        self.start
    }

    /// The break. This one too.
    fn current(&self) -> VirtAddr {
        self.end
    }

    /// Step 7: moves the break to `address`, up or down.
    ///
    /// # Errors
    /// - [`BreakError::BelowStart`], [`BreakError::PastLimit`]: the break can be at the
    ///   heap's start and at its limit, and everywhere between.
    /// - Those of [`grow`](Self::grow).
    fn brk(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), BreakError> {
        todo!("step 7: move the break to an address")
    }

    /// Step 9: moves the break by `increment` bytes, and returns where it was before.
    ///
    /// # Errors
    /// - [`BreakError::Wraps`] if there is no such address, past 4 GiB or below 0.
    /// - Those of [`brk`](Self::brk).
    fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError> {
        todo!("step 9: move the break by a number of bytes")
    }

    /// Step 10: the heap of a new process, a copy of this one. `from` are the pages of
    /// this process, `to` those of the new one, at the same addresses.
    ///
    /// Bytes go from one address space to the other only through the kernel: read some,
    /// write them. Not too many at once: the kernel's stack has only four pages.
    ///
    /// # Errors
    /// Those of [`map_all`]. Then `to` has none of the heap's pages.
    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, BreakError> {
        todo!("step 10: copy a heap")
    }

    /// Step 8: unmaps all of the heap's pages. It is empty afterwards, and can grow again.
    fn clear(&mut self, pages: &mut dyn Pages) {
        todo!("step 8: empty the heap")
    }
}
