//! The contract of lab 00: copying, filling and comparing bytes.
//!
//! The four functions of C's `<string.h>` that every compiler takes for granted
//! (ISO C17, sections 7.24.2, 7.24.4 and 7.24.6): it compiles an assignment or a
//! comparison of values to a call of one of them. All other code depends on them,
//! so an implementation must not depend on them itself.

// ANCHOR: functions
/// `memcpy`: copies the `n` bytes from `src` on to `dest`, and returns `dest`.
///
/// The source stays as it is. The ranges do not overlap, or they are the same one:
/// compilers copy a value onto itself by this function.
///
/// # Safety
/// `n` bytes from `src` on may be read, and `n` bytes from `dest` on may be
/// written. The two ranges are the same, or have no byte in common.
pub type Memcpy = unsafe fn(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;

/// `memmove`: the same for ranges that may overlap, in either direction.
/// Returns `dest`.
///
/// Afterwards the `n` bytes from `dest` on are what those from `src` on were
/// before the call.
///
/// # Safety
/// `n` bytes from `src` on may be read, and `n` bytes from `dest` on may be
/// written.
pub type Memmove = unsafe fn(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;

/// `memset`: fills the `n` bytes from `dest` on with the low byte of `value`,
/// and returns `dest`.
///
/// # Safety
/// `n` bytes from `dest` on may be written.
pub type Memset = unsafe fn(dest: *mut u8, value: i32, n: usize) -> *mut u8;

/// `memcmp`: compares the `n` bytes from `left` on with those from `right` on.
///
/// The first two bytes that differ decide, as unsigned numbers: the answer is
/// less than 0 if the one on the left is less, and greater than 0 if it is
/// greater. Without a difference it is 0. Nothing is promised about the answer
/// but its sign.
///
/// # Safety
/// `n` bytes from `left` on and from `right` on may be read.
pub type Memcmp = unsafe fn(left: *const u8, right: *const u8, n: usize) -> i32;

/// The four functions of an implementation.
///
/// What holds for all of them:
///
/// - With `n` = 0 nothing is read or written, whatever the pointers are.
/// - Every pointer may have every alignment.
/// - No byte outside of the ranges is read or written, not even to write back
///   what it was.
/// - A range may have any length, up to the end of the address space.
/// - No call of the symbols `memcpy`, `memmove`, `memset` or `memcmp`: in the
///   kernel, these
///   functions are those symbols, and would call themselves. A function may call another of
///   the four directly.
#[derive(Clone, Copy)]
pub struct MemoryFunctions {
    /// Copies.
    pub memcpy: Memcpy,
    /// Copies where ranges may overlap.
    pub memmove: Memmove,
    /// Fills.
    pub memset: Memset,
    /// Compares.
    pub memcmp: Memcmp,
}
// ANCHOR_END: functions
