//! Builds the allocator of a check, and the truth about its map.

use core::fmt;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::circumstances;
use kernel_core::labs::Frames;
use kernel_core::memory::lender::Lender;
use kernel_core::words::told;
use mm_api::layout::{FRAME_COUNT, PAGE_SHIFT, PAGE_SIZE};
use mm_api::{Frame, FrameRange, FrameRun, FreeError, InitError, MemoryMap, Order, RegionKind};

use super::drawn::Drawn;
use super::frames::FrameSet;
use super::maps::Case;

/// An allocator, and the truth about its memory.
pub struct Subject {
    /// The lab's allocator.
    pub pmm: Frames,
    /// What distinguishes its map: completes "a memory map with …".
    pub what: &'static str,
    /// The frames that it has to manage: the usable ones that it did not borrow.
    pub managed: FrameSet,
    /// The frames that it borrowed for its records.
    pub records: FrameSet,
    /// The number after the last usable frame's.
    pub end: u32,
}

impl Subject {
    /// Builds the allocator for an invented map.
    ///
    /// # Errors
    /// Fails the check if the allocator refuses the map.
    pub fn of_case(context: &mut Context, case: &Case) -> Result<Self, Failed> {
        Self::of_map(context, case.what, case.map(), case.reachable)
    }

    /// Builds the allocator for a map that the seed decides.
    ///
    /// # Errors
    /// As for [`of_map`](Self::of_map).
    pub fn of_drawn(context: &mut Context, what: &'static str, drawn: &Drawn) -> Result<Self, Failed> {
        Self::of_map(context, what, drawn.map(), drawn.reachable)
    }

    /// Builds the allocator for a random map, another one for each seed.
    ///
    /// # Errors
    /// As for [`of_map`](Self::of_map).
    pub fn at_random(context: &mut Context) -> Result<(Self, Drawn), Failed> {
        let drawn = Drawn::at_random(context.rng());
        Ok((Self::of_drawn(context, "regions as the seed has them", &drawn)?, drawn))
    }

    /// Builds the allocator for the map of this machine.
    ///
    /// # Errors
    /// Fails the check if the allocator refuses the map.
    pub fn of_machine(context: &mut Context) -> Result<Self, Failed> {
        let map = context.machine_map();
        let what = "this machine's memory";
        tell_case(what, &map);
        let built = context.labs().frames(&map, context.machine_lender());
        let pmm = match built {
            Ok(pmm) => pmm,
            Err(error) => return refused(what, error),
        };
        circumstances::no_step();
        let mut subject = Self::before_lending(context, pmm, what, &map)?;
        subject.note_lent(context.machine_lender());
        Ok(subject)
    }

    /// Builds the allocator for any map.
    pub fn of_map(
        context: &mut Context,
        what: &'static str,
        map: MemoryMap<'_>,
        reachable: FrameRange,
    ) -> Result<Self, Failed> {
        tell_case(what, &map);
        circumstances::case_line(format_args!("reachable: {reachable}", reachable = told(&reachable)));
        let mut lender = context.synthetic_lender(map, reachable)?;
        let built = context.labs().frames(&map, &mut lender);
        let pmm = match built {
            Ok(pmm) => pmm,
            Err(error) => return refused(what, error),
        };
        circumstances::no_step();
        let mut subject = Self::before_lending(context, pmm, what, &map)?;
        subject.note_lent(&lender);
        Ok(subject)
    }

    /// Adds the truth about the map, as if nothing had been lent.
    fn before_lending(
        context: &mut Context,
        pmm: Frames,
        what: &'static str,
        map: &MemoryMap<'_>,
    ) -> Result<Self, Failed> {
        let room = room_for(map);
        let mut managed = FrameSet::new(context, room)?;
        let mut end = 0;
        for frames in mm_oracle::usable_ranges(map) {
            managed.insert_all(frames);
            end = frames.end();
        }
        Ok(Self { pmm, what, managed, records: FrameSet::new(context, room)?, end })
    }

    /// Takes the lent frames out of those that have to be managed.
    fn note_lent(&mut self, lender: &Lender<'_>) {
        let lent = self.managed.iter().filter(|frame| lender.is_lent(*frame));
        for frame in lent.take(lender.lent_frames() as usize) {
            self.records.insert(frame);
        }
        for frame in self.records.iter() {
            self.managed.remove(frame);
        }
    }

    /// Hands out all frames and compares them with `free`. Afterwards `free` has
    /// the frames that were *not* handed out. `when` completes "… frames handed out, …".
    ///
    /// # Errors
    /// Fails the check if a frame is handed out that is not in `free`, or if one
    /// of these is not handed out.
    pub fn drain_exactly(&mut self, free: &mut FrameSet, when: &str) -> Outcome {
        let wanted = free.len();
        let what = self.what;
        for count in 0..wanted {
            match self.pmm.allocate() {
                Some(frame) if free.remove(frame) => {}
                Some(frame) => fail!(
                    expected: ("allocate() to hand out only frames that are free, {when} (map with {what})"),
                    saw: ("{frame}, which is {}, at call {}", self.standing(frame), count + 1)
                ),
                None => fail!(
                    expected: ("allocate() to hand out {wanted} frames, {when} (map with {what})"),
                    saw: ("nothing after {count}; {} was not handed out", Listed(free.first()))
                ),
            }
        }
        match self.pmm.allocate() {
            None => Ok(()),
            Some(frame) => fail!(
                expected: ("allocate() to answer nothing after all {wanted} free frames were handed out, {when} (map with {what})"),
                saw: ("{frame}")
            ),
        }
    }

    /// Fails the check unless `free_frames()` is `free` and `managed_frames()` is
    /// as at first. `when` names the call before.
    pub fn ensure_counts(&self, free: u32, when: fmt::Arguments<'_>) -> Outcome {
        let saw = self.pmm.free_frames();
        ensure!(
            saw == free,
            expected: ("free_frames() = {free} {when} (map with {})", self.what),
            saw: ("{saw}")
        );
        let saw = self.pmm.managed_frames();
        ensure!(
            saw == self.managed.len(),
            expected: ("managed_frames() = {} as ever, {when} (map with {})", self.managed.len(), self.what),
            saw: ("{saw}")
        );
        Ok(())
    }

    /// Takes back `frame`, which is allocated.
    pub fn give_back(&mut self, frame: Frame) -> Outcome {
        match circumstances::during(format_args!("free({frame})"), || self.pmm.free(frame)) {
            Ok(()) => Ok(()),
            Err(error) => fail!(
                expected: ("free({frame}) to succeed, because it is allocated (map with {})", self.what),
                saw: ("{}", told(&error))
            ),
        }
    }

    /// Takes back `run`, all of whose frames are allocated.
    pub fn give_back_run(&mut self, run: FrameRun) -> Outcome {
        match circumstances::during(format_args!("free_run({run})", run = told(&run)), || self.pmm.free_run(run)) {
            Ok(()) => Ok(()),
            Err(error) => fail!(
                expected: ("free_run({run}) to succeed, because all its frames are allocated (map with {})", self.what, run = told(&run)),
                saw: ("{}", told(&error))
            ),
        }
    }

    /// Fails the check unless `frame` is refused with `error`, for this `reason`.
    pub fn ensure_refused(&mut self, frame: Frame, error: FreeError, reason: fmt::Arguments<'_>) -> Outcome {
        let answer = circumstances::during(format_args!("free({frame})"), || self.pmm.free(frame));
        ensure!(
            answer == Err(error),
            expected: ("free({frame}) to answer {error}: {reason} (map with {})", self.what, error = told(&error)),
            saw: ("{}", told(&answer))
        );
        Ok(())
    }

    /// Fails the check unless `run` is refused with `error`, for this `reason`.
    pub fn ensure_run_refused(&mut self, run: FrameRun, error: FreeError, reason: &str) -> Outcome {
        let answer =
            circumstances::during(format_args!("free_run({run})", run = told(&run)), || self.pmm.free_run(run));
        ensure!(
            answer == Err(error),
            expected: ("free_run({run}) to answer {error}: {reason} (map with {})", self.what, run = told(&run), error = told(&error)),
            saw: ("{}", told(&answer))
        );
        Ok(())
    }

    /// Takes a run out of `free`. There must be one, whole, and of the order asked
    /// for.
    pub fn take_run(&mut self, free: &mut FrameSet, order: Order, when: &str) -> Result<FrameRun, Failed> {
        match self.try_run(free, order)? {
            Some(run) => Ok(run),
            None => fail!(
                expected: ("allocate_run({order}) to find the {} free frames at {}, {when} (map with {})",
                    order.frames(), Listed(free.first_run(order).map(FrameRun::first)), self.what),
                saw: ("nothing")
            ),
        }
    }

    /// The state of a frame that was handed out though it is not free, in words.
    pub fn standing(&self, frame: Frame) -> &'static str {
        if self.managed.contains(frame) {
            "allocated already"
        } else if self.records.contains(frame) {
            "one of those with the allocator's own records"
        } else {
            "not usable"
        }
    }

    /// Asks for a run, and takes it out of `free`.
    ///
    /// # Errors
    /// Fails the check if the run has another order, or if one of its frames is not free.
    pub fn try_run(&mut self, free: &mut FrameSet, order: Order) -> Result<Option<FrameRun>, Failed> {
        let run = circumstances::during(format_args!("allocate_run({order})"), || self.pmm.allocate_run(order));
        let Some(run) = run else { return Ok(None) };
        ensure!(
            run.order() == order,
            expected: ("allocate_run({order}) to hand out a run of {order} (map with {})", self.what),
            saw: ("{}", told(&run))
        );
        if let Some(frame) = free.first_missing(run.frames()) {
            fail!(
                expected: ("allocate_run({order}) to hand out free frames only (map with {})", self.what),
                saw: ("{run}, of which {frame} is {}", self.standing(frame), run = told(&run))
            );
        }
        free.remove_all(run.frames());
        Ok(Some(run))
    }
}

/// Hands out all of `free` frames, one by one, and calls `judge` with each. Stops when the
/// allocator has no more, or after that many frames.
///
/// # Errors
/// The error of `judge`. Fails the check, too, if there were [too few](ensure_enough) frames.
pub fn drain(pmm: &mut Frames, free: u32, mut judge: impl FnMut(Frame) -> Outcome) -> Outcome {
    for count in 0..free {
        match pmm.allocate() {
            Some(frame) => judge(frame)?,
            None => return ensure_enough(count, free),
        }
    }
    Ok(())
}

/// Fails the check if too few of `free` frames were handed out to judge them: an
/// allocator that hands out no frame breaks no rule about frames. The checks `exhaustion` and
/// `runs-found` make sure that all of them are handed out.
pub fn ensure_enough(count: u32, free: u32) -> Outcome {
    /// One frame of this many has to be handed out.
    const OF: u32 = 4;

    ensure!(
        count >= free.div_ceil(OF),
        expected: ("at least a fourth of the {free} free frames to be handed out, to see whether they are right"),
        saw: ("nothing after {count}")
    );
    Ok(())
}

/// A number above that of every usable frame.
fn room_for(map: &MemoryMap<'_>) -> u32 {
    // Firmware lists its own ROM, too, just below 4 GiB.
    let usable = map.regions.iter().filter(|region| region.kind == RegionKind::Usable);
    let ends = usable.map(|region| region.base.saturating_add(region.length));
    let frames = ends.max().unwrap_or(0) >> PAGE_SHIFT;
    u32::try_from(frames).map_or(FRAME_COUNT, |frames| frames.min(FRAME_COUNT))
}

/// Fails the check, because the allocator refuses a map that it has to accept.
fn refused(what: &str, error: InitError) -> Result<Subject, Failed> {
    fail!(
        expected: ("new() to build an allocator for a memory map with {what}"),
        saw: ("{}", told(&error))
    )
}

/// Notes the map that an allocator is built for, line by line.
pub fn tell_case(what: &str, map: &MemoryMap<'_>) {
    const SHOWN: usize = 12;
    circumstances::case(format_args!("a memory map with {what}"));
    for region in map.regions.iter().take(SHOWN) {
        let kind = match region.kind {
            RegionKind::Usable => "usable",
            RegionKind::Unusable => "unusable",
        };
        circumstances::case_line(format_args!("region: base {:#x}, length {:#x}, {kind}", region.base, region.length));
    }
    if map.regions.len() > SHOWN {
        circumstances::case_line(format_args!("and {} more regions", map.regions.len() - SHOWN));
    }
    for range in map.reserved.iter().take(SHOWN) {
        let (start, end) = (range.start, range.end);
        circumstances::case_line(format_args!("reserved: {start:#x} up to, not including, {end:#x}"));
    }
    if map.reserved.len() > SHOWN {
        circumstances::case_line(format_args!("and {} more reserved ranges", map.reserved.len() - SHOWN));
    }
}

/// Why a frame is not usable, in words.
pub struct WhyNot<'a> {
    /// The map.
    pub map: MemoryMap<'a>,
    /// The frame.
    pub frame: Frame,
}

impl fmt::Display for WhyNot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = u64::from(self.frame.start().as_u32());
        let end = start + u64::from(PAGE_SIZE);
        let reserved = self.map.reserved.iter().find(|r| r.start < r.end && r.start < end && start < r.end);
        if let Some(range) = reserved {
            let (from, to) = (range.start.max(start), range.end.min(end));
            return write!(f, "its bytes {from:#x} up to {to:#x} are reserved");
        }
        for region in self.map.regions.iter().filter(|region| region.kind == RegionKind::Unusable) {
            let (from, to) = (region.base.max(start), region.base.saturating_add(region.length).min(end));
            if from < to {
                return write!(f, "its bytes {from:#x} up to {to:#x} are in an unusable region");
            }
        }
        write!(f, "not all of its bytes {start:#x} up to {end:#x} are in usable regions")
    }
}

/// A value, or that there is none, in words.
pub struct Listed<T>(pub Option<T>);

impl<T: fmt::Display> fmt::Display for Listed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("none"),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Listed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// The frame with a number that is written in a check.
pub fn frame(number: u32) -> Frame {
    Frame::containing(mm_api::PhysAddr::new(number << PAGE_SHIFT))
}
