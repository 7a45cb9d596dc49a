//! Lab 01, the reference: two bitmaps, and summaries that say where to look.
//!
//! The records are those that the skeleton suggests: for each frame, one bit
//! that says whether it is managed, and one that says whether it is free. One
//! more idea makes them quick, the *summary*: a smaller bitmap over the words of
//! a larger one. There is a summary for each size of a run, so that the first
//! word that has such a run is found without a search.
//!
//! | File | What it is about | Steps |
//! |:---|:---|:---|
//! | `usable.rs` | which frames are usable | 1, 2 |
//! | `records.rs` | where the records go | 3 |
//! | `bitmap.rs` | which frames are managed, and the answers to the kernel | 4 to 8 |
//! | `free_map.rs` | which frames are free, and where the runs are | |
//! | `summary.rs` | the lowest of many numbers, without a search | |
//! | `runs.rs` | runs as bits of words | |
//!
//! The two bitmaps take 0.25 bytes a frame, and all that is above them takes 0.03.

mod free_map;
mod records;
mod runs;
mod summary;
mod usable;

use mm_api::{Frame, FrameAllocator, FrameRange, FrameRun, FreeError, InitError, MemoryMap, MetadataLender, Order};

use free_map::FreeMap;
use records::{cut, place_records};
use runs::{BITS, bits_of, place};
use usable::{end_of_usable, usable_ranges};

/// The physical memory manager.
pub struct Pmm {
    /// One bit a frame, set if the frame is managed. Frame `n` has bit `n % 32`
    /// of word `n / 32`. Does not change any more once the manager is built.
    managed: &'static mut [u32],
    /// Which frames are managed *and* free.
    free: FreeMap,
    /// How many frames are managed.
    managed_count: u32,
    /// How many frames are free.
    free_count: u32,
}

impl Pmm {
    /// Step 4: marks every usable frame as managed and free, except those that
    /// hold the `records`, and counts what it marked.
    fn mark_usable(&mut self, map: &MemoryMap<'_>, records: FrameRange) {
        for usable in usable_ranges(map) {
            for word in usable.start() / BITS..usable.end().div_ceil(BITS) {
                let bits = bits_of(usable, word) & !bits_of(records, word);
                self.managed[word as usize] |= bits;
                self.free.flip(word as usize, bits);
                self.managed_count += bits.count_ones();
            }
        }
        self.free_count = self.managed_count;
    }
}

impl FrameAllocator for Pmm {
    fn new(map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> Result<Self, InitError> {
        let end = end_of_usable(map).ok_or(InitError::NoUsableMemory)?;
        let words_each = end.div_ceil(BITS);
        let place = place_records(map, lender.reachable(), words_each + FreeMap::size(words_each))?;
        let mut records = lender.lend(place).map_err(|_| InitError::NoRoomForMetadata)?;

        let managed = cut(&mut records, words_each);
        let free = FreeMap::new(words_each, &mut records);
        let mut pmm = Self { managed, free, managed_count: 0, free_count: 0 };
        pmm.mark_usable(map, place);
        Ok(pmm)
    }

    // A frame is a run of order 0. `#[inline]`, below, lets the compiler make the
    // code for runs once more for that order, so that single frames cost no more.

    /// Step 5: takes a free frame, which is a run of order 0.
    fn allocate(&mut self) -> Option<Frame> {
        self.allocate_run(Order::ZERO).map(FrameRun::first)
    }

    /// Step 6: takes back a frame: a run of order 0, which can begin anywhere.
    fn free(&mut self, frame: Frame) -> Result<(), FreeError> {
        self.free_run(FrameRun::new(frame, Order::ZERO).ok_or(FreeError::NotManaged)?)
    }

    /// Step 7: takes a free run.
    #[inline]
    fn allocate_run(&mut self, order: Order) -> Option<FrameRun> {
        let run = self.free.find_run(order)?;
        let (words, bits) = place(run);
        words.for_each(|word| self.free.flip(word, bits));
        self.free_count -= order.frames();
        Some(run)
    }

    /// Step 8: takes back all of a run, or nothing. Whatever could be wrong is
    /// asked before the first bit changes.
    #[inline]
    fn free_run(&mut self, run: FrameRun) -> Result<(), FreeError> {
        let (words, bits) = place(run);
        // Past the end of the records nothing is managed.
        if !self.managed.get(words.clone()).is_some_and(|words| words.iter().all(|word| word & bits == bits)) {
            return Err(FreeError::NotManaged);
        }
        if self.free.has_any(words.clone(), bits) {
            return Err(FreeError::AlreadyFree);
        }
        words.for_each(|word| self.free.flip(word, bits));
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
