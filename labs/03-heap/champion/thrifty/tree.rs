//! The free blocks, as a tree ordered by where they lie and how large they are.
//!
//! Each block is in the tree once. No block is larger than the block above it, so the largest of all is
//! the root, and a search leaves out every part of the tree whose topmost block is too small. And each
//! step down halves the range of offsets: blocks in the lower half are below the link `low`, blocks in
//! the higher half below `high`. So no path is longer than an offset has bits, and the tree never has to
//! be balanced. This is a *priority search tree* (McCreight, "Priority search trees", SIAM Journal on
//! Computing 14, 1985), in the variant that halves ranges of numbers.

use super::Heap;
use super::header::Block;
use super::region::WORD;

/// The offset of the word that leads to the root; 0 if no block is free.
pub const ROOT: u32 = 0;

/// From a free block's header to its link to the blocks below it in the lower half.
pub const LOW: u32 = WORD;

/// From a free block's header to its link for the higher half, in the word behind `LOW`.
pub const HIGH: u32 = LOW + WORD;

/// The bit that tells the halves of the first tree's range apart: half of that range, in bytes.
pub const FIRST_HALF: u32 = 4096;

/// An end of the memory.
#[derive(Clone, Copy)]
enum End {
    Low,
    High,
}

/// The place of a link, and the range of offsets that it leads to: `half` tells that range's halves apart.
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

/// A free block, and the slot that leads to it.
#[derive(Clone, Copy)]
pub struct Found {
    pub free: Block,
    slot: Slot,
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

    /// Takes out of the tree a free block that a search found.
    pub(super) fn take(&mut self, Found { free, slot }: Found) {
        self.fill(slot, self.links(free.at));
    }

    /// Replaces a free block in the tree by the rest of it, in the same place if possible.
    pub(super) fn diminish(&mut self, Found { free, slot }: Found, rest: Block) {
        let links = self.links(free.at);
        let is_in_range = (free.at ^ rest.at) < 2 * slot.half;
        if is_in_range && links.iter().all(|&link| self.size_of(link) <= rest.size) {
            self.put(slot, rest.at, links);
        } else {
            self.fill(slot, links);
            self.insert(rest);
        }
    }

    /// Replaces the free block at `at` in the tree by the block that it has grown to, in the same place
    /// if possible.
    pub(super) fn enlarge(&mut self, at: u32, grown: Block) {
        let (slot, above) = self.find(at);
        let links = self.links(at);
        let is_in_range = (at ^ grown.at) < 2 * slot.half;
        if is_in_range && (above == 0 || self.size_of(above) >= grown.size) {
            self.put(slot, grown.at, links);
        } else {
            self.fill(slot, links);
            self.insert(grown);
        }
    }

    #[inline(always)]
    fn put(&mut self, slot: Slot, at: u32, links: [u32; 2]) {
        self.region.write(slot.link, at);
        self.set_links(at, links);
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

    /// The slot that leads to a free block, and the block above that; 0 if there is none.
    #[inline(always)]
    fn find(&self, at: u32) -> (Slot, u32) {
        let (mut slot, mut above) = (self.root(), 0);
        loop {
            let there = self.region.read(slot.link);
            // A path ends after as many steps as an offset has bits, even if a program has written to
            // freed memory.
            if there == at || slot.half == 0 {
                return (slot, above);
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
                // It takes the place of the smaller block, which moves further down.
                self.put(slot, free.at, self.links(old.at));
                (slot, free) = (slot.below(free.at, old.at), old);
            } else {
                slot = slot.below(old.at, free.at);
            }
        }
        self.put(slot, free.at, [0, 0]);
    }

    /// Fills a slot whose block is gone with the larger of the two blocks that were below it, and so on
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

    /// The lowest free block of at least `need` bytes.
    pub(super) fn lowest(&self, need: u32) -> Option<Found> {
        let mut lowest = (u32::MAX, self.root());
        self.descend(self.root(), need, End::Low, |at, slot| {
            if at < lowest.0 {
                lowest = (at, slot);
            }
        });
        self.found(lowest)
    }

    /// The lowest free block of at least `need` bytes that lies behind `past`.
    pub(super) fn lowest_behind(&self, past: Block, need: u32) -> Option<Found> {
        let mut lowest = (u32::MAX, self.root());
        let mut look = |at, slot| {
            if at > past.at && at < lowest.0 {
                lowest = (at, slot);
            }
        };
        // The nearest part of the tree in which all blocks lie behind it.
        let mut beyond = None;
        let (mut slot, mut at) = (self.root(), self.region.read(ROOT));
        while self.size_of(at) >= need {
            look(at, slot);
            let [_, high] = self.links(at);
            if past.at & slot.half == 0 && self.size_of(high) >= need {
                beyond = Some(slot.below(at, high));
            }
            slot = slot.below(at, past.at);
            at = self.region.read(slot.link);
        }
        if let Some(beyond) = beyond {
            self.descend(beyond, need, End::Low, look);
        }
        self.found(lowest)
    }

    /// A free block of at least `need` bytes, below which in the tree all are smaller than that: high in the
    /// memory, and not much too large. The largest block is chosen only if no other is large enough.
    pub(super) fn snug(&self, need: u32) -> Option<Found> {
        let mut last = (u32::MAX, self.root());
        self.descend(self.root(), need, End::High, |at, slot| last = (at, slot));
        self.found(last)
    }

    /// Goes down from a slot as long as there is a block of at least `need` bytes. If both halves have
    /// one, it goes to the half at this end of the memory. It shows each such block to `look`.
    #[inline(always)]
    fn descend(&self, slot: Slot, need: u32, end: End, mut look: impl FnMut(u32, Slot)) {
        let (mut slot, mut at) = (slot, self.region.read(slot.link));
        if self.size_of(at) < need {
            return;
        }
        loop {
            look(at, slot);
            let [low, high] = self.links(at);
            let (near, far) = match end {
                End::Low => (low, high),
                End::High => (high, low),
            };
            let next = if self.size_of(near) >= need {
                near
            } else if self.size_of(far) >= need {
                far
            } else {
                return;
            };
            (slot, at) = (slot.below(at, next), next);
        }
    }

    /// The result of a search: nothing if `at` is no offset of a block.
    #[inline(always)]
    fn found(&self, (at, slot): (u32, Slot)) -> Option<Found> {
        if at == u32::MAX { None } else { Some(Found { free: self.region.open(at), slot }) }
    }

    /// The size of the block that a link leads to; 0 if it leads to none.
    #[inline(always)]
    fn size_of(&self, at: u32) -> u32 {
        if at == 0 { 0 } else { self.region.open(at).size }
    }

    /// The links of a block: low, high.
    #[inline(always)]
    fn links(&self, at: u32) -> [u32; 2] {
        self.region.read_pair(at + LOW)
    }

    #[inline(always)]
    fn set_links(&mut self, at: u32, links: [u32; 2]) {
        self.region.write_pair(at + LOW, links);
    }
}
