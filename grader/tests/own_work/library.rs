//! The library does all the work.
use core::slice;
/// # Safety
/// As the contract.
pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    if n > 0 {
        unsafe { core::ptr::copy(src, dest, n) }
    };
    dest
}
/// # Safety
/// As the contract.
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    if n > 0 {
        unsafe { core::ptr::copy(src, dest, n) }
    };
    dest
}
/// # Safety
/// As the contract.
pub unsafe fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
    if n > 0 {
        unsafe { core::ptr::write_bytes(dest, value as u8, n) }
    };
    dest
}
/// # Safety
/// As the contract.
pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    if n == 0 {
        return 0;
    }
    unsafe { slice::from_raw_parts(left, n).cmp(slice::from_raw_parts(right, n)) as i32 }
}
