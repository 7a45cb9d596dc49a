//! Lab 00, the champion: as the reference, but long ranges go by blocks of sixteen words.
//!
//! A block is code without a loop: two instructions a word, where a loop takes five. The
//! code for blocks is in functions of its own, so that short ranges do not pay for the
//! registers that blocks need. The kernel is linked with these functions.

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
    let byte = value as u8;
    let word = u32::from_ne_bytes([byte; WORD]);
    let words = n / WORD * WORD;
    // SAFETY: the caller's promise.
    let blocks = if n < LONG { 0 } else { unsafe { fill_blocks(dest, word, n) } };
    for index in (blocks..words).step_by(WORD) {
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
    // SAFETY: as many bytes are in both ranges.
    let equal = if n < LONG { 0 } else { unsafe { equal_blocks(left, right, n) } };
    for index in (equal..words).step_by(WORD) {
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
    // Upwards, a byte is written before the bytes above it are read. That does harm only if
    // `dest` is above `src` and in its range. If `dest` is below, the difference wraps.
    let dest_is_in_source = dest.addr().wrapping_sub(src.addr()) < n;
    // SAFETY: the caller's promise, and what the functions ask for besides.
    unsafe { if dest_is_in_source { copy_downwards(dest, src, n) } else { copy_upwards(dest, src, n) } }
    dest
}

/// How many bytes at the beginning of both ranges lie in blocks that are equal.
///
/// # Safety
/// `n` bytes from `left` on and from `right` on may be read.
#[inline(never)]
unsafe fn equal_blocks(left: *const u8, right: *const u8, n: usize) -> usize {
    let blocks = n / BLOCK * BLOCK;
    for block in (0..blocks).step_by(BLOCK) {
        let mut difference = 0;
        for index in 0..WORDS {
            let at = block + index * WORD;
            // SAFETY: the block ends where `blocks` ends, at the latest, in both ranges.
            difference |= unsafe { read_word(left, at) ^ read_word(right, at) };
        }
        if difference != 0 {
            return block;
        }
    }
    blocks
}

/// Copies from the first byte to the last one.
///
/// # Safety
/// As [`mm_api::Memmove`]; and `dest` is not above `src` and in its range, unless both
/// are the same.
unsafe fn copy_upwards(dest: *mut u8, src: *const u8, n: usize) {
    let words = n / WORD * WORD;
    // SAFETY: the caller's promise.
    let blocks = if n < LONG { 0 } else { unsafe { copy_blocks_upwards(dest, src, n) } };
    for index in (blocks..words).step_by(WORD) {
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
    let blocks = if n < LONG { 0 } else { n / BLOCK * BLOCK };
    for index in (words..n).rev() {
        // SAFETY: the byte is in both ranges.
        unsafe { *dest.add(index) = *src.add(index) };
    }
    for index in (blocks..words).step_by(WORD).rev() {
        // SAFETY: as upwards.
        unsafe { copy_word(dest, src, index) };
    }
    if blocks > 0 {
        // SAFETY: the caller's promise, for the blocks.
        unsafe { copy_blocks_downwards(dest, src, blocks) };
    }
}

/// Fills the blocks at the beginning of a range with a word, and returns how many bytes they have.
///
/// # Safety
/// As [`mm_api::Memset`].
#[inline(never)]
unsafe fn fill_blocks(dest: *mut u8, word: u32, n: usize) -> usize {
    let blocks = n / BLOCK * BLOCK;
    for block in (0..blocks).step_by(BLOCK) {
        for index in 0..WORDS {
            // SAFETY: the block ends where `blocks` ends, at the latest.
            unsafe { write_word(dest, block + index * WORD, word) };
        }
    }
    blocks
}

/// Copies the blocks at the beginning of a range, the first one first, and returns how many
/// bytes they have.
///
/// # Safety
/// As [`copy_upwards`].
#[inline(never)]
unsafe fn copy_blocks_upwards(dest: *mut u8, src: *const u8, n: usize) -> usize {
    let blocks = n / BLOCK * BLOCK;
    for block in (0..blocks).step_by(BLOCK) {
        for index in 0..WORDS {
            // SAFETY: the block ends where `blocks` ends, at the latest, in both ranges.
            unsafe { copy_word(dest, src, block + index * WORD) };
        }
    }
    blocks
}

/// Copies the first `blocks` bytes, which are whole blocks, the last block first.
///
/// # Safety
/// As [`copy_downwards`].
#[inline(never)]
unsafe fn copy_blocks_downwards(dest: *mut u8, src: *const u8, blocks: usize) {
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
