//! Lab 01, another correct implementation: a list of free extents.
//!
//! An *extent* is a maximal sequence of consecutive free frames.
//! All extents are chained in a list. Every frame has a record of three
//! words: whether it is free, allocated or not managed at all, and, where an
//! extent begins or ends, the number of its other end. The records of the two
//! neighbours of freed frames tell whether an extent ends or begins there,
//! which then grows.
//!
//! A single frame comes from the first extent of the list, at once. For a run
//! the list is searched for an extent that contains an aligned run.
//!
//! A frame costs 12 bytes.
//!
//! Knuth, "The Art of Computer Programming", volume 1, section 2.5, describes
//! such tags at both ends of a free block as "boundary tags".

use mm_api::layout::{FRAME_COUNT, PAGE_SIZE};
use mm_api::{
    Frame, FrameAllocator, FrameRange, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order, RegionKind,
};

/// The state of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NotManaged,
    Allocated,
    Free,
}

/// The record of a frame: its state and the other end of its extent, the next
/// extent, and the one before. The last two are those of an extent's first frame.
type Record = [u32; 3];

/// No extent.
const NONE: u32 = u32::MAX;

/// The physical memory manager.
pub struct Pmm {
    /// The records of all frames from the first to the last that may be usable.
    records: &'static mut [Record],
    /// The number of the first record's frame.
    base: u32,
    /// The first frame of the first extent, or [`NONE`]. Counted from `base`, as all frames in the records are.
    head: u32,
    free: u32,
    managed: u32,
}

impl FrameAllocator for Pmm {
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        let span = span(map).ok_or(InitError::NoUsableMemory)?;
        let bytes = span.len() * size_of::<Record>() as u32;
        let borrowed = place(map, lender.reachable(), bytes.div_ceil(PAGE_SIZE));
        if borrowed.is_none() && !(span.start()..span.end()).any(|number| is_usable(map, number..number + 1)) {
            return Err(InitError::NoUsableMemory);
        }
        let borrowed = borrowed.ok_or(InitError::NoRoomForMetadata)?;
        let words = lender.lend(borrowed).map_err(|_| InitError::NoRoomForMetadata)?;

        let (records, _) = words.as_chunks_mut();
        let records = &mut records[..span.len() as usize];
        let mut pmm = Self { records, base: span.start(), head: NONE, free: 0, managed: 0 };
        pmm.paint(map, borrowed);
        pmm.collect();
        if pmm.managed == 0 { Err(InitError::NoUsableMemory) } else { Ok(pmm) }
    }

    fn allocate(&mut self) -> Option<Frame> {
        self.allocate_run(Order::ZERO).map(FrameRun::first)
    }

    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        let frames = order.frames();
        let mut extent = self.head;
        while extent != NONE {
            let end = self.other_end(extent) + 1;
            // Alignment counts from frame 0, not from the first record.
            let first = (self.base + extent).next_multiple_of(frames) - self.base;
            if first + frames <= end {
                self.take(extent, first, first + frames, end);
                return FrameRun::new(Frame::new(self.base + first)?, order);
            }
            extent = self.records[extent as usize][1];
        }
        None
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
    /// Takes the frames `first .. last` out of the extent `extent .. end`, of which up to two extents remain.
    fn take(&mut self, extent: u32, first: u32, last: u32, end: u32) {
        self.unlink(extent);
        for frame in first..last {
            self.set_state(frame, State::Allocated);
        }
        if extent < first {
            self.link(extent, first);
        }
        if last < end {
            self.link(last, end);
        }
        self.free -= last - first;
    }

    /// Takes back the frames from number `number` on.
    fn give(&mut self, number: u32, count: u32) -> Result<(), FreeError> {
        let mut first = number.checked_sub(self.base).ok_or(FreeError::NotManaged)?;
        let mut end = first + count;
        if end as usize > self.records.len() {
            return Err(FreeError::NotManaged);
        }
        let is = |state| (first..end).any(|frame| self.state(frame) == state);
        if is(State::NotManaged) {
            return Err(FreeError::NotManaged);
        }
        if is(State::Free) {
            return Err(FreeError::AlreadyFree);
        }
        for frame in first..end {
            self.set_state(frame, State::Free);
        }
        self.free += count;
        if first > 0 && self.state(first - 1) == State::Free {
            first = self.other_end(first - 1);
            self.unlink(first);
        }
        if (end as usize) < self.records.len() && self.state(end) == State::Free {
            let extent = end;
            end = self.other_end(extent) + 1;
            self.unlink(extent);
        }
        self.link(first, end);
        Ok(())
    }

    /// Puts the frames `first .. end`, which are free, at the head of the list as one extent.
    fn link(&mut self, first: u32, end: u32) {
        self.set_other_end(first, end - 1);
        self.set_other_end(end - 1, first);
        if self.head != NONE {
            self.records[self.head as usize][2] = first;
        }
        self.records[first as usize][1] = self.head;
        self.records[first as usize][2] = NONE;
        self.head = first;
    }

    /// Takes an extent out of the list.
    fn unlink(&mut self, extent: u32) {
        let [_, next, before] = self.records[extent as usize];
        match before {
            NONE => self.head = next,
            before => self.records[before as usize][1] = next,
        }
        if next != NONE {
            self.records[next as usize][2] = before;
        }
    }

    /// Marks the usable frames that are not borrowed as free; all others are not managed, which zeros mean.
    fn paint(&mut self, map: &MemoryMap<'_>, borrowed: FrameRange) {
        let usable = map.regions.iter().filter(|region| region.kind == RegionKind::Usable);
        for (start, end) in usable.map(|region| bytes(region.base, region.length)) {
            let (first, end) = outward(start, end);
            for number in first..end {
                // Most frames lie completely in one region; the first and the last may need others.
                let edge = number == first || number + 1 == end;
                if !edge || is_covered(map, number..number + 1) {
                    self.set_state(number - self.base, State::Free);
                }
            }
        }
        let records = self.records.len() as u32;
        for (start, end) in blockers(map).chain([bytes_of(borrowed)]) {
            let (first, end) = outward(start, end);
            for number in first.max(self.base)..end.min(self.base + records) {
                self.set_state(number - self.base, State::NotManaged);
            }
        }
    }

    /// Makes extents of all free frames, the lowest first in the list, and counts the frames.
    fn collect(&mut self) {
        let mut end = self.records.len() as u32;
        while end > 0 {
            let mut first = end;
            while first > 0 && self.state(first - 1) == State::Free {
                first -= 1;
            }
            if first < end {
                self.link(first, end);
                self.managed += end - first;
            }
            end = first.saturating_sub(1);
        }
        self.free = self.managed;
    }

    fn state(&self, frame: u32) -> State {
        match self.records[frame as usize][0] >> 30 {
            0 => State::NotManaged,
            1 => State::Allocated,
            _ => State::Free,
        }
    }

    fn set_state(&mut self, frame: u32, state: State) {
        self.records[frame as usize][0] = (state as u32) << 30;
    }

    /// The last frame of an extent, given its first; the first, given its last.
    fn other_end(&self, frame: u32) -> u32 {
        self.records[frame as usize][0] & ((1 << 30) - 1)
    }

    fn set_other_end(&mut self, frame: u32, other: u32) {
        self.records[frame as usize][0] = (State::Free as u32) << 30 | other;
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
