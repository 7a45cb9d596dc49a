//! The measurement of one heap on one trace.

use alloc::vec::Vec;
use core::fmt;
use core::hint::black_box;
use core::slice;

use crate::machine::{clock_overhead, instructions};

use super::candidate::Entry;
use super::memory::{self, Memory, Region};
use super::replay::{Block, Kind, Observer, replay};
use super::script::Script;

/// The columns that [`Figures`] are written as.
pub const COLUMNS: &str = "calls,mean,p99,worst,allocate_mean,free_mean,reallocate_mean,\
payload_bytes,heap_bytes,bytes_elsewhere,failed,verdict";

/// The region's size is tried in steps of this many bytes.
const STEP: u32 = 64;

/// Measures a heap on a script: whether it is correct, how many instructions its calls take, and
/// how small its region may be.
pub fn measure(entry: &Entry, script: &Script, memory: &mut Memory) -> Figures {
    let mut figures = Figures {
        samples: Samples::new(script.calls.len()),
        payload: script.peak_payload,
        heap: None,
        elsewhere: entry.elsewhere,
        failed: 0,
        fault: None,
    };
    if entry.real {
        let region = memory.first(memory::SIZE);
        let mut check = Check { region: &region, failed: 0, fault: None };
        (entry.with)(&region, &mut |heap| replay(script, heap, &mut check));
        (figures.failed, figures.fault) = (check.failed, check.fault);
        if check.fault.is_some() {
            return figures;
        }
    }
    let samples = &mut figures.samples;
    (entry.with)(&memory.first(memory::SIZE), &mut |heap| replay(script, heap, samples));
    samples.all.sort_unstable();
    if entry.real {
        figures.heap = smallest(entry, script, memory);
    }
    figures
}

/// The smallest region in which the script succeeds, found by bisection.
fn smallest(entry: &Entry, script: &Script, memory: &mut Memory) -> Option<u32> {
    let mut suffices = |bytes: u32| {
        let mut probe = Probe { reached_the_end: false };
        (entry.with)(&memory.first(bytes), &mut |heap| {
            probe.reached_the_end = true;
            replay(script, heap, &mut probe);
        });
        probe.reached_the_end
    };
    // A size that is too small and one that is likely to be enough, in steps.
    let mut too_small = script.peak_payload.saturating_sub(1) / STEP;
    let mut enough = (script.peak_payload / STEP + 1) * 5 / 4;
    while !suffices(enough * STEP) {
        if enough == memory::SIZE / STEP {
            return None;
        }
        too_small = enough;
        enough = (enough * 2).min(memory::SIZE / STEP);
    }
    while enough - too_small > 1 {
        let middle = u32::midpoint(too_small, enough);
        if suffices(middle * STEP) { enough = middle } else { too_small = middle }
    }
    Some(enough * STEP)
}

/// Stops at the first failure.
struct Probe {
    reached_the_end: bool,
}

impl Observer for Probe {
    fn refused(&mut self, _kind: Kind) -> bool {
        self.reached_the_end = false;
        false
    }
}

/// Fills every block to its last byte, and checks that the bytes stay.
struct Check<'a> {
    region: &'a Region<'a>,
    failed: u32,
    fault: Option<&'static str>,
}

impl Check<'_> {
    fn stamp(block: Block) -> u8 {
        (block.number % 251) as u8 + 1
    }

    fn expect(&mut self, right: bool, fault: &'static str) {
        if !right {
            self.fault.get_or_insert(fault);
        }
    }

    fn keeps(&mut self, block: Block, bytes: usize) {
        if self.fault.is_none() {
            // SAFETY: the block was handed out, lies in the region, and was filled.
            let content = unsafe { slice::from_raw_parts(block.pointer.as_ptr(), bytes) };
            self.expect(content.iter().all(|&byte| byte == Self::stamp(block)), "overwritten");
        }
    }
}

impl Observer for Check<'_> {
    fn handed_out(&mut self, block: Block, kept: usize) {
        self.expect(block.pointer.addr().get().is_multiple_of(block.layout.align()), "misaligned");
        self.expect(self.region.contains(block.pointer, block.layout.size()), "outside");
        self.keeps(block, kept);
        if self.fault.is_none() {
            // SAFETY: the block was handed out, and lies in the region.
            unsafe { block.pointer.write_bytes(Self::stamp(block), block.layout.size()) };
        }
    }

    fn about_to_return(&mut self, block: Block) {
        self.keeps(block, block.layout.size());
    }

    fn refused(&mut self, kind: Kind) -> bool {
        match kind {
            Kind::Free => self.expect(false, "refused"),
            Kind::Allocate | Kind::Reallocate => self.failed += 1,
        }
        self.fault.is_none()
    }
}

/// The instructions of each call.
struct Samples {
    overhead: u32,
    all: Vec<u32>,
    /// For each kind, the number of calls and their instructions.
    kinds: [(u32, u64); 3],
}

impl Samples {
    fn new(calls: usize) -> Self {
        Self { overhead: clock_overhead(), all: Vec::with_capacity(calls), kinds: [(0, 0); 3] }
    }

    /// The smallest sample that is at least as large as `percent` per cent of all samples.
    fn percentile(&self, percent: usize) -> u32 {
        let rank = (self.all.len() * percent).div_ceil(100);
        self.all.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }
}

impl Observer for Samples {
    #[inline(always)]
    fn make<T>(&mut self, kind: Kind, call: impl FnOnce() -> T) -> T {
        let start = instructions();
        let result = black_box(call());
        let spent = instructions().wrapping_sub(start).saturating_sub(self.overhead);
        self.all.push(spent);
        let (calls, total) = &mut self.kinds[kind as usize];
        *calls += 1;
        *total += u64::from(spent);
        result
    }

    fn refused(&mut self, _kind: Kind) -> bool {
        true
    }
}

/// The result of a measurement.
pub struct Figures {
    samples: Samples,
    payload: u32,
    heap: Option<u32>,
    elsewhere: u32,
    failed: u32,
    fault: Option<&'static str>,
}

/// A mean with one decimal; empty if there were no calls.
struct Mean(u32, u64);

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.1 * 10).checked_div(u64::from(self.0)) {
            Some(tenths) => write!(f, "{}.{}", tenths / 10, tenths % 10),
            None => Ok(()),
        }
    }
}

/// Writes the columns of [`COLUMNS`].
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let samples = &self.samples;
        let total = samples.kinds.iter().map(|(_, total)| total).sum();
        // If a fault was found, no calls were counted; the column is a number nevertheless.
        let mean = Mean((samples.all.len() as u32).max(1), total);
        let [allocate, free, reallocate] = samples.kinds.map(|(calls, total)| Mean(calls, total));
        write!(f, "{},{mean},{},{},", samples.all.len(), samples.percentile(99), samples.percentile(100))?;
        write!(f, "{allocate},{free},{reallocate},{},", self.payload)?;
        if let Some(heap) = self.heap {
            write!(f, "{heap}")?;
        }
        write!(f, ",{},{},{}", self.elsewhere, self.failed, self.fault.unwrap_or("ok"))
    }
}
