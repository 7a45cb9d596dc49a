//! The first byte is copied, filled or compared.
/// # Safety
/// None.
pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    if n > 0 {
        unsafe {
            *dest = *src;
        }
    }
    dest
}
/// # Safety
/// None.
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    if n > 0 {
        unsafe {
            *dest = *src;
        }
    }
    dest
}
/// # Safety
/// None.
pub unsafe fn memset(dest: *mut u8, v: i32, n: usize) -> *mut u8 {
    if n > 0 {
        unsafe {
            *dest = v as u8;
        }
    }
    dest
}
/// # Safety
/// None.
pub unsafe fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    if n > 0 { unsafe { *a as i32 - *b as i32 } } else { 0 }
}
