//! The measurement: batches of frees and allocations at one occupancy.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::hint::black_box;

use super::candidate::{Allocator, Entry};
use crate::machine::{clock_overhead, instructions};
use crate::own_heap;
use crate::rng::{Rng, Seed};

/// The columns that a [`Cost`] is written as.
pub const COLUMNS: &str =
    "calls,allocate_mean,allocate_worst,free_mean,free_worst,metadata_bytes,metadata_bytes_per_frame,verdict";

/// Calls of each kind in a measurement, unless they take too many instructions.
const CALLS: u32 = 1024;
/// The number of frees, and then of allocations, in a batch.
const BATCH: u32 = 32;
/// After this many instructions, no further batch begins.
const ENOUGH: u64 = 100_000_000;

/// Which frames are taken.
#[derive(Clone, Copy)]
pub enum Pattern {
    /// The lowest frames: a young system looks like this.
    Low,
    /// Frames all over the memory, in units of the run that is measured: an old system looks like
    /// this.
    Scattered,
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Scattered => "scattered",
        })
    }
}

/// How much of the memory is taken, and where.
pub struct Occupancy {
    frames: u32,
    run: u32,
    /// For each run, whether it is taken.
    taken: Vec<bool>,
    seed: Seed,
}

impl Occupancy {
    /// A memory of this many frames, of which `percent` per cent are taken, in units of `run`
    /// frames.
    pub fn new(frames: u32, run: u32, pattern: Pattern, percent: u32, seed: Seed) -> Self {
        let runs = frames / run;
        let count = (u64::from(runs) * u64::from(percent) / 100) as u32;
        let mut taken: Vec<bool> = (0..runs).map(|run| run < count).collect();
        if let Pattern::Scattered = pattern {
            let mut rng = seed.rng(0x0F01_1001);
            for last in (1..runs).rev() {
                taken.swap(last as usize, rng.below(last + 1) as usize);
            }
        }
        Self { frames, run, taken, seed }
    }

    /// Measures the costs of a candidate at this occupancy.
    pub fn measure(&self, entry: &Entry) -> Cost {
        let before = own_heap::live();
        own_heap::reset_peak();
        let allocator = (entry.build)(self.frames, &|frame| self.taken[(frame / self.run) as usize]);
        let mut churn = Churn::new(self, allocator);
        own_heap::reset_peak();
        let own = own_heap::live();
        let built = churn.heap_before;
        while churn.allocations.calls + BATCH <= CALLS && churn.spent() < ENOUGH && !churn.taken.is_empty() {
            churn.batch();
        }
        // The allocator's bytes on the heap after it was built, and its growth since then.
        let grown = own_heap::peak() - own;
        let elsewhere = churn.allocator.bytes_elsewhere();
        let metadata = (built - before + grown) as i32 + elsewhere;
        Cost {
            allocations: churn.allocations,
            frees: churn.frees,
            metadata: metadata.max(0) as u32,
            frames: self.frames,
            fault: churn.fault.filter(|_| !entry.name.starts_with("(empty")),
        }
    }
}

/// A measurement under way.
struct Churn<'a> {
    allocator: alloc::boxed::Box<dyn Allocator>,
    occupancy: &'a Occupancy,
    /// Bytes on the heap after the allocator was built.
    heap_before: usize,
    /// The first frames of all runs that are taken and can be freed.
    taken: Vec<u32>,
    /// For each frame, whether it is taken.
    is_taken: Vec<bool>,
    rng: Rng,
    overhead: u32,
    allocations: Samples,
    frees: Samples,
    fault: Option<&'static str>,
}

impl<'a> Churn<'a> {
    fn new(occupancy: &'a Occupancy, allocator: alloc::boxed::Box<dyn Allocator>) -> Self {
        let heap_before = own_heap::live();
        let run = occupancy.run;
        let firsts = (0..occupancy.frames).step_by(run as usize);
        let mut is_taken = vec![false; occupancy.frames as usize];
        let mut taken = Vec::with_capacity(occupancy.taken.len());
        for (first, _) in firsts.zip(&occupancy.taken).filter(|(_, taken)| **taken) {
            is_taken[first as usize..][..run as usize].fill(true);
            if !(first..first + run).any(|frame| allocator.holds_records(frame)) {
                taken.push(first);
            }
        }
        Self {
            allocator,
            occupancy,
            heap_before,
            taken,
            is_taken,
            rng: occupancy.seed.rng(0x00C0_FFEE),
            overhead: clock_overhead(),
            allocations: Samples::default(),
            frees: Samples::default(),
            fault: None,
        }
    }

    fn spent(&self) -> u64 {
        self.allocations.total + self.frees.total
    }

    /// Frees some runs, chosen at random, and then allocates as many.
    fn batch(&mut self) {
        match self.occupancy.run {
            1 => self.batch_of(|allocator, frame| allocator.free(frame), |allocator| allocator.allocate()),
            _ => self.batch_of(|allocator, first| allocator.free_run(first), |allocator| allocator.allocate_run()),
        }
    }

    #[inline(always)]
    fn batch_of(
        &mut self,
        free: impl Fn(&mut dyn Allocator, u32),
        allocate: impl Fn(&mut dyn Allocator) -> Option<u32>,
    ) {
        let batch = BATCH.min(self.taken.len() as u32);
        let run = self.occupancy.run as usize;
        for _ in 0..batch {
            let chosen = self.rng.below(self.taken.len() as u32) as usize;
            let first = black_box(self.taken.swap_remove(chosen));
            self.is_taken[first as usize..][..run].fill(false);
            let allocator = black_box(&mut *self.allocator);
            let start = instructions();
            free(allocator, first);
            self.frees.add(instructions().wrapping_sub(start), self.overhead);
        }
        for _ in 0..batch {
            let allocator = black_box(&mut *self.allocator);
            let start = instructions();
            let first = allocate(allocator);
            self.allocations.add(instructions().wrapping_sub(start), self.overhead);
            self.enter(black_box(first));
        }
    }

    /// Checks a run that was handed out, and records it as taken.
    fn enter(&mut self, first: Option<u32>) {
        let Some(first) = first else {
            self.fault = Some("failed");
            return;
        };
        match self.is_taken.get_mut(first as usize..first as usize + self.occupancy.run as usize) {
            Some(frames) if frames.iter().all(|taken| !taken) && first.is_multiple_of(self.occupancy.run) => {
                frames.fill(true);
                self.taken.push(first);
            }
            _ => self.fault = Some("wrong"),
        }
    }
}

/// The instructions of calls of one kind.
#[derive(Default)]
struct Samples {
    calls: u32,
    total: u64,
    worst: u32,
}

impl Samples {
    fn add(&mut self, instructions: u32, overhead: u32) {
        let instructions = instructions.saturating_sub(overhead);
        self.calls += 1;
        self.total += u64::from(instructions);
        self.worst = self.worst.max(instructions);
    }
}

/// Writes the mean with one decimal, and the worst.
impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.total * 10 / u64::from(self.calls.max(1));
        write!(f, "{}.{},{}", tenths / 10, tenths % 10, self.worst)
    }
}

/// The result of a measurement.
pub struct Cost {
    allocations: Samples,
    frees: Samples,
    metadata: u32,
    frames: u32,
    fault: Option<&'static str>,
}

/// Writes the columns of [`COLUMNS`].
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = u64::from(self.metadata) * 1000 / u64::from(self.frames);
        write!(f, "{},{},{},", self.allocations.calls, self.allocations, self.frees)?;
        write!(f, "{},{}.{:03},", self.metadata, thousandths / 1000, thousandths % 1000)?;
        f.write_str(self.fault.unwrap_or("ok"))
    }
}
