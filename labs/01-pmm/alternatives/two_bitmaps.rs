//! Lab 01, a worked answer: the two bitmaps that the skeleton suggests, as simple as possible.
//!
//! Each step does what its name says, and a search begins at the beginning. All checks
//! pass except those on the cost of calls.
//!
//! Two bits per frame are 0.25 bytes.

use mm_api::layout::{FRAME_COUNT, PAGE_SIZE};
use mm_api::{
    Frame, FrameAllocator, FrameRange, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order, PhysRange,
    RegionKind,
};

/// Bits in a word of the records.
const BITS: u32 = u32::BITS;
/// Bytes in a frame.
const PAGE: u64 = PAGE_SIZE as u64;

/// The physical memory manager.
pub struct Pmm {
    /// One bit per frame, set if the frame is managed. Frame `n` has bit `n % 32`
    /// of word `n / 32`. Does not change once the manager is built.
    managed: &'static mut [u32],
    /// One bit per frame, in the same order, set if the frame is managed *and* free.
    free: &'static mut [u32],
    /// How many bits are set in `managed`.
    managed_count: u32,
    /// How many bits are set in `free`.
    free_count: u32,
}

// Bits.

/// The word and the bit of a frame.
fn place(number: u32) -> (usize, u32) {
    ((number / BITS) as usize, 1 << (number % BITS))
}

/// Whether a frame's bit is set. Past the end of the bitmap none is.
fn is_set(bitmap: &[u32], number: u32) -> bool {
    let (word, bit) = place(number);
    bitmap.get(word).is_some_and(|bits| bits & bit != 0)
}

// The memory map.

/// The bytes of the regions of this kind.
fn regions(map: &MemoryMap<'_>, kind: RegionKind) -> impl Iterator<Item = PhysRange> {
    let regions = map.regions.iter().filter(move |region| region.kind == kind);
    // A region may end past the last 64-bit address.
    regions.map(|region| PhysRange { start: region.base, end: region.base.saturating_add(region.length) })
}

/// The bytes that must not be used: the unusable regions and the reserved ranges. None is empty.
fn taken(map: &MemoryMap<'_>) -> impl Iterator<Item = PhysRange> {
    regions(map, RegionKind::Unusable).chain(map.reserved.iter().copied()).filter(|range| range.start < range.end)
}

/// Step 1: whether every byte of this frame is in some usable region, and no byte
/// is in an unusable region or in a reserved range.
fn is_usable(map: &MemoryMap<'_>, frame: Frame) -> bool {
    let start = u64::from(frame.number()) * PAGE;
    let end = start + PAGE;
    if taken(map).any(|range| range.start < end && start < range.end) {
        return false;
    }
    // The end of the part that is covered so far. Each round adds one region's part;
    // if no region adds any, a byte is in no region.
    let mut covered = start;
    while covered < end {
        match regions(map, RegionKind::Usable).find(|range| range.start <= covered && covered < range.end) {
            Some(range) => covered = range.end,
            None => return false,
        }
    }
    true
}

/// Step 2: the number after the last usable frame's; 0 if no frame is usable.
///
/// The frame after the last usable one contains the end of a usable region or the
/// beginning of an unusable one, or begins there.
fn end_of_usable(map: &MemoryMap<'_>) -> u32 {
    let bounds = regions(map, RegionKind::Usable).chain(taken(map)).flat_map(|range| [range.start, range.end]);
    let numbers = bounds.flat_map(|byte| [byte / PAGE, byte.div_ceil(PAGE)]);
    let numbers = numbers.map(|number| number.min(u64::from(FRAME_COUNT)) as u32);
    let is_past_usable = |number: &u32| {
        number.checked_sub(1).and_then(Frame::new).is_some_and(|frame| is_usable(map, frame))
    };
    numbers.filter(is_past_usable).max().unwrap_or(0)
}

/// Step 3: finds the place for the records: the lowest frames that hold `words`
/// words, follow each other, are all usable, and are all within `reachable`.
fn place_records(map: &MemoryMap<'_>, reachable: FrameRange, words: u32) -> Result<FrameRange, InitError> {
    let needed = (words * BITS / 8).div_ceil(PAGE_SIZE);
    let mut first = reachable.start();
    for frame in reachable.iter() {
        let next = frame.number() + 1;
        if !is_usable(map, frame) {
            first = next;
        } else if next - first == needed {
            return Ok(FrameRange::new(first, first + needed));
        }
    }
    Err(InitError::NoRoomForMetadata)
}

impl Pmm {
    /// Step 4: marks every usable frame as managed and free, except those that
    /// hold the `records`, and counts what it marked.
    fn mark_usable(&mut self, map: &MemoryMap<'_>, records: FrameRange) {
        for region in regions(map, RegionKind::Usable) {
            let end = region.end.div_ceil(PAGE).min(u64::from(FRAME_COUNT)) as u32;
            // For a region beyond 4 GiB the range is empty.
            let first = (region.start / PAGE).min(u64::from(FRAME_COUNT)) as u32;
            for frame in FrameRange::new(first, end).iter().filter(|&frame| !records.contains(frame)) {
                // If regions overlap, a frame comes twice.
                if !is_set(self.managed, frame.number()) && is_usable(map, frame) {
                    let (word, bit) = place(frame.number());
                    self.managed[word] |= bit;
                    self.free[word] |= bit;
                    self.managed_count += 1;
                    self.free_count += 1;
                }
            }
        }
    }

    /// The number after the last one that has a bit.
    fn end(&self) -> u32 {
        self.free.len() as u32 * BITS
    }
}

impl FrameAllocator for Pmm {
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        let end = end_of_usable(map);
        if end == 0 {
            return Err(InitError::NoUsableMemory);
        }
        let words_each = end.div_ceil(BITS);
        let place = place_records(map, lender.reachable(), 2 * words_each)?;
        let records = lender.lend(place).map_err(|_| InitError::NoRoomForMetadata)?;

        let (managed, rest) = records.split_at_mut(words_each as usize);
        let (free, _) = rest.split_at_mut(words_each as usize);
        let mut pmm = Self { managed, free, managed_count: 0, free_count: 0 };
        pmm.mark_usable(map, place);
        Ok(pmm)
    }

    /// Step 5: takes the lowest free frame.
    fn allocate(&mut self) -> Option<Frame> {
        let word = self.free.iter().position(|bits| *bits != 0)?;
        let bit = self.free[word].trailing_zeros();
        self.free[word] &= !(1 << bit);
        self.free_count -= 1;
        Frame::new(word as u32 * BITS + bit)
    }

    /// Step 6: tests first, and changes then.
    fn free(&mut self, frame: Frame) -> Result<(), FreeError> {
        if !is_set(self.managed, frame.number()) {
            return Err(FreeError::NotManaged);
        }
        if is_set(self.free, frame.number()) {
            return Err(FreeError::AlreadyFree);
        }
        let (word, bit) = place(frame.number());
        self.free[word] |= bit;
        self.free_count += 1;
        Ok(())
    }

    /// Step 7: tries one aligned place after the other.
    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        let size = order.frames();
        // The last place may reach past the end, where no bit is set: without a
        // subtraction, nothing underflows in memory that is smaller than a run.
        let is_free = |first: &u32| (*first..*first + size).all(|number| is_set(self.free, number));
        let first = (0..self.end()).step_by(size as usize).find(is_free)?;
        for number in first..first + size {
            let (word, bit) = place(number);
            self.free[word] &= !bit;
        }
        self.free_count -= size;
        FrameRun::new(Frame::new(first)?, order)
    }

    /// Step 8: three passes over the run.
    fn free_run(&mut self, run: FrameRun) -> Result<(), FreeError> {
        if !run.frames().iter().all(|frame| is_set(self.managed, frame.number())) {
            return Err(FreeError::NotManaged);
        }
        if run.frames().iter().any(|frame| is_set(self.free, frame.number())) {
            return Err(FreeError::AlreadyFree);
        }
        for frame in run.frames().iter() {
            let (word, bit) = place(frame.number());
            self.free[word] |= bit;
        }
        self.free_count += run.order().frames();
        Ok(())
    }

    fn free_frames(&self) -> u32 {
        self.free_count
    }

    fn managed_frames(&self) -> u32 {
        self.managed_count
    }
}
