//! Shared by the tests of this lab: maps that own their lists, and an
//! allocator with the truth about its map.

// Every test file uses a part of this.
#![allow(dead_code)]

use std::collections::BTreeSet;

use mm_api::{
    Frame, FrameAllocator, FrameRange, FrameRun, InitError, MemoryMap, MemoryRegion, Order, PhysRange, RegionKind,
};
use mm_host::HostLender;

// The allocator under test, as the test's root names it.
use crate::Pmm;

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;
pub const PAGE: u64 = 4096;

/// A memory map that owns its lists.
#[derive(Clone, Debug, Default)]
pub struct Map {
    pub regions: Vec<MemoryRegion>,
    pub reserved: Vec<PhysRange>,
}

impl Map {
    /// A map without any line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `length` usable bytes from `base`.
    pub fn usable(mut self, base: u64, length: u64) -> Self {
        self.regions.push(MemoryRegion { base, length, kind: RegionKind::Usable });
        self
    }

    /// Adds `length` unusable bytes from `base`.
    pub fn unusable(mut self, base: u64, length: u64) -> Self {
        self.regions.push(MemoryRegion { base, length, kind: RegionKind::Unusable });
        self
    }

    /// Reserves the bytes from `start` up to `end`.
    pub fn reserved(mut self, start: u64, end: u64) -> Self {
        self.reserved.push(PhysRange { start, end });
        self
    }

    pub fn as_map(&self) -> MemoryMap<'_> {
        MemoryMap { regions: &self.regions, reserved: &self.reserved }
    }

    /// Builds the allocator; fails the test if that is refused.
    #[track_caller]
    pub fn build(&self) -> Built {
        self.build_with(HostLender::new(&self.as_map()))
    }

    /// Builds the allocator with this lender; fails the test if that is refused.
    #[track_caller]
    pub fn build_with(&self, lender: HostLender) -> Built {
        match self.try_build(lender) {
            Ok(built) => built,
            Err(error) => panic!("expected an allocator for this map, saw the error '{error}'\nmap: {self:#x?}"),
        }
    }

    /// Builds the allocator.
    pub fn try_build(&self, mut lender: HostLender) -> Result<Built, InitError> {
        let pmm = Pmm::new(&self.as_map(), &mut lender)?;
        let map = self.as_map();
        let usable = mm_oracle::usable_ranges(&map).flat_map(numbers);
        let managed = usable.filter(|&number| !lender.is_lent(frame(number))).collect();
        Ok(Built { pmm, lender, managed })
    }
}

/// A new allocator.
pub struct Built {
    pub pmm: Pmm,
    pub lender: HostLender,
    /// The numbers of the frames that it has to manage: the usable ones, except those that it borrowed.
    pub managed: BTreeSet<u32>,
}

impl Built {
    /// Takes frames until there are no more, and returns their numbers. Fails the test if
    /// one comes twice or is not managed, or if more come than there are.
    #[track_caller]
    pub fn drain(&mut self) -> BTreeSet<u32> {
        let mut taken = BTreeSet::new();
        for _ in 0..=self.managed.len() {
            let Some(frame) = self.pmm.allocate() else { return taken };
            self.check_managed(frame.number());
            assert!(taken.insert(frame.number()), "{frame} was handed out twice without being freed");
        }
        panic!("expected at most {} frames, saw still more handed out", self.managed.len());
    }

    /// Takes runs of this order until there are no more. Fails the test as [`Built::drain`] does.
    #[track_caller]
    pub fn drain_runs(&mut self, order: Order) -> Vec<FrameRun> {
        let mut runs = Vec::new();
        let mut taken = BTreeSet::new();
        for _ in 0..=self.managed.len() {
            let Some(run) = self.pmm.allocate_run(order) else { return runs };
            self.check_run(run, order);
            for number in numbers(run.frames()) {
                assert!(taken.insert(number), "{} of {run:?} was handed out twice without being freed", frame(number));
            }
            runs.push(run);
        }
        panic!("expected at most {} frames, saw still more handed out", self.managed.len());
    }

    /// Fails the test unless the run has this order, and all of it is managed.
    #[track_caller]
    pub fn check_run(&self, run: FrameRun, order: Order) {
        assert_eq!(run.order(), order, "expected a run of {order}, saw {run:?}");
        for number in numbers(run.frames()) {
            self.check_managed(number);
        }
    }

    /// Fails the test unless the frame has to be managed, and says what it is.
    #[track_caller]
    pub fn check_managed(&self, number: u32) {
        let frame = frame(number);
        assert!(!self.lender.is_lent(frame), "{frame} was handed out, but holds the allocator's own records");
        assert!(self.managed.contains(&number), "{frame} was handed out, but is not usable or is reserved");
    }

    /// Fails the test unless the counts are these.
    #[track_caller]
    pub fn check_counts(&self, free: usize) {
        let (seen_free, seen_managed) = (self.pmm.free_frames(), self.pmm.managed_frames());
        let managed = self.managed.len();
        assert_eq!(seen_managed as usize, managed, "expected {managed} managed frames, saw {seen_managed}");
        assert_eq!(seen_free as usize, free, "expected {free} free frames, saw {seen_free}");
    }
}

/// The numbers of some frames.
pub fn numbers(frames: FrameRange) -> std::ops::Range<u32> {
    frames.start()..frames.end()
}

#[track_caller]
pub fn frame(number: u32) -> Frame {
    Frame::new(number).expect("the test's own frame number is below 4 GiB")
}

#[track_caller]
pub fn order(power: u8) -> Order {
    Order::new(power).expect("the test's own order is at most 10")
}

#[track_caller]
pub fn run(first: u32, power: u8) -> FrameRun {
    FrameRun::new(frame(first), order(power)).expect("the test's own run is aligned")
}
