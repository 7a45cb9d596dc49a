//! Checks of cost, in memory and in instructions of the guest. Only these may
//! fail a correct allocator.

use core::fmt;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::layout::{DIRECT_MAP_SIZE, PAGE_SHIFT, PAGE_SIZE};
use mm_api::{Frame, FrameRange, FrameRun, MemoryMap, Order};

use super::maps;
use super::subject::Subject;
use kernel_core::labs::Frames;
use kernel_core::{instructions, statics};

/// The records take at most 0.30 bytes per frame: two bits, and a little more.
///
/// Catches a third bitmap, a byte per frame, a link per frame, and records in statics.
pub fn small_records(context: &mut Context) -> Outcome {
    let mut subject = Subject::of_machine(context)?;
    let managed = subject.managed.len();
    let borrowed = subject.records.len() * PAGE_SIZE;
    let own = size_of_val(&*subject.pmm) as u32;
    let statics = statics::of_frame_allocator();
    // Memory is borrowed in whole frames.
    let allowed = (managed * 30 / 100).next_multiple_of(PAGE_SIZE);
    context.measure("borrowed", u64::from(borrowed), "bytes");
    context.measure("own", u64::from(own), "bytes");
    context.measure("statics", u64::from(statics), "bytes");
    ensure!(
        borrowed + own + statics <= allowed + OWN_BYTES,
        expected: ("at most {allowed} bytes borrowed for {managed} frames (0.30 bytes each, in whole frames), and {OWN_BYTES} in the allocator itself and in statics"),
        saw: ("{borrowed} bytes borrowed, {own} in the allocator itself, and {statics} in statics")
    );
    ensure!(
        borrowed + own >= managed / 8,
        expected: ("at least {} bytes of records, borrowed or in the allocator itself: each of {managed} frames may be free or not, which takes a bit", managed / 8),
        saw: ("{borrowed} bytes borrowed, and {own} in the allocator itself: the records are elsewhere")
    );
    // An allocator that hands out nothing needs no records.
    for count in 0..BATCH {
        let frame = subject.pmm.allocate();
        let Some(frame) = frame.filter(|frame| subject.managed.contains(*frame)) else {
            fail!(
                expected: ("allocate() to hand out one of {managed} usable frames, after {count} others"),
                saw: ("{}", told(&frame))
            );
        };
        if count == 0 {
            subject.give_back(frame)?;
        }
    }
    Ok(())
}

/// The most bytes that the allocator itself, the `struct`, may have.
const OWN_BYTES: u32 = 1024;

/// The most instructions for one call, for a frame and for a run:
/// several times as many as a good allocator needs, and far fewer than a search takes.
const FRAME_BAR: u64 = 500;
const RUN_BAR: u64 = 800;

/// Sizes of memory: the name, and the number after the last frame.
const SIZES: [(&str, u32); 4] = [("32 MiB", 0x2000), ("256 MiB", 0x1_0000), ("1 GiB", 0x4_0000), ("3.5 GiB", 0xE_0000)];

/// How many calls are measured at a time: less than 1 % of the smallest memory.
const BATCH: usize = 64;

/// How many calls are measured at a time where more is free: more than an allocator could have put aside.
const LARGE_BATCH: usize = 2048;

/// How many calls there were, and how many instructions they took.
#[derive(Clone, Copy, Default)]
struct Tally {
    calls: u64,
    total: u64,
    worst: u64,
}

impl Tally {
    fn add(&mut self, spent: u64) {
        self.calls += 1;
        self.total += spent;
        self.worst = self.worst.max(spent);
    }

    fn mean(&self) -> u64 {
        self.total.checked_div(self.calls).unwrap_or(0)
    }
}

/// The cost of one kind of call in different settings.
struct Spread {
    call: &'static str,
    bar: u64,
    least: u64,
    greatest: u64,
    worst: u64,
}

impl Spread {
    const fn of(call: &'static str, bar: u64) -> Self {
        Self { call, bar, least: u64::MAX, greatest: 0, worst: 0 }
    }

    /// Adds a batch, and fails the check if one of its calls took too much.
    fn add(&mut self, batch: Tally, setting: fmt::Arguments<'_>) -> Outcome {
        self.ensure_low(batch, setting)?;
        self.least = self.least.min(batch.mean());
        self.greatest = self.greatest.max(batch.mean());
        Ok(())
    }

    /// Fails the check if one call of a batch took too much.
    fn ensure_low(&mut self, batch: Tally, setting: fmt::Arguments<'_>) -> Outcome {
        ensure!(
            batch.worst <= self.bar,
            expected: ("{} to take at most {} instructions, {setting}", self.call, self.bar),
            saw: ("{} in the worst of {} calls, {} on average", batch.worst, batch.calls, batch.mean())
        );
        self.worst = self.worst.max(batch.worst);
        Ok(())
    }

    /// Reports the measurements, and fails the check if the cost grew with the
    /// memory or with how much of it is in use.
    fn judge(&self, context: &Context, greatest: &str, worst: &str) -> Outcome {
        context.measure(greatest, self.greatest, "instructions");
        context.measure(worst, self.worst, "instructions");
        let allowed = 2 * self.least + 40;
        ensure!(
            self.greatest <= allowed,
            expected: ("{} to cost about the same whatever the memory's size and however much is in use: on average at \
                most {allowed} instructions, as it took {} where it was cheapest", self.call, self.least),
            saw: ("{} where it was dearest", self.greatest)
        );
        Ok(())
    }
}

/// Runs `call`, and returns its result and how many instructions it took.
#[inline(always)]
fn timed<R>(overhead: u64, call: impl FnOnce() -> R) -> (R, u64) {
    let before = instructions();
    let answer = call();
    let spent = instructions() - before;
    (answer, spent.saturating_sub(overhead))
}

/// The cost of measuring itself.
fn overhead() -> u64 {
    (0..8).map(|_| timed(0, || ()).1).min().unwrap_or(0)
}

/// An allocator for plain memory of this size.
fn plain(context: &mut Context, end: u32) -> Result<Subject, Failed> {
    let regions = [maps::usable(0x10_0000, u64::from(end) << PAGE_SHIFT)];
    let map = MemoryMap { regions: &regions, reserved: &[] };
    Subject::of_map(context, "one region", map, FrameRange::new(0, DIRECT_MAP_SIZE >> PAGE_SHIFT))
}

/// Hands out runs, as large as possible, until only `left` frames are free.
fn use_up(pmm: &mut Frames, left: u32) {
    let mut free = pmm.free_frames();
    for order in Order::all().rev() {
        while free >= left + order.frames() {
            if pmm.allocate_run(order).is_none() {
                break;
            }
            free -= order.frames();
        }
    }
}

/// One allocation and one free of a single frame take about the same few instructions,
/// however much memory there is and however much of it is in use.
///
/// Catches a search from the beginning.
pub fn frame_cost(context: &mut Context) -> Outcome {
    let overhead = overhead();
    let (mut taking, mut freeing) = (Spread::of("allocate()", FRAME_BAR), Spread::of("free()", FRAME_BAR));
    for (size, end) in SIZES {
        let mut subject = plain(context, end)?;
        let managed = subject.managed.len();
        for percent in [10, 50, 99] {
            use_up(&mut subject.pmm, managed / 100 * (100 - percent));
            let (taken, freed) = frames_batch(&mut subject.pmm, overhead);
            taking.add(taken, format_args!("with {percent} % of {size} in use"))?;
            freeing.add(freed, format_args!("with {percent} % of {size} in use"))?;
            if managed / 100 * (100 - percent) > 2 * LARGE_BATCH as u32 {
                let taken = many_frames(&mut subject.pmm, overhead);
                taking.add(taken, format_args!("{LARGE_BATCH} times, with {percent} % of {size} in use"))?;
            }
            if size == "1 GiB" && percent == 99 {
                context.measure("allocate-1gib-99", taken.mean(), "instructions");
                context.measure("free-1gib-99", freed.mean(), "instructions");
            }
        }

        use_up(&mut subject.pmm, 0);
        let (taken, freed) = lone_frames(context, &mut subject, overhead)?;
        taking.ensure_low(taken, format_args!("with one frame of {size} free"))?;
        freeing.ensure_low(freed, format_args!("with nothing of {size} free"))?;
    }
    taking.judge(context, "allocate-mean", "allocate-worst")?;
    freeing.judge(context, "free-mean", "free-worst")
}

/// Hands out a batch of frames and takes them back, three times.
fn frames_batch(pmm: &mut Frames, overhead: u64) -> (Tally, Tally) {
    let (mut taking, mut freeing) = (Tally::default(), Tally::default());
    let mut frames: [Option<Frame>; BATCH] = [None; BATCH];
    for _ in 0..3 {
        for slot in &mut frames {
            let (frame, spent) = timed(overhead, || pmm.allocate());
            taking.add(spent);
            *slot = frame;
        }
        for index in 0..BATCH {
            // An order that is neither that of allocation nor its reverse: 23 and 64 share no factor.
            if let Some(frame) = frames[index * 23 % BATCH] {
                let (_, spent) = timed(overhead, || pmm.free(frame));
                freeing.add(spent);
            }
        }
    }
    (taking, freeing)
}

/// Hands out many frames, one after the other, which stay in use.
///
/// Frames that an allocator puts aside for such calls are used up soon, and then it has to search.
fn many_frames(pmm: &mut Frames, overhead: u64) -> Tally {
    let mut taking = Tally::default();
    for _ in 0..LARGE_BATCH {
        let (_, spent) = timed(overhead, || pmm.allocate());
        taking.add(spent);
    }
    taking
}

/// With all frames handed out, takes one back, anywhere, and hands it out again.
fn lone_frames(context: &mut Context, subject: &mut Subject, overhead: u64) -> Result<(Tally, Tally), Failed> {
    let (mut taking, mut freeing) = (Tally::default(), Tally::default());
    for _ in 0..BATCH {
        let Some(frame) = Frame::new(context.rng().below(subject.end)) else { continue };
        if subject.managed.contains(frame) {
            let (answer, spent) = timed(overhead, || subject.pmm.free(frame));
            freeing.add(spent);
            ensure!(
                answer.is_ok(),
                expected: ("free({frame}) to succeed with all frames handed out"),
                saw: ("{}", told(&answer))
            );
            let (answer, spent) = timed(overhead, || subject.pmm.allocate());
            taking.add(spent);
            ensure!(
                answer == Some(frame),
                expected: ("allocate() to answer {frame}, the only free frame"),
                saw: ("{}", told(&answer))
            );
        }
    }
    Ok((taking, freeing))
}

/// The same holds for runs of 16 frames, even if single free frames are everywhere.
///
/// Catches a search for runs that visits free blocks that are too small.
pub fn run_cost(context: &mut Context) -> Outcome {
    let overhead = overhead();
    let Some(order) = Order::new(4) else { return Ok(()) };
    let (mut taking, mut freeing) =
        (Spread::of("allocate_run(order 4)", RUN_BAR), Spread::of("free_run(order 4)", RUN_BAR));
    for (size, end) in SIZES {
        let mut subject = plain(context, end)?;
        let managed = subject.managed.len();
        for percent in [10, 50, 99] {
            // In the smallest memory, 1 % is too few frames for a batch of runs.
            let left = (managed / 100 * (100 - percent)).max(4 * order.frames() * RUNS as u32);
            use_up(&mut subject.pmm, left);
            let (taken, freed) = runs_batch(&mut subject.pmm, order, overhead);
            taking.add(taken, format_args!("with {percent} % of {size} in use"))?;
            freeing.add(freed, format_args!("with {percent} % of {size} in use"))?;
            if left > 2 * MANY_RUNS * order.frames() {
                let taken = many_runs(&mut subject.pmm, order, overhead);
                taking.add(taken, format_args!("{MANY_RUNS} times, with {percent} % of {size} in use"))?;
            }
            if size == "1 GiB" && percent == 99 {
                context.measure("allocate-run-1gib-99", taken.mean(), "instructions");
                context.measure("free-run-1gib-99", freed.mean(), "instructions");
            }
        }

        use_up(&mut subject.pmm, 0);
        let (taken, freed) = runs_among_frames(&mut subject, order, overhead)?;
        taking.ensure_low(taken, format_args!("with single frames of {size} free everywhere, and one run"))?;
        freeing.ensure_low(freed, format_args!("with single frames of {size} free everywhere"))?;
    }
    taking.judge(context, "allocate-run-mean", "allocate-run-worst")?;
    freeing.judge(context, "free-run-mean", "free-run-worst")
}

/// How many runs are measured at a time.
const RUNS: usize = 8;

/// How many runs are measured at a time where more is free.
const MANY_RUNS: u32 = 256;

/// Hands out many runs, one after the other, which stay in use: as [`many_frames`].
fn many_runs(pmm: &mut Frames, order: Order, overhead: u64) -> Tally {
    let mut taking = Tally::default();
    for _ in 0..MANY_RUNS {
        let (_, spent) = timed(overhead, || pmm.allocate_run(order));
        taking.add(spent);
    }
    taking
}

/// Hands out a few runs and takes them back, eight times.
fn runs_batch(pmm: &mut Frames, order: Order, overhead: u64) -> (Tally, Tally) {
    let (mut taking, mut freeing) = (Tally::default(), Tally::default());
    let mut runs: [Option<FrameRun>; RUNS] = [None; RUNS];
    for _ in 0..8 {
        for slot in &mut runs {
            let (run, spent) = timed(overhead, || pmm.allocate_run(order));
            taking.add(spent);
            *slot = run;
        }
        for index in 0..RUNS {
            if let Some(run) = runs[index * 5 % RUNS] {
                let (_, spent) = timed(overhead, || pmm.free_run(run));
                freeing.add(spent);
            }
        }
    }
    (taking, freeing)
}

/// With all frames handed out, takes back single frames all over the memory, and
/// then one run at a time, which is handed out again.
fn runs_among_frames(subject: &mut Subject, order: Order, overhead: u64) -> Result<(Tally, Tally), Failed> {
    let (mut taking, mut freeing) = (Tally::default(), Tally::default());
    let runs = subject.end >> order.power();
    let run_at = |index: u32| FrameRun::new(Frame::new(index << order.power())?, order);

    // A frame out of up to 2048 runs, but out of none whose number is a multiple of 8.
    for run in (0..runs).step_by((runs / 2048).max(1) as usize).filter(|run| run % 8 != 0).filter_map(run_at) {
        if let Some(frame) = run.frames().iter().nth(5).filter(|frame| subject.managed.contains(*frame)) {
            subject.give_back(frame)?;
        }
    }
    for run in (1..=32).filter_map(|part| run_at((runs / 33 * part) & !7)) {
        if !subject.managed.contains_all(run.frames()) {
            continue;
        }
        let (answer, spent) = timed(overhead, || subject.pmm.free_run(run));
        freeing.add(spent);
        ensure!(
            answer.is_ok(),
            expected: ("free_run({run}) to succeed, because all its frames are allocated", run = told(&run)),
            saw: ("{}", told(&answer))
        );
        let (answer, spent) = timed(overhead, || subject.pmm.allocate_run(order));
        taking.add(spent);
        ensure!(
            answer == Some(run),
            expected: ("allocate_run({order}) to answer {run}, the only free run", run = told(&run)),
            saw: ("{}", told(&answer))
        );
    }
    Ok((taking, freeing))
}
