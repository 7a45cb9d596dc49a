//! A peer of lab 00's functions: the processor's string instructions, `rep movsd` and its kin.

use core::arch::global_asm;

use mm_api::MemoryFunctions;

global_asm!(include_str!("string_instructions.s"));

unsafe extern "C" {
    /// # Safety
    /// As [`mm_api::Memmove`]; and `dest` is not above `src` and in its range, unless both are the same.
    fn rep_copy_upwards(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;
    /// # Safety
    /// As [`mm_api::Memmove`]; and `dest` is not below `src`, unless the ranges have no byte in common.
    fn rep_copy_downwards(dest: *mut u8, src: *const u8, n: usize) -> *mut u8;
    /// # Safety
    /// As [`mm_api::Memset`].
    fn rep_fill(dest: *mut u8, value: i32, n: usize) -> *mut u8;
    /// # Safety
    /// As [`mm_api::Memcmp`].
    fn rep_compare(left: *const u8, right: *const u8, n: usize) -> i32;
}

/// The functions, by these instructions.
pub const FUNCTIONS: MemoryFunctions = MemoryFunctions {
    // SAFETY: the caller's promise.
    memcpy: |dest, src, n| unsafe { rep_copy_upwards(dest, src, n) },
    memmove: |dest, src, n| {
        let dest_is_in_source = dest.addr().wrapping_sub(src.addr()) < n;
        // SAFETY: the caller's promise, and the direction in which no byte is lost.
        unsafe { if dest_is_in_source { rep_copy_downwards(dest, src, n) } else { rep_copy_upwards(dest, src, n) } }
    },
    // SAFETY: the caller's promise.
    memset: |dest, value, n| unsafe { rep_fill(dest, value, n) },
    // SAFETY: the caller's promise.
    memcmp: |left, right, n| unsafe { rep_compare(left, right, n) },
};
