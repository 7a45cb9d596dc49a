//! The table for lab 00, which provides functions and no component, and the calling side's versions
//! of these functions.

use mm_api::MemoryFunctions;

use crate::components::Provided;

/// Lab 00's functions in the C ABI.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MemoryTable {
    memcpy: unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8,
    memmove: unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8,
    memset: unsafe extern "C" fn(*mut u8, i32, usize) -> *mut u8,
    memcmp: unsafe extern "C" fn(*const u8, *const u8, usize) -> i32,
}

/// A provider of lab 00's functions.
pub trait MemoryKind {
    /// The functions.
    const FUNCTIONS: MemoryFunctions;
}

impl MemoryTable {
    /// The table of an implementation.
    #[must_use]
    pub const fn of<K: MemoryKind>() -> Self {
        unsafe extern "C" fn memcpy<K: MemoryKind>(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
            // SAFETY: the caller's promise, here as below.
            unsafe { (K::FUNCTIONS.memcpy)(dest, src, n) }
        }
        unsafe extern "C" fn memmove<K: MemoryKind>(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
            // SAFETY: the caller's promise.
            unsafe { (K::FUNCTIONS.memmove)(dest, src, n) }
        }
        unsafe extern "C" fn memset<K: MemoryKind>(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
            // SAFETY: the caller's promise.
            unsafe { (K::FUNCTIONS.memset)(dest, value, n) }
        }
        unsafe extern "C" fn memcmp<K: MemoryKind>(left: *const u8, right: *const u8, n: usize) -> i32 {
            // SAFETY: the caller's promise.
            unsafe { (K::FUNCTIONS.memcmp)(left, right, n) }
        }
        Self { memcpy: memcpy::<K>, memmove: memmove::<K>, memset: memset::<K>, memcmp: memcmp::<K> }
    }
}

/// The reference's [`mm_api::Memcpy`].
///
/// # Safety
/// As for [`mm_api::Memcpy`].
pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's promise; both sides are of the same version.
    unsafe { (MemoryTable::table().memcpy)(dest, src, n) }
}

/// The reference's [`mm_api::Memmove`].
///
/// # Safety
/// As for [`mm_api::Memmove`].
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // SAFETY: as for `memcpy`.
    unsafe { (MemoryTable::table().memmove)(dest, src, n) }
}

/// The reference's [`mm_api::Memset`].
///
/// # Safety
/// As for [`mm_api::Memset`].
pub unsafe fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
    // SAFETY: as for `memcpy`.
    unsafe { (MemoryTable::table().memset)(dest, value, n) }
}

/// The reference's [`mm_api::Memcmp`].
///
/// # Safety
/// As for [`mm_api::Memcmp`].
pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    // SAFETY: as for `memcpy`.
    unsafe { (MemoryTable::table().memcmp)(left, right, n) }
}
