//! Lab 05, your first file: pages filled with zeros, all of them or none.
//!
//! Stacks are made of them, those of processes ([`user_stack`](super::user_stack))
//! and those of the kernel ([`kernel_stacks`](super::kernel_stacks)). Both kinds
//! make the same two promises, so the work is done here, once: a page that is new in
//! a stack is zero, and an operation that fails changes nothing.
//!
//! Replace every `todo!()`, then go on to `user_stack.rs`.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::PAGE_SIZE;
use mm_api::{Page, PageError, PageRange, Pages};

/// Step 1: maps every page of `range` and fills it with zeros.
///
/// [`Pages::map`] gives one page memory, with the bytes that its last owner left in it.
///
/// # Errors
/// The first that [`Pages::map`] returns. Then the pages that this call has mapped are
/// unmapped again: those, and no others.
pub fn map(pages: &mut dyn Pages, range: PageRange) -> Result<(), PageError> {
    todo!("step 1: map pages, all of them or none")
}

/// Step 2: unmaps every page of `range`.
pub fn unmap(pages: &mut dyn Pages, range: PageRange) {
    todo!("step 2: unmap pages")
}
