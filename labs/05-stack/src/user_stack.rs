//! Lab 05, your second file: the stack of a process.
//!
//! A program takes three things for granted: it has a stack when its first instruction
//! is executed, its arguments are on the stack, and the stack grows with the depth of
//! its calls. This file provides all three.
//!
//! # What to do
//! Replace every `todo!()`. They are numbered in an order that works, and the checks
//! come in nearly the same order: `cargo grade 05` shows after each step which checks
//! pass. Each item documents its promises; the whole contract is the documentation of
//! [`UserStack`], and `README.md` in the folder above summarises it.
//!
//! # The suggested design
//! The mapped pages follow each other and end where the region ends. So one record is
//! enough: the lowest mapped page.
//!
//! ```text
//! 0xBFFE_F000  guard page: never mapped
//! 0xBFFF_0000  ┬ the region, 16 pages
//!              │ not mapped yet
//!              │ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ lowest
//!              │ mapped
//! 0xC000_0000  ┴ END; the kernel's half begins
//! ```
//!
//! It is a suggestion: rename, change or drop every private item here. Only the
//! trait is fixed.
//!
//! # Good to know
//! - The stack's memory is the process's, not the kernel's. There are no references
//!   into it: [`Pages`] copies bytes to an address and from it, also over the
//!   boundary of two pages. It panics, and says why, if a page is not mapped.
//! - `word.to_le_bytes()` returns a word's bytes in the order in which the processor
//!   stores them.
//! - There is no heap here, so no `Vec` and no `Box`. The kernel's own stack has
//!   16 KiB: a large array on it is not a good idea either.
//! - Arithmetic that overflows panics, and the grader shows you the line.
//! - `log::info!("{:?}", self.lowest);` works anywhere in this file. `cargo grade 05
//!   -v` shows what was logged.
//! - `cargo test -p stack` tests your files on fake pages, within seconds
//!   once they are built.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::{PAGE_SIZE, USER_STACK_END, USER_STACK_START};
use mm_api::{ARGUMENTS_MAX, Arguments, Page, PageRange, Pages, STACK_ALIGN, StackError, UserStack, VirtAddr};

use crate::zeroed_pages;

/// The first address past the stack's region.
const END: u32 = USER_STACK_END.as_u32();

/// The pages of the stack's region.
const REGION: PageRange = PageRange::between(USER_STACK_START, VirtAddr::new(END));

/// Bytes in a word.
const WORD: u32 = 4;

/// A process's stack.
pub struct ProcessStack {
    /// The lowest mapped page. All pages from it to the end of the region are mapped.
    lowest: Page,
}

impl ProcessStack {
    /// The mapped pages.
    fn mapped(&self) -> PageRange {
        PageRange::between(self.lowest.start(), VirtAddr::new(END))
    }

    /// Step 4: grows until `page`, which is in the region, is the lowest one. If
    /// the stack is that large already, nothing happens.
    ///
    /// # Errors
    /// Those of [`zeroed_pages::map`]. The stack is as large as before then.
    fn grow_to(&mut self, pages: &mut dyn Pages, page: Page) -> Result<(), StackError> {
        todo!("step 4: grow")
    }
}

/// Step 5: how many bytes the strings take, with a NUL for each, and how many bytes the
/// vectors take: all words from the stack pointer on.
///
/// The numbers come from a program, which may want to do harm: can your sums
/// overflow?
///
/// # Errors
/// [`StackError::TooManyArguments`] if they take more than [`ARGUMENTS_MAX`] together.
fn sizes(arguments: &Arguments<'_>) -> Result<(u32, u32), StackError> {
    todo!("step 5: say how much room the arguments need")
}

/// Writes the vectors and the strings, each from its place upwards.
struct Writer<'p> {
    pages: &'p mut dyn Pages,
    /// Where the next word goes.
    word: u32,
    /// Where the next string goes.
    string: u32,
}

impl Writer<'_> {
    /// Step 6a: writes the next word of the vectors.
    fn put(&mut self, word: u32) {
        todo!("step 6a: write a word")
    }

    /// Step 6b: writes the strings, each with its NUL, and their vector: the address
    /// of each of them, and a 0.
    fn put_strings(&mut self, strings: &[&[u8]]) {
        todo!("step 6b: write strings and their vector")
    }
}

impl UserStack for ProcessStack {
    /// Step 3: makes a stack of one page, the topmost of the region.
    ///
    /// # Errors
    /// Those of [`zeroed_pages::map`].
    fn create(pages: &mut dyn Pages) -> Result<Self, StackError> {
        todo!("step 3: a stack of one page")
    }

    /// The stack's lowest mapped address. This one is written for you.
    fn bottom(&self) -> VirtAddr {
        self.lowest.start()
    }

    /// Step 6c: lays out the program's arguments on the stack, and returns the stack
    /// pointer that the program begins with.
    ///
    /// ```text
    ///               ┬ padding, up to the end of the region
    ///               │ strings, each with a NUL, in any order
    ///               │ padding
    ///               │ 0, 0                         end of auxv
    ///               │ kind and value of each entry of auxv
    ///               │ 0                            end of envp
    ///               │ the address of each string of envp
    ///               │ 0                            end of argv
    ///               │ the address of each string of argv
    /// stack pointer ┴ how many strings argv has
    /// ```
    ///
    /// The stack pointer is a multiple of [`STACK_ALIGN`]: which padding makes it
    /// one? The stack may have to grow first, and it may contain anything.
    ///
    /// # Errors
    /// - [`StackError::TooManyArguments`] if all of it does not fit in
    ///   [`ARGUMENTS_MAX`] bytes.
    /// - Those of [`grow_to`](Self::grow_to).
    ///
    /// After an error nothing has changed, not even the contents.
    fn set_up(&mut self, pages: &mut dyn Pages, arguments: &Arguments<'_>) -> Result<VirtAddr, StackError> {
        todo!("step 6c: lay out the arguments")
    }

    /// Step 4: grows the stack down to `address`, where the program had a page fault.
    ///
    /// # Errors
    /// - [`StackError::Outside`] if the address is not in the region. The guard page
    ///   is not.
    /// - [`StackError::AlreadyMapped`] if the page is mapped already.
    /// - Those of [`grow_to`](Self::grow_to).
    fn grow(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), StackError> {
        todo!("step 4: grow down to an address")
    }

    /// Step 7: a copy of the stack in another process's pages.
    ///
    /// The two processes have the same addresses for different memory, so bytes go
    /// from `from` to a small array, and from there to `to`.
    ///
    /// # Errors
    /// Those of [`zeroed_pages::map`].
    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, StackError> {
        todo!("step 7: copy the stack")
    }

    /// Step 3: unmaps all of the stack's pages.
    fn destroy(self, pages: &mut dyn Pages) {
        todo!("step 3: unmap the stack")
    }
}
