//! Lab 00, your file: copying, filling and comparing bytes.
//!
//! Every program copies bytes. For `*place = value;` or `a == b` with large values, the
//! compiler writes a call of one of four functions: `memcpy`, `memmove`, `memset` or
//! `memcmp`. Most programs have them from a library. A kernel has no such library, so you
//! write them.
//!
//! # What to do
//! Replace every `todo!()`. They are numbered in an order that works: `cargo grade 00`
//! shows after each step which checks pass. Each function documents its promises; what
//! holds for all of them is the documentation of [`mm_api::MemoryFunctions`], in
//! `kernel/mm-api/src/memory_functions.rs`.
//!
//! # The suggested design
//! A loop over the bytes. The byte of number `index` in a range that begins at `dest`
//! is `*dest.add(index)`, to be read and to be written. That earns all points but the
//! last six, which are about cost: for those, use words of four bytes
//! (`dest.cast::<u32>()`, `read_unaligned`, `write_unaligned`), and bytes for the rest.
//!
//! # What is unsafe here, and why
//! A pointer is an address, and says nothing about the memory there. Only the caller
//! knows that memory, and makes a promise about it: that is the meaning of `unsafe fn`,
//! and `# Safety` states the promise. To read or write through a pointer you need an
//! `unsafe` block, and above it a comment, `// SAFETY:`, which says why the access
//! stays within the promise.
//!
//! # What you cannot use
//! The functions of the library that copy, fill and compare (`copy_from_slice`, `fill`,
//! `ptr::copy`, `==` of slices) call the functions that you are about to write. In the
//! kernel, a `memcpy` that calls `memcpy` never ends.
//!
//! The compiler also recognises a loop that copies bytes, and would replace it by such
//! a call. `#![no_builtins]`, in `lib.rs`, prevents that here.
//!
//! # Good to know
//! - An access to an unmapped page is a page fault, and the grader shows the line. The
//!   pages around the checks' ranges are not mapped.
//! - `cargo test --package memory` runs the contract on your own computer.

// Keeps the compiler quiet while arguments are still unused. Delete it when your last
// `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables)]

/// Copies the `n` bytes from `src` on to `dest`, and returns `dest`. The ranges do not
/// overlap, or they are the same one.
///
/// # Safety
/// `n` bytes from `src` on may be read, and `n` bytes from `dest` on may be written. The
/// two ranges are the same, or have no byte in common.
pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    todo!("step 1: write each byte of the source to its place, from the first to the last")
}

/// Fills the `n` bytes from `dest` on with the low byte of `value`, and returns `dest`.
///
/// # Safety
/// `n` bytes from `dest` on may be written.
pub unsafe fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
    todo!("step 2: write the same byte to each place")
}

/// Compares `n` bytes. The first two that differ decide, as unsigned numbers: less than 0
/// if the one on the left is less, greater than 0 if it is greater, 0 if none differ.
///
/// # Safety
/// `n` bytes from `left` on and from `right` on may be read.
pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    todo!("step 3: look for the first two bytes that differ")
}

/// Copies the `n` bytes from `src` on to `dest`, and returns `dest`. The ranges may
/// overlap: afterwards `dest` has what `src` had before.
///
/// # Safety
/// `n` bytes from `src` on may be read, and `n` bytes from `dest` on may be written.
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    todo!("step 4: decide at which end to begin, so that no byte is overwritten before it is copied")
}
