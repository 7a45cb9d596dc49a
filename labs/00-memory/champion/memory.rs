//! Lab 00, the champion: as the reference, but long ranges go by blocks of sixteen words.
//!
//! A block is code without a loop: two instructions a word, where a loop takes five. Long
//! ranges have functions of their own, so that short ones pay for a comparison and not for
//! the registers that blocks need. The kernel is linked with these functions.

/// Bytes in a word.
const WORD: usize = size_of::<u32>();

/// Words in a block.
const WORDS: usize = 16;

/// Bytes in a block.
const BLOCK: usize = WORDS * WORD;

/// A range of at least this many bytes is long.
const LONG: usize = 128;

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
    // SAFETY: the caller's promise.
    unsafe { if n < LONG { fill_short(dest, value as u8, n) } else { fill_long(dest, value as u8, n) } }
    dest
}

/// As [`mm_api::Memcmp`].
///
/// # Safety
/// As there.
pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { if n < LONG { compare_short(left, right, n) } else { compare_long(left, right, n) } }
}

/// As [`mm_api::Memmove`].
///
/// # Safety
/// As there.
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // Upwards, a byte is written before the bytes above it are read. That does harm only if
    // `dest` is above `src` and in its range. If `dest` is below, the difference wraps.
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
    // SAFETY: the caller's promise.
    unsafe { if n < LONG { copy_short_upwards(dest, src, n) } else { copy_long_upwards(dest, src, n) } }
}

/// Copies from the last byte to the first one.
///
/// # Safety
/// As [`mm_api::Memmove`]; and `dest` is not below `src`, unless the ranges have no byte in
/// common.
unsafe fn copy_downwards(dest: *mut u8, src: *const u8, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { if n < LONG { copy_short_downwards(dest, src, n) } else { copy_long_downwards(dest, src, n) } }
}

/// Fills a range by words, and the rest by bytes.
///
/// # Safety
/// As [`mm_api::Memset`].
unsafe fn fill_short(dest: *mut u8, byte: u8, n: usize) {
    let words = n / WORD * WORD;
    for index in (0..words).step_by(WORD) {
        // SAFETY: the word ends where `words` ends, at the latest.
        unsafe { write_word(dest, index, u32::from_ne_bytes([byte; WORD])) };
    }
    for index in words..n {
        // SAFETY: the byte is in the range.
        unsafe { *dest.add(index) = byte };
    }
}

/// Fills a range by blocks.
///
/// # Safety
/// As [`mm_api::Memset`].
#[inline(never)]
unsafe fn fill_long(dest: *mut u8, byte: u8, n: usize) {
    let blocks = n / BLOCK * BLOCK;
    for block in (0..blocks).step_by(BLOCK) {
        for index in 0..WORDS {
            // SAFETY: the block ends where `blocks` ends, at the latest.
            unsafe { write_word(dest, block + index * WORD, u32::from_ne_bytes([byte; WORD])) };
        }
    }
    // SAFETY: what is left of the range.
    unsafe { fill_short(dest.add(blocks), byte, n - blocks) };
}

/// Compares by words, and the rest by bytes.
///
/// # Safety
/// As [`mm_api::Memcmp`].
unsafe fn compare_short(left: *const u8, right: *const u8, n: usize) -> i32 {
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

/// Goes past the blocks that are equal, and compares what follows.
///
/// # Safety
/// As [`mm_api::Memcmp`].
#[inline(never)]
unsafe fn compare_long(left: *const u8, right: *const u8, n: usize) -> i32 {
    let blocks = n / BLOCK * BLOCK;
    let mut equal = 0;
    // SAFETY: the block ends where `blocks` ends, at the latest, in both ranges.
    while equal < blocks && unsafe { is_equal_block(left.add(equal), right.add(equal)) } {
        equal += BLOCK;
    }
    // SAFETY: what is left of both ranges.
    unsafe { compare_short(left.add(equal), right.add(equal), n - equal) }
}

/// Whether two blocks are equal.
///
/// # Safety
/// A block from `left` on and one from `right` on may be read.
unsafe fn is_equal_block(left: *const u8, right: *const u8) -> bool {
    let mut difference = 0;
    for index in 0..WORDS {
        // SAFETY: the word is in both blocks.
        difference |= unsafe { read_word(left, index * WORD) ^ read_word(right, index * WORD) };
    }
    difference == 0
}

/// Copies by words, and the rest by bytes.
///
/// # Safety
/// As [`copy_upwards`].
unsafe fn copy_short_upwards(dest: *mut u8, src: *const u8, n: usize) {
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

/// Copies by blocks, the first one first.
///
/// # Safety
/// As [`copy_upwards`].
#[inline(never)]
unsafe fn copy_long_upwards(dest: *mut u8, src: *const u8, n: usize) {
    let blocks = n / BLOCK * BLOCK;
    for block in (0..blocks).step_by(BLOCK) {
        for index in 0..WORDS {
            // SAFETY: the block ends where `blocks` ends, at the latest, in both ranges.
            unsafe { copy_word(dest, src, block + index * WORD) };
        }
    }
    // SAFETY: what is left of both ranges.
    unsafe { copy_short_upwards(dest.add(blocks), src.add(blocks), n - blocks) };
}

/// Copies bytes down to the last whole word, and from there by words.
///
/// # Safety
/// As [`copy_downwards`].
unsafe fn copy_short_downwards(dest: *mut u8, src: *const u8, n: usize) {
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

/// Copies by blocks, the last one first.
///
/// # Safety
/// As [`copy_downwards`].
#[inline(never)]
unsafe fn copy_long_downwards(dest: *mut u8, src: *const u8, n: usize) {
    let blocks = n / BLOCK * BLOCK;
    // SAFETY: what follows the blocks in both ranges.
    unsafe { copy_short_downwards(dest.add(blocks), src.add(blocks), n - blocks) };
    for block in (0..blocks).step_by(BLOCK).rev() {
        for index in (0..WORDS).rev() {
            // SAFETY: the block ends where `blocks` ends, at the latest, in both ranges.
            unsafe { copy_word(dest, src, block + index * WORD) };
        }
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
