//! The functions, called on slices.

// Each test file uses a part of this.
#![allow(dead_code)]

use std::cmp::Ordering;
use std::ptr;

use mm_api::MemoryFunctions;

/// The functions under test.
pub struct Functions(MemoryFunctions);

/// The functions that the features choose, and the champion's if it is built.
pub fn all() -> Vec<Functions> {
    let all = [
        memory::FUNCTIONS,
        #[cfg(feature = "champion")]
        memory::CHAMPION,
    ];
    all.map(Functions).into()
}

impl Functions {
    /// `memcpy`. Fails unless it returns its target.
    pub fn copy(&self, target: &mut [u8], source: &[u8]) {
        assert_eq!(target.len(), source.len());
        let dest = target.as_mut_ptr();
        // SAFETY: both slices have `n` bytes, and do not overlap.
        let answer = unsafe { (self.0.memcpy)(dest, source.as_ptr(), source.len()) };
        assert_eq!(answer, dest, "memcpy returns `dest`");
    }

    /// `memcpy` of a range onto itself.
    pub fn copy_itself(&self, range: &mut [u8]) {
        let (pointer, n) = (range.as_mut_ptr(), range.len());
        // SAFETY: the slice has `n` bytes.
        let answer = unsafe { (self.0.memcpy)(pointer, pointer, n) };
        assert_eq!(answer, pointer, "memcpy returns `dest`");
    }

    /// `memset`. Fails unless it returns its target.
    pub fn set(&self, target: &mut [u8], value: i32) {
        let dest = target.as_mut_ptr();
        // SAFETY: the slice has `n` bytes.
        let answer = unsafe { (self.0.memset)(dest, value, target.len()) };
        assert_eq!(answer, dest, "memset returns `dest`");
    }

    /// `memcmp`.
    pub fn compare(&self, left: &[u8], right: &[u8]) -> Ordering {
        assert_eq!(left.len(), right.len());
        // SAFETY: both slices have `n` bytes.
        unsafe { (self.0.memcmp)(left.as_ptr(), right.as_ptr(), left.len()) }.cmp(&0)
    }

    /// `memmove` within a slice. Fails unless it returns its target.
    pub fn shift(&self, field: &mut [u8], dest: usize, src: usize, n: usize) {
        assert!(dest + n <= field.len() && src + n <= field.len());
        let base = field.as_mut_ptr();
        let target = base.wrapping_add(dest);
        // SAFETY: both ranges are in the slice.
        let answer = unsafe { (self.0.memmove)(target, base.wrapping_add(src), n) };
        assert_eq!(answer, target, "memmove returns `dest`");
    }

    /// Calls all four on no bytes at the null address; returns the result of `memcmp`.
    pub fn nothing_at_null(&self) -> Ordering {
        let null = ptr::null_mut();
        // SAFETY: ranges of no bytes may be anywhere.
        unsafe {
            (self.0.memcpy)(null, null, 0);
            (self.0.memmove)(null, null, 0);
            (self.0.memset)(null, 1, 0);
            (self.0.memcmp)(null, null, 0)
        }
        .cmp(&0)
    }
}
