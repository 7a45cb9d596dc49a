//! Which frames are free, and where the runs are.
//!
//! A run of up to 32 frames lies within a word of the bitmap, and can be seen
//! there with a few shifts. For each such size there is a summary of the words
//! that have a run of it.
//!
//! Larger runs are found in the same way: a second bitmap has one bit for each word
//! of the first, set if the word is all ones. In it, a run of `n` bits is a run
//! of `32 n` frames.

use core::ops::Range;

use mm_api::{Frame, FrameRun, Order};

use super::records::cut;
use super::runs::{BITS, ORDERS, order_count, runs};
use super::summary::Summary;

/// The free frames.
pub struct FreeMap {
    /// A bitmap with one bit a frame, and one with a bit for each word of the first.
    levels: [Level; 2],
}

/// A bitmap, and where in it there are runs that lie within a word.
struct Level {
    words: &'static mut [u32],
    /// For each order up to that of a word, the words that have a run of it.
    with_run: [Summary; ORDERS],
}

impl FreeMap {
    /// How many words of records `words` words of frames need.
    pub fn size(words: u32) -> u32 {
        let size_of_level = |count| count + ORDERS as u32 * Summary::size(count);
        size_of_level(words) + size_of_level(words.div_ceil(BITS))
    }

    /// No frame is free yet. The records are all zero.
    pub fn new(words: u32, records: &mut &'static mut [u32]) -> Self {
        let levels = [words, words.div_ceil(BITS)].map(|count| Level {
            words: cut(records, count),
            with_run: [count; ORDERS].map(|count| Summary::new(count, records)),
        });
        Self { levels }
    }

    /// Whether some frame is free that these bits stand for in one of these words,
    /// none of which is past the end of the records.
    pub fn has_any(&self, words: Range<usize>, bits: u32) -> bool {
        self.levels[0].words[words].iter().any(|word| word & bits != 0)
    }

    /// The lowest free run of this order.
    #[inline]
    pub fn find_run(&self, order: Order) -> Option<FrameRun> {
        // The second level's runs of order 1 are of order 6, and so on.
        let level = order.power() as usize / ORDERS;
        let power = order.power() as usize - level * (ORDERS - 1);
        let Level { words, with_run } = &self.levels[level];
        let word = with_run[power].lowest()?;
        let bit = word as u32 * BITS + runs(words[word], power).trailing_zeros();
        FrameRun::new(Frame::new(bit << (level * (ORDERS - 1)))?, order)
    }

    /// Makes the frames of these bits allocated, if all of them are free, or free,
    /// if all of them are allocated. There is at least one.
    pub fn flip(&mut self, word: usize, bits: u32) {
        let (before, after) = self.levels[0].flip(word, bits);
        if before == u32::MAX || after == u32::MAX {
            self.levels[1].flip(word / BITS as usize, 1 << (word % BITS as usize));
        }
    }
}

impl Level {
    /// Flips bits of a word, and answers with the word before and after.
    fn flip(&mut self, word: usize, bits: u32) -> (u32, u32) {
        let (before, after) = (self.words[word], self.words[word] ^ bits);
        self.words[word] = after;
        let (had, has) = (order_count(before), order_count(after));
        (had..has).for_each(|power| self.with_run[power].insert(word));
        (has..had).for_each(|power| self.with_run[power].remove(word));
        (before, after)
    }
}
