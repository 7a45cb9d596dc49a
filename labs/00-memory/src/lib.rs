//! Lab 00: copying, filling and comparing bytes.
//!
//! This file is not yours to edit: it chooses between your file and the
//! reference's, and proves to the compiler that what it chose has the right
//! signatures. Your file is [`memory.rs`](../memory.rs), in this folder.
//!
//! `no_builtins` keeps the compiler from recognising your loops: it knows what a
//! loop that copies bytes is called, and would put a call of `memcpy` in its place,
//! also in the middle of `memcpy`.
#![no_std]
#![no_builtins]

#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/memory.rs")]
mod memory;

/// The reference as hand-outs have it: compiled.
#[cfg(feature = "compiled")]
use lab_abi::memory;

/// How far it goes, built only to be measured and tested.
#[cfg(feature = "champion")]
#[path = "../champion/memory.rs"]
mod champion;

use mm_api::MemoryFunctions;

/// The functions. Compiles only if they keep the signatures of the contract.
pub const FUNCTIONS: MemoryFunctions = MemoryFunctions {
    memcpy: memory::memcpy,
    memmove: memory::memmove,
    memset: memory::memset,
    memcmp: memory::memcmp,
};

/// The champion's.
#[cfg(feature = "champion")]
pub const CHAMPION: MemoryFunctions = MemoryFunctions {
    memcpy: champion::memcpy,
    memmove: champion::memmove,
    memset: champion::memset,
    memcmp: champion::memcmp,
};

/// The functions as the symbols that the compiler calls. Those of the compiler's own
/// library are weak, so these take their place. They are never inlined: a call of one of them
/// has to be a call, for the check that looks for such calls.
///
/// The champion is private here: your file cannot name what the kernel is linked with.
#[cfg(any(feature = "symbols", feature = "champion-symbols"))]
#[path = "../champion"]
mod symbols {
    #[cfg(not(any(feature = "symbols", feature = "champion")))]
    #[path = "memory.rs"]
    mod chosen;
    #[cfg(all(feature = "champion", not(feature = "symbols")))]
    use super::champion as chosen;
    #[cfg(feature = "symbols")]
    use super::once_at_a_time as chosen;

    /// # Safety
    /// As [`mm_api::Memcpy`].
    #[inline(never)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { chosen::memcpy(dest, src, n) }
    }

    /// # Safety
    /// As [`mm_api::Memmove`].
    #[inline(never)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { chosen::memmove(dest, src, n) }
    }

    /// # Safety
    /// As [`mm_api::Memset`].
    #[inline(never)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { chosen::memset(dest, value, n) }
    }

    /// # Safety
    /// As [`mm_api::Memcmp`].
    #[inline(never)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { chosen::memcmp(left, right, n) }
    }
}

/// Your functions; but plain loops where they are called while one of them is at work. That
/// is so after a panic in one of them, which could not be reported otherwise: whoever writes
/// a text copies bytes.
#[cfg(feature = "symbols")]
mod once_at_a_time {
    use core::sync::atomic::{AtomicBool, Ordering};

    use super::memory;

    /// Whether one of them is at work. There is one processor.
    static AT_WORK: AtomicBool = AtomicBool::new(false);

    /// `call`, or `plainly` if one of them is at work.
    fn choose<R>(call: impl FnOnce() -> R, plainly: impl FnOnce() -> R) -> R {
        if AT_WORK.swap(true, Ordering::Relaxed) {
            return plainly();
        }
        let result = call();
        AT_WORK.store(false, Ordering::Relaxed);
        result
    }

    /// # Safety
    /// As [`mm_api::Memcpy`].
    pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: the caller's promise, here as below.
        choose(|| unsafe { memory::memcpy(dest, src, n) }, || unsafe { plain_memmove(dest, src, n) })
    }

    /// # Safety
    /// As [`mm_api::Memmove`].
    pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: the caller's promise, here as below.
        choose(|| unsafe { memory::memmove(dest, src, n) }, || unsafe { plain_memmove(dest, src, n) })
    }

    /// # Safety
    /// As [`mm_api::Memset`].
    pub unsafe fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
        let plainly = || {
            // SAFETY: every byte is in the range.
            (0..n).for_each(|index| unsafe { *dest.add(index) = value as u8 });
            dest
        };
        // SAFETY: the caller's promise.
        choose(|| unsafe { memory::memset(dest, value, n) }, plainly)
    }

    /// # Safety
    /// As [`mm_api::Memcmp`].
    pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
        // SAFETY: every byte is in the ranges.
        let byte = |range: *const u8, index| i32::from(unsafe { *range.add(index) });
        let plainly =
            || (0..n).map(|index| byte(left, index) - byte(right, index)).find(|sign| *sign != 0).unwrap_or(0);
        // SAFETY: the caller's promise.
        choose(|| unsafe { memory::memcmp(left, right, n) }, plainly)
    }

    /// # Safety
    /// As [`mm_api::Memmove`].
    unsafe fn plain_memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
        // SAFETY: every byte is in the ranges.
        let copy = |index| unsafe { *dest.add(index) = *src.add(index) };
        if dest.addr() <= src.addr() {
            (0..n).for_each(copy)
        } else {
            (0..n).rev().for_each(copy)
        }
        dest
    }
}
