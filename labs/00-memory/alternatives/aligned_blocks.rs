//! An alternative: blocks of sixteen bytes, each read completely before it is written, from
//! the first aligned address of the target on.

use core::cmp::Ordering;

/// Bytes of a block.
const BLOCK: usize = 16;

/// A block at any address.
type Block = [u8; BLOCK];

/// As [`mm_api::Memcpy`].
///
/// # Safety
/// As there.
pub unsafe fn memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's promise; if the ranges are the same, every byte is rewritten with its own value.
    unsafe { upwards(dest, src, n) };
    dest
}

/// As [`mm_api::Memset`].
///
/// # Safety
/// As there.
pub unsafe fn memset(dest: *mut u8, value: i32, n: usize) -> *mut u8 {
    let byte = value as u8;
    let mut at = 0;
    while at < n {
        // SAFETY: all writes end at `n`, at the latest.
        at += unsafe {
            if fits(dest, at, n) {
                dest.add(at).cast::<u128>().write(u128::from_ne_bytes([byte; BLOCK]));
                BLOCK
            } else {
                dest.add(at).write(byte);
                1
            }
        };
    }
    dest
}

/// As [`mm_api::Memcmp`].
///
/// # Safety
/// As there.
pub unsafe fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    let mut at = 0;
    // SAFETY: a block is read only if both ranges have one left, a byte only if they have one.
    unsafe {
        while n - at >= 8 {
            let (a, b) = (left.add(at).cast::<u64>().read_unaligned(), right.add(at).cast::<u64>().read_unaligned());
            if a != b {
                return if a.swap_bytes() > b.swap_bytes() { i32::MAX } else { i32::MIN };
            }
            at += 8;
        }
        while at < n {
            match left.add(at).read().cmp(&right.add(at).read()) {
                Ordering::Less => return i32::MIN,
                Ordering::Greater => return i32::MAX,
                Ordering::Equal => at += 1,
            }
        }
    }
    0
}

/// As [`mm_api::Memmove`].
///
/// # Safety
/// As there.
pub unsafe fn memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's promise; if the target begins below its source, it is written from below.
    unsafe {
        match dest.addr().cmp(&src.addr()) {
            Ordering::Less => upwards(dest, src, n),
            Ordering::Equal => {}
            Ordering::Greater => downwards(dest, src, n),
        }
    }
    dest
}

/// Whether a block of the target begins here, aligned, and ends within it.
fn fits(dest: *mut u8, at: usize, n: usize) -> bool {
    dest.addr().wrapping_add(at).is_multiple_of(BLOCK) && n - at >= BLOCK
}

/// # Safety
/// As for `memmove`, and `dest` is not above `src`, unless the ranges have no byte in common.
unsafe fn upwards(dest: *mut u8, src: *const u8, n: usize) {
    let mut at = 0;
    while at < n {
        // SAFETY: all writes end at `n`, at the latest.
        at += unsafe {
            if fits(dest, at, n) {
                let block: Block = src.add(at).cast::<Block>().read();
                dest.add(at).cast::<Block>().write(block);
                BLOCK
            } else {
                dest.add(at).write(src.add(at).read());
                1
            }
        };
    }
}

/// # Safety
/// As for `memmove`, and `dest` is not below `src`, unless the ranges have no byte in common.
unsafe fn downwards(dest: *mut u8, src: *const u8, n: usize) {
    let mut left = n;
    while left > 0 {
        // SAFETY: the copy ends at `left`, and has at most that many bytes.
        left -= unsafe {
            if left >= BLOCK && fits(dest, left - BLOCK, n) {
                let block: Block = src.add(left - BLOCK).cast::<Block>().read();
                dest.add(left - BLOCK).cast::<Block>().write(block);
                BLOCK
            } else {
                dest.add(left - 1).write(src.add(left - 1).read());
                1
            }
        };
    }
}
