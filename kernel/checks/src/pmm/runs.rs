//! Checks of runs that are handed out, taken back and refused.

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;
use mm_api::layout::FRAME_COUNT;
use mm_api::{FrameRun, FreeError, Order};

use super::frames::FrameSet;
use super::maps;
use super::subject::{Subject, ensure_enough, frame};

/// A run is of the order asked for, and all its frames are free and managed.
///
/// Catches runs across holes, across the end, and over frames in use.
pub fn runs_whole(context: &mut Context) -> Outcome {
    for case in [&maps::HOLES, &maps::BLOCKS] {
        let subject = Subject::of_case(context, case)?;
        runs_of_all_sizes(context, subject)?;
    }
    for _ in 0..4 {
        let (subject, _) = Subject::at_random(context)?;
        runs_of_all_sizes(context, subject)?;
    }
    Ok(())
}

/// Runs of all sizes in turn, and a single frame between them, so that free and allocated
/// frames are mixed; no more rounds than frames.
fn runs_of_all_sizes(context: &mut Context, mut subject: Subject) -> Outcome {
    let mut free = subject.managed.duplicate(context)?;
    let pair = free.first_run(Order::all().nth(1).unwrap_or(Order::ZERO));
    let mut largest = Order::ZERO;
    for round in 0..subject.managed.len() {
        let mut found = false;
        for order in Order::all().rev().filter(|order| (order.power() + round) % 3 != 0) {
            if subject.try_run(&mut free, order)?.is_some() {
                found = true;
                largest = largest.max(order);
            }
        }
        if let Some(frame) = subject.pmm.allocate() {
            ensure!(
                free.remove(frame),
                expected: ("allocate() to hand out only free frames, between runs (map with {})", subject.what),
                saw: ("{frame}, which is {}", subject.standing(frame))
            );
            found = true;
        }
        if !found {
            break;
        }
    }
    ensure!(
        pair.is_none() || largest > Order::ZERO,
        expected: ("allocate_run() to find runs of more than one frame, such as {pair} (map with {})", subject.what, pair = told(&pair)),
        saw: ("nothing")
    );
    ensure_enough(subject.managed.len() - free.len(), subject.managed.len())
}

/// If there is a run, it is found: of every order, with all frames free
/// and with frames taken here and there.
///
/// Catches a search that gives up too early, skips places, or ends one part short;
/// also sums that overflow at 4 GiB, and differences in memory that is smaller than a run.
pub fn runs_found(context: &mut Context) -> Outcome {
    for case in [&maps::BLOCKS, &maps::SMALL] {
        for order in Order::all() {
            let mut subject = Subject::of_case(context, case)?;
            let mut free = subject.managed.duplicate(context)?;
            drain_runs(&mut subject, &mut free, order, "with all frames free")?;
        }
    }

    // Once more after some single frames, the largest order first: frames that the larger
    // runs leave over go to the smaller ones, down to the last frame.
    let mut subject = Subject::of_case(context, &maps::BLOCKS)?;
    let mut free = subject.managed.duplicate(context)?;
    for _ in 0..777 {
        if let Some(frame) = subject.pmm.allocate() {
            free.remove(frame);
        }
    }
    for order in Order::all().rev() {
        drain_runs(&mut subject, &mut free, order, "after 777 single frames and all larger runs")?;
    }

    // In any map, after any number of single frames.
    for _ in 0..4 {
        let (mut subject, _) = Subject::at_random(context)?;
        let mut free = subject.managed.duplicate(context)?;
        for _ in 0..context.rng().below(free.len() / 2) {
            if let Some(frame) = subject.pmm.allocate() {
                free.remove(frame);
            }
        }
        for order in Order::all().rev() {
            drain_runs(&mut subject, &mut free, order, "after some single frames and all larger runs")?;
        }
    }

    // From frame 0 on, and up to the last frame that there can be.
    for case in [&maps::BOTTOM, &maps::TOP] {
        let mut subject = Subject::of_case(context, case)?;
        let mut free = subject.managed.duplicate(context)?;
        drain_runs(&mut subject, &mut free, Order::MAX, "with all frames free")?;
    }
    Ok(())
}

/// Takes all runs of this order, and compares their number with the truth.
fn drain_runs(subject: &mut Subject, free: &mut FrameSet, order: Order, when: &str) -> Outcome {
    let wanted = free.runs(order).count();
    for _ in 0..wanted {
        subject.take_run(free, order, when)?;
    }
    let answer = subject.try_run(free, order)?;
    ensure!(
        answer.is_none(),
        expected: ("allocate_run({order}) to answer nothing {when}, after all {wanted} runs were handed out (map with {})",
            subject.what),
        saw: ("{}", told(&answer))
    );
    Ok(())
}

/// Free frames form a run again however they were taken and given back: frame by
/// frame, in halves, or as a run after they were handed out one by one.
///
/// Catches neighbours that are not merged, and counts that ignore runs.
pub fn runs_rejoin(context: &mut Context) -> Outcome {
    let mut subject = Subject::of_case(context, &maps::BLOCKS)?;
    let total = subject.managed.len();
    let mut free = subject.managed.duplicate(context)?;
    let all = subject.managed.duplicate(context)?;

    subject.drain_exactly(&mut free, "at first")?;
    // Every seventh frame, seven times: neighbours come back at different times.
    for start in [3, 0, 5, 1, 6, 2, 4] {
        for frame in all.iter().skip(start).step_by(7) {
            subject.give_back(frame)?;
            free.insert(frame);
        }
    }
    subject.ensure_counts(total, format_args!("after all frames were freed one by one"))?;
    drain_runs(&mut subject, &mut free, Order::MAX, "after all frames were freed one by one")?;
    subject.ensure_counts(free.len(), format_args!("after all runs of {} were handed out", Order::MAX))?;

    // From here on only those frames are free that the check frees on purpose.
    subject.drain_exactly(&mut free, "after all the largest runs")?;
    let Some(whole) = all.first_run(Order::MAX) else { return Ok(()) };
    for (parts, backwards) in [(9, false), (9, true), (8, true), (3, false), (0, true)] {
        let order = power(parts);
        give_back_parts(&mut subject, whole, order, backwards)?;
        free.insert_all(whole.frames());
        subject
            .ensure_counts(free.len(), format_args!("after a run of {} was freed in runs of {order}", whole.order()))?;
        subject.take_run(&mut free, whole.order(), "freed in smaller runs")?;
        subject.ensure_counts(0, format_args!("after the only free run was handed out"))?;
    }

    // Single frames that go back as a run, and come again as smaller runs.
    subject.give_back_run(whole)?;
    free.insert_all(whole.frames());
    subject.ensure_counts(free.len(), format_args!("after a run of {} was freed", whole.order()))?;
    subject.drain_exactly(&mut free, "after one run was freed")?;
    let Some(middle) = part(whole, power(4), 17) else { return Ok(()) };
    subject.give_back_run(middle)?;
    free.insert_all(middle.frames());
    subject.ensure_counts(16, format_args!("after 16 frames were freed as a run that were handed out one by one"))?;
    for order in [power(2), power(3), power(2)] {
        subject.take_run(&mut free, order, "which are all that is free")?;
    }
    subject.ensure_counts(0, format_args!("after the only free frames were handed out in smaller runs"))?;
    rejoin_at_the_ends(context, &maps::BOTTOM)?;
    rejoin_at_the_ends(context, &maps::TOP)
}

/// Runs at the ends of memory come back, whole and frame by frame.
fn rejoin_at_the_ends(context: &mut Context, case: &maps::Case) -> Outcome {
    let mut subject = Subject::of_case(context, case)?;
    let mut free = subject.managed.duplicate(context)?;
    let whole = subject.managed.duplicate(context)?;
    drain_runs(&mut subject, &mut free, Order::MAX, "with all frames free")?;
    for run in whole.runs(Order::MAX) {
        subject.give_back_run(run)?;
        free.insert_all(run.frames());
        subject.take_run(&mut free, Order::MAX, "which was given back just before")?;
        give_back_parts(&mut subject, run, Order::ZERO, false)?;
        free.insert_all(run.frames());
        subject.take_run(&mut free, Order::MAX, "which was given back frame by frame")?;
    }
    Ok(())
}

/// Gives `whole` back in runs of this order; the order 0 as single frames.
fn give_back_parts(subject: &mut Subject, whole: FrameRun, order: Order, backwards: bool) -> Outcome {
    let count = whole.order().frames() / order.frames();
    for index in 0..count {
        let index = if backwards { count - 1 - index } else { index };
        let Some(run) = part(whole, order, index) else { return Ok(()) };
        if order == Order::ZERO {
            subject.give_back(run.first())?;
        } else {
            subject.give_back_run(run)?;
        }
    }
    Ok(())
}

/// A run is taken back whole or not at all. A free frame in it is
/// `AlreadyFree`, a frame that is not managed is `NotManaged`, which comes first.
///
/// Catches a free up to the first bad frame, a test of the first frame only,
/// and no test of runs that are free as a whole or are a single frame.
pub fn run_free_refused(context: &mut Context) -> Outcome {
    let mut subject = Subject::of_case(context, &maps::BLOCKS)?;
    let mut free = subject.managed.duplicate(context)?;
    let all = subject.managed.duplicate(context)?;
    subject.drain_exactly(&mut free, "at first")?;

    // One free frame, at the beginning, in the middle, at the end.
    for order in [power(1), power(4), power(6), power(9)] {
        let Some(whole) = all.first_run(order) else { return Ok(()) };
        let frames = order.frames();
        for index in [0, frames / 2 - 1, frames / 2, frames - 1] {
            let hole = frame(whole.first().number() + index);
            subject.give_back(hole)?;
            free.insert(hole);
            let reason = "one of its frames is free, the others are allocated";
            subject.ensure_run_refused(whole, FreeError::AlreadyFree, reason)?;
            ensure_unchanged(&mut subject, &mut free, whole)?;
        }
    }

    for order in Order::all() {
        if let Some(whole) = all.first_run(order) {
            refuse_a_second_time(&mut subject, &mut free, whole)?;
        }
    }

    // Frames that are not managed: before the first, in the hole, past the end
    // of memory and of the records, and the last ones below 4 GiB.
    let runs = [
        (0x3C0, 6, "its first frames are below all memory"),
        (0xC50, 4, "some of its frames are in a hole of the map"),
        (0xC00, 7, "some of its frames, in the middle, are in a hole of the map"),
        (0xC80, 4, "its last frames are past the end of memory"),
        (0xC00, 10, "its last frames are past the end of memory"),
        (0x2000, 10, "it is past the end of memory"),
        (FRAME_COUNT - 1024, 10, "it is past the end of memory"),
        (FRAME_COUNT - 1, 0, "it is past the end of memory"),
    ];
    for (first, order, reason) in runs {
        let Some(run) = FrameRun::new(frame(first), power(order)) else { continue };
        subject.ensure_run_refused(run, FreeError::NotManaged, reason)?;
        ensure_unchanged(&mut subject, &mut free, run)?;
        // Now with a free frame in it as well.
        let Some(other) = run.frames().iter().find(|frame| all.contains(*frame)) else { continue };
        subject.give_back(other)?;
        free.insert(other);
        subject.ensure_run_refused(run, FreeError::NotManaged, "that goes before one of its frames being free")?;
        ensure_unchanged(&mut subject, &mut free, run)?;
    }

    refuse_at_random(context)?;

    // The allocator's records, together with their neighbours.
    if let Some(record) = subject.records.first() {
        let first = record.number() & !7;
        if let Some(run) = FrameRun::new(frame(first), power(3)) {
            subject.ensure_run_refused(run, FreeError::NotManaged, "the allocator's records are in it")?;
            ensure_unchanged(&mut subject, &mut free, run)?;
        }
    }
    Ok(())
}

/// Frees runs anywhere in any map, in which about one frame of 64 is free.
fn refuse_at_random(context: &mut Context) -> Outcome {
    let (mut subject, drawn) = Subject::at_random(context)?;
    let mut free = subject.managed.duplicate(context)?;
    let all = subject.managed.duplicate(context)?;
    subject.drain_exactly(&mut free, "at first")?;
    for frame in all.iter() {
        if context.rng().below(64) == 0 {
            subject.give_back(frame)?;
            free.insert(frame);
        }
    }
    for _ in 0..400 {
        let order = power(context.rng().below(8) as u8);
        let first = context.rng().below(drawn.end()) & !(order.frames() - 1);
        let Some(run) = FrameRun::new(frame(first), order) else { continue };
        if all.first_missing(run.frames()).is_some() {
            subject.ensure_run_refused(run, FreeError::NotManaged, "some of its frames are not managed")?;
        } else if run.frames().iter().any(|frame| free.contains(frame)) {
            subject.ensure_run_refused(run, FreeError::AlreadyFree, "some of its frames are free")?;
        } else {
            subject.give_back_run(run)?;
            free.insert_all(run.frames());
        }
    }
    subject.ensure_counts(free.len(), format_args!("after runs were freed anywhere"))?;
    subject.drain_exactly(&mut free, "after runs were freed anywhere")
}

/// Takes back `whole`, all of whose frames are allocated, and fails the check
/// unless a second free of it is refused.
fn refuse_a_second_time(subject: &mut Subject, free: &mut FrameSet, whole: FrameRun) -> Outcome {
    subject.give_back_run(whole)?;
    free.insert_all(whole.frames());
    subject.ensure_run_refused(whole, FreeError::AlreadyFree, "it was freed just before")?;
    ensure_unchanged(subject, free, whole)
}

/// Fails the check unless exactly the frames of `free` are free; takes them.
fn ensure_unchanged(subject: &mut Subject, free: &mut FrameSet, run: FrameRun) -> Outcome {
    let count = subject.pmm.free_frames();
    ensure!(
        count == free.len(),
        expected: ("free_frames() = {}, as before {run} was refused (map with {})", free.len(), subject.what, run = told(&run)),
        saw: ("{count}")
    );
    subject.drain_exactly(free, "after a run was refused")
}

/// The order of this power.
fn power(power: u8) -> Order {
    Order::new(power).unwrap_or(Order::MAX)
}

/// The `index`th of the runs of this order that `whole` consists of.
fn part(whole: FrameRun, order: Order, index: u32) -> Option<FrameRun> {
    FrameRun::new(frame(whole.first().number() + index * order.frames()), order)
}
