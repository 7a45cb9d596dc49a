//! An alternative: bytes only, with pointers instead of indices, and `memcpy` as a
//! call of `memmove`. It fails the check on cost.

/// As [`mm_api::Memcpy`].
///
/// # Safety
/// As there.
pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller promises more than `memmove` needs.
    unsafe { memmove(dest, src, n) }
}

/// As [`mm_api::Memset`].
///
/// # Safety
/// As there.
pub unsafe fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
    // From the end, which is as good as from the beginning.
    let mut left = n;
    while left > 0 {
        left -= 1;
        // SAFETY: the byte is in the range.
        unsafe { dest.add(left).write((value & 0xFF) as u8) };
    }
    dest
}

/// As [`mm_api::Memcmp`].
///
/// # Safety
/// As there.
pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    let (mut left, mut right) = (left, right);
    for _ in 0..n {
        // SAFETY: both ranges have as many bytes left as there are rounds to go.
        unsafe {
            match left.read().cmp(&right.read()) {
                core::cmp::Ordering::Equal => {}
                order => return order as i32 * 1000,
            }
            left = left.add(1);
            right = right.add(1);
        }
    }
    0
}

/// As [`mm_api::Memmove`].
///
/// # Safety
/// As there.
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    if dest.addr() <= src.addr() {
        let (mut to, mut from) = (dest, src);
        for _ in 0..n {
            // SAFETY: both ranges have as many bytes left as there are rounds to go.
            unsafe {
                to.write(from.read());
                to = to.add(1);
                from = from.add(1);
            }
        }
    } else {
        for left in (0..n).rev() {
            // SAFETY: the byte is in both ranges.
            unsafe { dest.add(left).write(src.add(left).read()) };
        }
    }
    dest
}
