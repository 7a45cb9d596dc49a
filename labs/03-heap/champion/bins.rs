//! The free blocks, in bins by size, and the wilderness, which is in none.
//!
//! There is one **bin** for each size below 128 bytes, and two for each power of two above: 32
//! bins, as many as a word has bits. A map of one word says which of them have blocks, and the
//! next such bin is found with a rotation and a search for the lowest bit. With two levels of
//! maps there would be more bins, each narrower (Masmano and others, "TLSF: a new dynamic memory
//! allocator for real-time systems", 2004), and every call would pay for the second.
//!
//! A block's **link** is the offset of the next block of its bin, or 0. Its **back link** is the
//! offset of the word that leads to it: the link of the block before it in the bin, or the word
//! at the region's beginning where the bin starts. So a block leaves its bin without asking which
//! bin that is.

use mm_api::{HEAP_ALIGN, HEAP_MAX};

use super::Heap;
use super::header::{Block, FREE};
use super::region::WORD;

/// The smallest block. A free one needs four words; of that size, there would be one bin more than
/// the map of the bins has bits.
pub const MIN_BLOCK: u32 = 6 * WORD;

/// From a free block's header to its link to the next one in its bin.
pub const NEXT: u32 = WORD;

/// From a free block's header to its back link, in the word behind the link.
pub const BACK: u32 = NEXT + WORD;

/// Below this many bytes, every size is a bin of its own.
pub const EXACT: u32 = 128;

/// Above that, every power of two is cut into `2^STEPS_LOG` bins.
const STEPS_LOG: u32 = 1;

/// How many blocks of a bin are looked at for one that is large enough. A look takes about eight
/// instructions.
const LOOKS: u32 = 2;

/// The bin of the smallest block. There are no bins before it, so the offset 0, where bin 0
/// would start, can mean "none".
pub const FIRST_BIN: u32 = MIN_BLOCK / HEAP_ALIGN;

/// The bin behind the last one.
pub const END_BIN: u32 = FIRST_BIN + u32::BITS;

/// The offset behind the words where bins start.
const HEADS_END: u32 = END_BIN * WORD;

/// The offset of the first block.
pub const FIRST: u32 = HEADS_END.next_multiple_of(HEAP_ALIGN) + HEAP_ALIGN - WORD;

/// The bin of a free block, or of a request, of `size` bytes.
///
/// Blocks of a higher bin are larger than all blocks of a lower bin. The last bin has all blocks
/// that are too large for the others.
#[inline(always)]
pub const fn bin_of(size: u32) -> u32 {
    if size < EXACT {
        size / HEAP_ALIGN
    } else {
        // The highest bits, from the first one on, count the steps within a power of two.
        let shift = size.ilog2() - STEPS_LOG;
        let bin = (size >> shift) + (shift << STEPS_LOG) + EXACT_BINS;
        if bin < END_BIN { bin } else { END_BIN - 1 }
    }
}

/// Added so that the first bin of several sizes follows the last bin of one size.
const EXACT_BINS: u32 = (EXACT / HEAP_ALIGN) - (1 << STEPS_LOG) - ((EXACT.ilog2() - STEPS_LOG) << STEPS_LOG);
const _: () = assert!(bin_of(EXACT) == bin_of(EXACT - HEAP_ALIGN) + 1 && bin_of(HEAP_MAX - HEAP_ALIGN) < END_BIN);

impl Heap<'_> {
    /// The wilderness; of size 0 if there is none.
    #[inline(always)]
    pub(super) fn wilderness(&self) -> Block {
        Block { at: self.wild, size: self.wild_size, flags: FREE }
    }

    /// Makes a free block, and puts it into its bin. The block before it is used, and the one
    /// behind it knows that this one is free.
    #[inline(always)]
    pub(super) fn put_in(&mut self, at: u32, size: u32) {
        self.region.mark_free(at, size);
        self.insert(at, bin_of(size));
    }

    /// Makes a free block the wilderness; otherwise as [`put_in`](Self::put_in).
    #[inline(always)]
    pub(super) fn put_in_wild(&mut self, at: u32, size: u32) {
        self.region.mark_free(at, size);
        (self.wild, self.wild_size) = (at, size);
    }

    /// Takes a free block from its bin, or from its place as the wilderness. Returns whether it was
    /// the wilderness.
    #[inline(always)]
    pub(super) fn take_out(&mut self, at: u32) -> bool {
        if at == self.wild {
            (self.wild, self.wild_size) = (0, 0);
            return true;
        }
        self.remove(at);
        false
    }

    /// Puts a free block at the beginning of this bin.
    #[inline(always)]
    pub(super) fn insert(&mut self, at: u32, bin: u32) {
        let head = bin * WORD;
        let next = self.region.read(head);
        self.region.write_pair(at + NEXT, [next, head]);
        self.region.write(head, at);
        if next != 0 {
            self.region.write(next + BACK, at + NEXT);
        } else {
            self.map |= 1_u32.rotate_left(bin);
        }
    }

    /// Takes a block out of its bin.
    #[inline(always)]
    pub(super) fn remove(&mut self, at: u32) {
        let [next, back] = self.region.read_pair(at + NEXT);
        self.region.write(back, next);
        if next != 0 {
            self.region.write(next + BACK, back);
        } else if back < HEADS_END {
            // It was the only one.
            self.map &= (!1_u32).rotate_left(back / WORD);
        }
    }

    /// A bit for each bin, from `bin` on. The bits of the bins before it follow behind the last bin's.
    #[inline(always)]
    fn map_from(&self, bin: u32) -> u32 {
        self.map.rotate_right(bin)
    }

    /// The first bin, from `bin` on, that has a block; [`END_BIN`] or more if there is none.
    #[inline(always)]
    pub(super) fn next_bin(&self, bin: u32) -> u32 {
        bin + self.map_from(bin).trailing_zeros()
    }

    /// The first block of a bin that has one.
    #[inline(always)]
    pub(super) fn first_of(&self, bin: u32) -> Block {
        let at = self.region.read(bin * WORD);
        // All blocks in such a bin have the same size.
        if bin < EXACT / HEAP_ALIGN { Block { at, size: bin * HEAP_ALIGN, flags: FREE } } else { self.region.open(at) }
    }

    /// A block of at least `need` bytes from the bins, and its bin.
    #[inline(always)]
    pub(super) fn find(&self, need: u32) -> Option<(Block, u32)> {
        let own = bin_of(need);
        let mut map = self.map_from(own);
        if need >= EXACT && map & 1 != 0 {
            if let Some(block) = self.fit_in(own, need) {
                return Some((block, own));
            }
            map &= !1;
        }
        let bin = own + map.trailing_zeros();
        if bin >= END_BIN {
            return None;
        }
        // Any block of a higher bin is large enough.
        Some((self.first_of(bin), bin))
    }

    /// A block of at least `need` bytes among the first few of a bin that has blocks.
    #[inline(always)]
    fn fit_in(&self, bin: u32, need: u32) -> Option<Block> {
        let mut at = self.region.read(bin * WORD);
        for _ in 0..LOOKS {
            let block = self.region.open(at);
            if block.size >= need {
                return Some(block);
            }
            at = self.region.read(at + NEXT);
            if at == 0 {
                break;
            }
        }
        None
    }
}
