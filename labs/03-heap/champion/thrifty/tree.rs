//! The free blocks, as a tree that knows where they lie and which of them are large.
//!
//! Each block is in the tree once. Below any block are none that are larger, so the largest of all is
//! the root, and a part of the tree whose topmost block is too small is left out of every search. And
//! each step down halves the range of offsets: what is in the lower half lies below the link `low`, the
//! rest below `high`. So no path is longer than an offset has bits, whatever the blocks are, and nothing
//! ever has to be balanced. This is a *priority search tree* (McCreight, "Priority search trees", SIAM
//! Journal on Computing 14, 1985), in the variant that halves ranges of numbers.
//!
//! A search from the low end of the memory and one from its high end are the same search, seen in a
//! mirror: with all bits of the offsets inverted, what is highest is lowest.

use mm_api::HEAP_MAX;

use super::Heap;
use super::header::Block;
use super::region::WORD;

/// The offset of the word that leads to the root; 0 if no block is free.
pub const ROOT: u32 = 0;

/// From a free block's header to the link to those below it in the lower half.
pub const LOW: u32 = WORD;

/// The same for the higher half.
pub const HIGH: u32 = 2 * WORD;

/// The range of the first tree, in bytes: half of it is told apart by this bit of an offset.
pub const FIRST_HALF: u32 = 4096;

/// An end of the memory.
#[derive(Clone, Copy)]
pub enum End {
    Low,
    High,
}

impl End {
    /// What offsets are combined with so that those near this end are small.
    fn mirror(self) -> u32 {
        match self {
            Self::Low => 0,
            Self::High => HEAP_MAX - 1,
        }
    }
}

/// Where a link is, and the range of offsets that it leads to: `half` tells its halves apart.
#[derive(Clone, Copy)]
struct Slot {
    link: u32,
    half: u32,
}

impl Slot {
    /// The slot below a block in this one, on the way to the offset `at`.
    #[inline(always)]
    fn below(self, block: u32, at: u32) -> Self {
        let link = block + if at & self.half == 0 { LOW } else { HIGH };
        Self { link, half: self.half / 2 }
    }
}

impl Heap<'_> {
    #[inline(always)]
    fn root(&self) -> Slot {
        Slot { link: ROOT, half: self.half }
    }

    /// Puts a free block into the tree.
    pub(super) fn insert(&mut self, free: Block) {
        while free.at >= 2 * self.half {
            self.widen();
        }
        self.insert_below(self.root(), free);
    }

    /// Takes a free block out of the tree.
    pub(super) fn remove(&mut self, at: u32) {
        let (slot, _) = self.find(at);
        self.fill(slot, self.links(at));
    }

    /// Puts a free block into the tree in place of one that was a part of it, or that it is left of.
    pub(super) fn replace(&mut self, at: u32, free: Block) {
        let (slot, above) = self.find(at);
        let links = self.links(at);
        let is_in_range = (at ^ free.at) < 2 * slot.half;
        let is_in_order = above >= free.size && links.iter().all(|&link| self.size_of(link) <= free.size);
        if is_in_range && is_in_order {
            self.region.write(slot.link, free.at);
            self.set_links(free.at, links);
        } else {
            self.fill(slot, links);
            self.insert(free);
        }
    }

    /// Doubles the range of the tree. The largest block stays at its root; all others are in the
    /// lower half now.
    #[cold]
    fn widen(&mut self) {
        let root = self.region.read(ROOT);
        if root != 0 {
            self.fill(self.root(), self.links(root));
            self.set_links(root, [self.region.read(ROOT), 0]);
            self.region.write(ROOT, root);
        }
        self.half *= 2;
    }

    /// The slot that leads to a free block, and the size of the block above that.
    #[inline(always)]
    fn find(&self, at: u32) -> (Slot, u32) {
        let (mut slot, mut above) = (self.root(), 0);
        loop {
            let there = self.region.read(slot.link);
            // A path ends after as many steps as there are bits, also where a program has written to
            // freed memory.
            if there == at || slot.half == 0 {
                return (slot, if above == 0 { HEAP_MAX } else { self.region.open(above).size });
            }
            (slot, above) = (slot.below(there, at), there);
        }
    }

    /// Puts a free block into the part of the tree below a slot.
    #[inline(always)]
    fn insert_below(&mut self, slot: Slot, free: Block) {
        let (mut slot, mut free) = (slot, free);
        loop {
            let there = self.region.read(slot.link);
            if there == 0 {
                break;
            }
            let old = self.region.open(there);
            if free.size > old.size {
                // It takes the place of the smaller one, for which there is one further down.
                self.region.write(slot.link, free.at);
                self.set_links(free.at, self.links(old.at));
                (slot, free) = (slot.below(free.at, old.at), old);
            } else {
                slot = slot.below(old.at, free.at);
            }
        }
        self.region.write(slot.link, free.at);
        self.set_links(free.at, [0, 0]);
    }

    /// Fills a slot whose block is gone with the larger of the two that were below it, and so on
    /// downwards.
    #[inline(always)]
    fn fill(&mut self, slot: Slot, links: [u32; 2]) {
        let (mut link, [mut low, mut high]) = (slot.link, links);
        loop {
            let moves_low = self.size_of(low) >= self.size_of(high);
            let up = if moves_low { low } else { high };
            self.region.write(link, up);
            if up == 0 {
                return;
            }
            // It keeps the one that was beside it; where it was itself is filled next.
            let below = self.links(up);
            if moves_low {
                self.region.write(up + HIGH, high);
                link = up + LOW;
            } else {
                self.region.write(up + LOW, low);
                link = up + HIGH;
            }
            [low, high] = below;
        }
    }

    /// Of the free blocks of at least `need` bytes, the one nearest to an end of the memory; with
    /// `past`, the next one after that.
    pub(super) fn nearest(&self, need: u32, end: End, past: Option<Block>) -> Option<Block> {
        let mirror = end.mirror();
        // No block has this offset, seen from either end.
        let past = past.map_or(0, |block| block.at ^ mirror);
        let mut nearest = u32::MAX;
        let (mut at, mut half) = (self.region.read(ROOT), self.half);
        // The part of the tree where all blocks lie past, and as near to that as can be.
        let mut beyond = 0;
        while self.size_of(at) >= need {
            if at ^ mirror > past {
                nearest = nearest.min(at ^ mirror);
            }
            let [near, far] = self.links_from(at, end);
            if past & half != 0 {
                at = far;
            } else {
                if self.size_of(far) >= need {
                    beyond = far;
                }
                at = near;
            }
            half /= 2;
        }
        at = beyond;
        while self.size_of(at) >= need {
            nearest = nearest.min(at ^ mirror);
            let [near, far] = self.links_from(at, end);
            at = if self.size_of(near) >= need { near } else { far };
        }
        if nearest == u32::MAX { None } else { Some(self.region.open(nearest ^ mirror)) }
    }

    /// A free block of at least `need` bytes than which all are smaller that lie below it; of the two
    /// ways down, the one to an end of the memory, if it can be.
    pub(super) fn snug(&self, need: u32, end: End) -> Option<Block> {
        let mut at = self.region.read(ROOT);
        if self.size_of(at) < need {
            return None;
        }
        loop {
            let [near, far] = self.links_from(at, end);
            if self.size_of(near) >= need {
                at = near;
            } else if self.size_of(far) >= need {
                at = far;
            } else {
                return Some(self.region.open(at));
            }
        }
    }

    /// The size of the block that a link leads to; 0 if it leads to none.
    #[inline(always)]
    fn size_of(&self, at: u32) -> u32 {
        if at == 0 { 0 } else { self.region.open(at).size }
    }

    /// The links of a block: low, high.
    #[inline(always)]
    fn links(&self, at: u32) -> [u32; 2] {
        [self.region.read(at + LOW), self.region.read(at + HIGH)]
    }

    #[inline(always)]
    fn set_links(&mut self, at: u32, [low, high]: [u32; 2]) {
        self.region.write(at + LOW, low);
        self.region.write(at + HIGH, high);
    }

    /// The links of a block, first the one to the half that is nearer to this end.
    #[inline(always)]
    fn links_from(&self, at: u32, end: End) -> [u32; 2] {
        let [low, high] = self.links(at);
        match end {
            End::Low => [low, high],
            End::High => [high, low],
        }
    }
}
