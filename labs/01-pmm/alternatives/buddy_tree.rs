//! Lab 01, another correct implementation: a buddy tree.
//!
//! A binary tree stands over all frame numbers from the first to the last
//! usable one. A leaf is a frame, a node of height `h` is an aligned block of
//! `2^h` frames, and every node knows the *rank* of its block: 0 if nothing in
//! it is free, otherwise 1 + the order of the largest free run in it. To find a
//! run, walk down from the root to a block of its size. After a change, the
//! ranks are updated on the way up.
//!
//! Ranks go up to 11, so four bits hold one: eight nodes share a word. Leaves
//! have one more value, for a frame that is not managed.
//!
//! A frame costs one byte or more, since the number of leaves is a power of
//! two, and an allocation costs a step for every level of the tree.
//!
//! Knowlton, "A Fast Storage Allocator", CACM 8 (1965), describes buddies.

use mm_api::layout::{FRAME_COUNT, PAGE_SIZE};
use mm_api::{
    Frame, FrameAllocator, FrameRange, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order, RegionKind,
};

/// The value of the leaf of a frame that is not managed.
const NOT_MANAGED: u32 = 0xF;
/// Nodes in a word.
const NODES: u32 = 8;

/// The physical memory manager.
pub struct Pmm {
    /// The nodes' values. Node 1 is the root, the children of node `n` are `2 n` and `2 n + 1`.
    nodes: &'static mut [u32],
    /// How many leaves there are: a power of two. The first leaf is the node of this number.
    leaves: u32,
    /// The number of the first leaf's frame: a multiple of the largest run.
    base: u32,
    free: u32,
    managed: u32,
}

impl FrameAllocator for Pmm {
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        let span = span(map).ok_or(InitError::NoUsableMemory)?;
        let base = span.start() / Order::MAX.frames() * Order::MAX.frames();
        let leaves = (span.end() - base).next_power_of_two().max(NODES);
        let bytes = 2 * leaves / NODES * 4;
        let borrowed = place(map, lender.reachable(), bytes.div_ceil(PAGE_SIZE));
        if borrowed.is_none() && !(span.start()..span.end()).any(|number| is_usable(map, number..number + 1)) {
            return Err(InitError::NoUsableMemory);
        }
        let borrowed = borrowed.ok_or(InitError::NoRoomForMetadata)?;
        let nodes = lender.lend(borrowed).map_err(|_| InitError::NoRoomForMetadata)?;

        let mut pmm = Self { nodes, leaves, base, free: 0, managed: 0 };
        pmm.paint(map, borrowed);
        if pmm.managed == 0 { Err(InitError::NoUsableMemory) } else { Ok(pmm) }
    }

    fn allocate(&mut self) -> Option<Frame> {
        self.allocate_run(Order::ZERO).map(FrameRun::first)
    }

    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        let (mut node, mut height) = (1, self.leaves.ilog2());
        let wanted = order.power() + 1;
        if height < order.power() || self.rank(node) < wanted {
            return None;
        }
        while height > order.power() {
            // Of two blocks that are large enough, the one whose largest run is smaller.
            let (left, right) = (self.rank(2 * node), self.rank(2 * node + 1));
            node = 2 * node + u32::from(left < wanted || wanted <= right && right < left);
            height -= 1;
        }
        let first = (node << height) - self.leaves;
        self.fill(first, order.frames(), 0);
        FrameRun::new(Frame::new(self.base + first)?, order)
    }

    fn free(&mut self, frame: Frame) -> Result<(), FreeError> {
        self.give(frame.number(), 1)
    }

    fn free_run(&mut self, run: FrameRun) -> Result<(), FreeError> {
        self.give(run.first().number(), run.order().frames())
    }

    fn free_frames(&self) -> u32 {
        self.free
    }

    fn managed_frames(&self) -> u32 {
        self.managed
    }
}

impl Pmm {
    /// Takes back the frames from number `first` on.
    fn give(&mut self, first: u32, count: u32) -> Result<(), FreeError> {
        let leaf = first.checked_sub(self.base).ok_or(FreeError::NotManaged)?;
        if leaf + count > self.leaves {
            return Err(FreeError::NotManaged);
        }
        let values = || (leaf..leaf + count).map(|leaf| self.value(self.leaves + leaf));
        if values().any(|value| value == NOT_MANAGED) {
            return Err(FreeError::NotManaged);
        }
        if values().any(|value| value != 0) {
            return Err(FreeError::AlreadyFree);
        }
        self.fill(leaf, count, 1);
        Ok(())
    }

    /// Marks all leaves of an aligned block as allocated (0) or free (1), and updates all ranks.
    fn fill(&mut self, first: u32, count: u32, value: u32) {
        self.free = if value == 0 { self.free - count } else { self.free + count };
        let (mut from, mut to, mut height) = (self.leaves + first, self.leaves + first + count, 0);
        for node in from..to {
            self.set(node, value);
        }
        while from > 1 {
            (from, to, height) = (from / 2, (to - 1) / 2 + 1, height + 1);
            for node in from..to {
                self.put_right(node, height);
            }
        }
    }

    /// Computes the rank of a node from those of its children.
    fn put_right(&mut self, node: u32, height: u32) {
        let (left, right) = (self.rank(2 * node), self.rank(2 * node + 1));
        // Two children that are completely free are one run, unless that would exceed the largest order.
        let both = left == height && right == height && height <= Order::MAX.power();
        self.set(node, if both { height + 1 } else { left.max(right) });
    }

    /// Marks the usable frames that are not borrowed as free, and all others as not managed.
    fn paint(&mut self, map: &MemoryMap<'_>, borrowed: FrameRange) {
        for leaf in 0..self.leaves {
            self.set(self.leaves + leaf, NOT_MANAGED);
        }
        let usable = map.regions.iter().filter(|region| region.kind == RegionKind::Usable);
        for (start, end) in usable.map(|region| bytes(region.base, region.length)) {
            let (first, end) = outward(start, end);
            for number in first..end {
                // Most frames lie completely in one region; the first and the last may need others.
                let edge = number == first || number + 1 == end;
                if !edge || is_covered(map, number..number + 1) {
                    self.set(self.leaves + number - self.base, 1);
                }
            }
        }
        for (start, end) in blockers(map).chain([bytes_of(borrowed)]) {
            let (first, end) = outward(start, end);
            for number in first.max(self.base)..end.min(self.base + self.leaves) {
                self.set(self.leaves + number - self.base, NOT_MANAGED);
            }
        }
        self.managed = (0..self.leaves).map(|leaf| self.rank(self.leaves + leaf)).sum();
        self.free = self.managed;
        for node in (1..self.leaves).rev() {
            self.put_right(node, self.leaves.ilog2() - node.ilog2());
        }
    }

    fn value(&self, node: u32) -> u32 {
        self.nodes[(node / NODES) as usize] >> (node % NODES * 4) & 0xF
    }

    fn rank(&self, node: u32) -> u32 {
        match self.value(node) {
            NOT_MANAGED => 0,
            rank => rank,
        }
    }

    fn set(&mut self, node: u32, value: u32) {
        let word = &mut self.nodes[(node / NODES) as usize];
        let shift = node % NODES * 4;
        *word = *word & !(0xF << shift) | value << shift;
    }
}

/// The frames from the first that has a usable byte to the last that has one.
fn span(map: &MemoryMap<'_>) -> Option<FrameRange> {
    let usable = map.regions.iter().filter(|region| region.kind == RegionKind::Usable);
    let frames = usable.map(|region| bytes(region.base, region.length)).filter(|(start, end)| start < end);
    let frames = frames.map(|(start, end)| outward(start, end));
    let (first, end) = frames.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    Some(FrameRange::new(first, end))
}

/// The lowest `count` frames that are reachable and usable.
fn place(map: &MemoryMap<'_>, reachable: FrameRange, count: u32) -> Option<FrameRange> {
    let starts = map.regions.iter().map(|region| bytes(region.base, region.length).0.div_ceil(u64::from(PAGE_SIZE)));
    let after = blockers(map).map(|(_, end)| end.div_ceil(u64::from(PAGE_SIZE)));
    // The lowest place begins, wherever it is, where some region or range begins or ends.
    let starts =
        starts.chain(after).chain([u64::from(reachable.start())]).filter_map(|first| u32::try_from(first).ok());
    let fits = |first: &u32| {
        let (first, end) = (*first, first.saturating_add(count));
        reachable.start() <= first && end <= reachable.end() && is_usable(map, first..end)
    };
    starts.filter(fits).min().map(|first| FrameRange::new(first, first + count))
}

/// Whether every byte of these frames is in some usable region and none is unusable or reserved.
fn is_usable(map: &MemoryMap<'_>, frames: core::ops::Range<u32>) -> bool {
    let apart = |(start, end)| {
        let (first, end) = outward(start, end);
        end <= frames.start || frames.end <= first
    };
    frames.end <= FRAME_COUNT && blockers(map).all(apart) && is_covered(map, frames)
}

/// Whether every byte of these frames is in some usable region.
fn is_covered(map: &MemoryMap<'_>, frames: core::ops::Range<u32>) -> bool {
    let (mut covered, end) =
        (u64::from(frames.start) * u64::from(PAGE_SIZE), u64::from(frames.end) * u64::from(PAGE_SIZE));
    while covered < end {
        let usable = map.regions.iter().filter(|region| region.kind == RegionKind::Usable);
        let here = usable.map(|region| bytes(region.base, region.length)).filter(|r| r.0 <= covered && covered < r.1);
        match here.map(|(_, end)| end).max() {
            Some(reach) => covered = reach,
            None => return false,
        }
    }
    true
}

/// The bytes of all unusable regions and reserved ranges.
fn blockers(map: &MemoryMap<'_>) -> impl Iterator<Item = (u64, u64)> {
    let unusable = map.regions.iter().filter(|region| region.kind == RegionKind::Unusable);
    let unusable = unusable.map(|region| bytes(region.base, region.length));
    let reserved = map.reserved.iter().map(|range| bytes(range.start, range.end.saturating_sub(range.start)));
    unusable.chain(reserved).filter(|(start, end)| start < end)
}

/// The first and the end of some bytes, cut at 4 GiB.
fn bytes(start: u64, length: u64) -> (u64, u64) {
    let limit = u64::from(FRAME_COUNT) * u64::from(PAGE_SIZE);
    (start.min(limit), start.saturating_add(length).min(limit))
}

fn bytes_of(frames: FrameRange) -> (u64, u64) {
    (u64::from(frames.start()) * u64::from(PAGE_SIZE), u64::from(frames.end()) * u64::from(PAGE_SIZE))
}

/// The frames that some bytes below 4 GiB lie in: the first one's number and the end.
fn outward(start: u64, end: u64) -> (u32, u32) {
    if start < end {
        ((start / u64::from(PAGE_SIZE)) as u32, end.div_ceil(u64::from(PAGE_SIZE)) as u32)
    } else {
        (0, 0)
    }
}
