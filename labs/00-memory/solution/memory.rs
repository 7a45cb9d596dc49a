//! Lab 00, the reference: copying, filling and comparing bytes, by words.

/// Bytes in a word.
const WORD: usize = size_of::<u32>();

/// As [`mm_api::Memcpy`].
///
/// # Safety
/// As there.
pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { copy_upwards(dest, src, n) };
    dest
}

/// As [`mm_api::Memset`].
///
/// # Safety
/// As there.
pub unsafe fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
    let byte = value as u8;
    let word = u32::from_ne_bytes([byte; WORD]);
    let words = n / WORD * WORD;
    for index in (0..words).step_by(WORD) {
        // SAFETY: the word ends where `words` ends, at the latest.
        unsafe { write_word(dest, index, word) };
    }
    for index in words..n {
        // SAFETY: the byte is in the range.
        unsafe { *dest.add(index) = byte };
    }
    dest
}

/// As [`mm_api::Memcmp`].
///
/// # Safety
/// As there.
pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    let words = n / WORD * WORD;
    for index in (0..words).step_by(WORD) {
        // SAFETY: the word ends where `words` ends, at the latest, in both ranges.
        let (a, b) = unsafe { (read_word(left, index), read_word(right, index)) };
        if a != b {
            // The first byte has to weigh most; this processor takes it for the lowest.
            return if u32::from_be(a) < u32::from_be(b) { -1 } else { 1 };
        }
    }
    for index in words..n {
        // SAFETY: the byte is in both ranges.
        let (a, b) = unsafe { (*left.add(index), *right.add(index)) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// As [`mm_api::Memmove`].
///
/// # Safety
/// As there.
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // Upwards, a byte is written before those above it are read. That does harm only if
    // `dest` is above `src` and in its range. The difference wraps where it is below.
    let dest_is_in_source = dest.addr().wrapping_sub(src.addr()) < n;
    // SAFETY: the caller's promise, and what the functions ask for besides.
    unsafe { if dest_is_in_source { copy_downwards(dest, src, n) } else { copy_upwards(dest, src, n) } }
    dest
}

/// Copies from the first byte to the last one.
///
/// # Safety
/// As [`mm_api::Memmove`]; and `dest` is not above `src` and in its range, unless both
/// are the same.
unsafe fn copy_upwards(dest: *mut u8, src: *const u8, n: usize) {
    let words = n / WORD * WORD;
    for index in (0..words).step_by(WORD) {
        // SAFETY: the word ends where `words` ends, at the latest, in both ranges.
        unsafe { copy_word(dest, src, index) };
    }
    for index in words..n {
        // SAFETY: the byte is in both ranges.
        unsafe { *dest.add(index) = *src.add(index) };
    }
}

/// Copies from the last byte to the first one.
///
/// # Safety
/// As [`mm_api::Memmove`]; and `dest` is not below `src`, unless the ranges have no byte in
/// common.
unsafe fn copy_downwards(dest: *mut u8, src: *const u8, n: usize) {
    let words = n / WORD * WORD;
    for index in (words..n).rev() {
        // SAFETY: the byte is in both ranges.
        unsafe { *dest.add(index) = *src.add(index) };
    }
    for index in (0..words).step_by(WORD).rev() {
        // SAFETY: as upwards.
        unsafe { copy_word(dest, src, index) };
    }
}

/// Copies the word that begins `index` bytes into the ranges.
///
/// # Safety
/// The word is in both ranges.
unsafe fn copy_word(dest: *mut u8, src: *const u8, index: usize) {
    // SAFETY: the caller's promise.
    unsafe { write_word(dest, index, read_word(src, index)) };
}

/// The word that begins `index` bytes into the range.
///
/// # Safety
/// The word is in the range.
unsafe fn read_word(range: *const u8, index: usize) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { range.add(index).cast::<u32>().read_unaligned() }
}

/// Writes the word that begins `index` bytes into the range.
///
/// # Safety
/// The word is in the range.
unsafe fn write_word(range: *mut u8, index: usize, word: u32) {
    // SAFETY: the caller's promise.
    unsafe { range.add(index).cast::<u32>().write_unaligned(word) };
}
