//! Cutting aligned blocks from free ones.

use super::Heap;
use super::bins::{END_BIN, MIN_BLOCK, NEXT, bin_of};
use super::header::{Block, PREV_FREE};
use super::region::WORD;

/// The last place for an aligned block up to `at`.
#[inline(always)]
fn last_aligned(at: u32, align: u32) -> u32 {
    (at.wrapping_add(WORD) & align.wrapping_neg()).wrapping_sub(WORD)
}

/// The last place in a free block where an aligned block of `need` bytes fits, if there is
/// one. The rest in front of it is nothing, or enough for a block.
#[inline(always)]
fn aligned_place(free: Block, need: u32, align: u32) -> Option<u32> {
    let mut at = last_aligned(free.end().wrapping_sub(need), align);
    if at.wrapping_sub(free.at) < MIN_BLOCK && at != free.at {
        at = at.wrapping_sub(align);
    }
    if at.wrapping_sub(free.at) < free.size { Some(at) } else { None }
}

/// A free block that an aligned block may be cut from.
#[derive(Clone, Copy)]
struct Candidate {
    free: Block,
    bin: u32,
    /// Where the aligned block would lie.
    at: u32,
}

impl Heap<'_> {
    /// Hands out an aligned block of `need` bytes, without looking far; 0 if there is none.
    ///
    /// This is a function of its own, so that it takes no register from the others.
    #[inline(never)]
    pub(super) fn place_aligned(&mut self, need: u32, align: u32) -> u32 {
        // A block of that many bytes has an aligned place in it wherever it lies, with enough in
        // front of it for a free block.
        let sure = need + align + MIN_BLOCK;
        if self.wild_size >= sure {
            let end = self.wilderness().end();
            let at = last_aligned(end - need, align);
            self.put_in_wild(self.wild, at - self.wild);
            self.settle(Block { at, size: end - at, flags: PREV_FREE }, need);
            return at;
        }
        let Some((free, bin)) = self.find_sure(sure) else { return 0 };
        self.cut(Candidate { free, bin, at: last_aligned(free.end() - need, align) }, need)
    }

    /// A block of at least `need` bytes: the first of the first bin that may have one, or of the
    /// next bin.
    #[inline(always)]
    fn find_sure(&self, need: u32) -> Option<(Block, u32)> {
        for start in [bin_of(need), bin_of(need) + 1] {
            let bin = self.next_bin(start);
            if bin >= END_BIN {
                return None;
            }
            let block = self.first_of(bin);
            if block.size >= need {
                return Some((block, bin));
            }
        }
        None
    }

    /// Makes `need` bytes of a free block a used block. The rests in front and behind become free
    /// blocks.
    #[inline(always)]
    fn cut(&mut self, Candidate { free, bin, at }: Candidate, need: u32) -> u32 {
        let front = at - free.at;
        if front == 0 {
            self.remove(free.at);
            self.settle(Block { flags: 0, ..free }, need);
        } else {
            self.shorten_free(free.at, front, bin);
            self.settle(Block { at, size: free.size - front, flags: PREV_FREE }, need);
        }
        at
    }

    /// Hands out a block of `need` bytes from the first free block in a bin that has room for it.
    /// It misses no free block, and is called before the memory grows.
    #[cold]
    #[inline(never)]
    pub(super) fn place_anywhere(&mut self, need: u32, align: u32) -> Option<u32> {
        let mut bin = self.next_bin(bin_of(need));
        while bin < END_BIN {
            let mut block = self.region.read(bin * WORD);
            while block != 0 {
                let free = self.region.open(block);
                if let Some(at) = aligned_place(free, need, align) {
                    return Some(self.cut(Candidate { free, bin, at }, need));
                }
                block = self.region.read(block + NEXT);
            }
            bin = self.next_bin(bin + 1);
        }
        let wild = self.wilderness();
        let at = aligned_place(wild, need, align)?;
        self.take_out(wild.at);
        if at == wild.at {
            self.settle_wild(Block { flags: 0, ..wild }, need);
        } else {
            self.put_in_wild(wild.at, at - wild.at);
            self.settle(Block { at, size: wild.end() - at, flags: PREV_FREE }, need);
        }
        Some(at)
    }
}
