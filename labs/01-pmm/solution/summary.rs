//! A summary: a set of small numbers, whose lowest is found without a search.
//!
//! The numbers are bits of a bitmap. A second bitmap has one bit for each word
//! of the first, set if that word is not zero; a third one stands over the
//! second, and has a single word. Three words are read to find the lowest number.

use core::num::NonZeroU32;

use super::records::cut;
use super::runs::BITS;

/// A set of numbers below 32 · 32 · 32: as many as a bitmap of 2^20 frames has words.
pub struct Summary {
    /// The lowest bitmap first.
    levels: [&'static mut [u32]; 3],
}

impl Summary {
    /// How many words of records the numbers below `end` need.
    pub fn size(end: u32) -> u32 {
        words_of_levels(end.div_ceil(BITS)).iter().sum()
    }

    /// The empty set. The records are all zero.
    pub fn new(end: u32, records: &mut &'static mut [u32]) -> Self {
        Self { levels: words_of_levels(end.div_ceil(BITS)).map(|count| cut(records, count)) }
    }

    /// The lowest number of the set.
    pub fn lowest(&self) -> Option<usize> {
        let mut number = 0;
        for level in self.levels.iter().rev() {
            let bit = NonZeroU32::new(level[number])?.trailing_zeros();
            number = number * BITS as usize + bit as usize;
        }
        Some(number)
    }

    /// Puts a number in.
    pub fn insert(&mut self, mut number: usize) {
        for level in &mut self.levels {
            level[number / BITS as usize] |= 1 << (number % BITS as usize);
            number /= BITS as usize;
        }
    }

    /// Takes a number out. As long as a word has other bits, nothing changes above it.
    pub fn remove(&mut self, mut number: usize) {
        for level in &mut self.levels {
            level[number / BITS as usize] &= !(1 << (number % BITS as usize));
            if level[number / BITS as usize] != 0 {
                return;
            }
            number /= BITS as usize;
        }
    }
}

/// How many words each bitmap has, from the lowest one up: a bit for each word of the bitmap before.
fn words_of_levels(lowest: u32) -> [u32; 3] {
    [lowest, lowest.div_ceil(BITS), lowest.div_ceil(BITS * BITS)]
}
