//! The frame allocators of lab 01.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::{mem, ptr, slice};

use mm_api::layout::PAGE_SHIFT;
use mm_api::{
    Frame, FrameAllocator, FrameRange, FrameRun, LendError, MemoryMap, MemoryRegion, MetadataLender, Order, PhysAddr,
    RegionKind,
};

use super::candidate::{Allocator, Candidate, RUN, Taken};

/// Words that an allocator can borrow for its records: 16 bytes for each frame of 3.5 GiB.
const WORDS: usize = 4 << 20;
/// Words in a frame.
const FRAME_WORDS: usize = 1024;

/// The order of a run.
const RUN_ORDER: Order = match Order::new(RUN.ilog2() as u8) {
    Some(order) => order,
    None => panic!("the order of a run is at most 10"),
};

/// The physical address of a frame.
fn address(frame: u32) -> PhysAddr {
    PhysAddr::new(frame << PAGE_SHIFT)
}

/// The memory for records.
struct Records(UnsafeCell<[u32; WORDS]>);

// SAFETY: there is one processor, and interrupts are off.
unsafe impl Sync for Records {}

static RECORDS: Records = Records(UnsafeCell::new([0; WORDS]));

/// A frame allocator of lab 01: the student's, the reference, or the champion.
pub struct Lab<P> {
    pmm: P,
    lent: FrameRange,
}

/// Lends every allocator the same memory, from its start.
struct Lender {
    frames: u32,
    lent: FrameRange,
}

impl MetadataLender for Lender {
    fn reachable(&self) -> FrameRange {
        FrameRange::new(0, self.frames)
    }

    fn lend(&mut self, frames: FrameRange) -> Result<&'static mut [u32], LendError> {
        if frames.is_empty() {
            return Ok(&mut []);
        }
        if frames.end() > self.frames {
            return Err(LendError::Unreachable);
        }
        let words = frames.len() as usize * FRAME_WORDS;
        // One piece has been enough for every allocator so far.
        if !self.lent.is_empty() || words > WORDS {
            return Err(LendError::AlreadyLent);
        }
        self.lent = frames;
        // SAFETY: the words lie within the array. The allocator before this one is gone, and this
        // one borrows them once, so no other reference to them exists.
        let records = unsafe { slice::from_raw_parts_mut(RECORDS.0.get().cast::<u32>(), words) };
        records.fill(0);
        Ok(records)
    }
}

impl<P: FrameAllocator + 'static> Candidate for Lab<P> {
    fn build(frames: u32, taken: Taken<'_>) -> Box<dyn Allocator> {
        let length = u64::from(frames) * 4096;
        let regions = [MemoryRegion { base: 0, length, kind: RegionKind::Usable }];
        let mut lender = Lender { frames, lent: FrameRange::EMPTY };
        let map = MemoryMap { regions: &regions, reserved: &[] };
        let pmm = match P::new(&map, &mut lender) {
            Ok(pmm) => pmm,
            Err(error) => panic!("the lab's allocator: {error}"),
        };
        let mut lab = Box::new(Self { pmm, lent: lender.lent });
        // Takes all frames, the large runs first, and then frees those that are not to be taken.
        for order in Order::all().rev() {
            while lab.pmm.allocate_run(order).is_some() {}
        }
        for first in (0..frames).step_by(RUN as usize) {
            let back = |lab: &Self, frame| !taken(frame) && !lab.holds_records(frame);
            if (first..first + RUN).all(|frame| back(&lab, frame)) {
                lab.free_run(first);
                continue;
            }
            for frame in first..first + RUN {
                if back(&lab, frame) {
                    lab.free(frame);
                }
            }
        }
        lab
    }
}

impl<P: FrameAllocator> Allocator for Lab<P> {
    fn allocate(&mut self) -> Option<u32> {
        self.pmm.allocate().map(Frame::number)
    }

    fn free(&mut self, frame: u32) {
        // If the allocator refuses, the frame is missing later.
        let _ = self.pmm.free(Frame::containing(address(frame)));
    }

    fn allocate_run(&mut self) -> Option<u32> {
        self.pmm.allocate_run(RUN_ORDER).map(|run| run.first().number())
    }

    fn free_run(&mut self, first: u32) {
        if let Some(run) = FrameRun::new(Frame::containing(address(first)), RUN_ORDER) {
            let _ = self.pmm.free_run(run);
        }
    }

    fn holds_records(&self, frame: u32) -> bool {
        self.lent.start() <= frame && frame < self.lent.end()
    }

    /// The bytes of the records up to the last word that was written to: whole frames are borrowed,
    /// but the last one may not be needed in full.
    fn bytes_elsewhere(self: Box<Self>) -> i32 {
        let words = self.lent.len() as usize * FRAME_WORDS;
        drop(self);
        // SAFETY: the allocator that borrowed the words is gone.
        let records = unsafe { slice::from_raw_parts(ptr::from_ref(&RECORDS).cast::<u32>(), words) };
        let used = records.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
        (used * mem::size_of::<u32>()) as i32
    }
}
