//! Right, but with buffers that the compiler clears by memset and copies by memcpy.
use core::hint::black_box;
/// # Safety
/// As the contract.
pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    unsafe { memmove(dest, src, n) }
}
/// # Safety
/// As the contract.
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    let buffer = black_box([n as u8; 600]);
    let other = black_box(buffer);
    black_box(&other);
    if dest.addr() <= src.addr() {
        for i in 0..n {
            unsafe { *dest.add(i) = *src.add(i) }
        }
    } else {
        for i in (0..n).rev() {
            unsafe { *dest.add(i) = *src.add(i) }
        }
    }
    dest
}
/// # Safety
/// As the contract.
pub unsafe fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
    for i in 0..n {
        unsafe { *dest.add(i) = value as u8 }
    }
    dest
}
/// # Safety
/// As the contract.
pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    for i in 0..n {
        let d = unsafe { i32::from(*left.add(i)) - i32::from(*right.add(i)) };
        if d != 0 {
            return d;
        }
    }
    0
}
