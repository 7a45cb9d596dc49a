//! Checks of all calls together, on the memory of this machine, with contents
//! written to the frames.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::circumstances;
use kernel_core::words::told;
use mm_api::{Frame, FrameRun, FreeError, Order};

use super::frames::FrameSet;
use super::subject::Subject;

/// How many allocations the random mix holds at a time.
const SLOTS: usize = 192;

/// Frames that were handed out together, and the word that they are filled with.
#[derive(Clone, Copy)]
struct Held {
    run: FrameRun,
    stamp: u32,
}

/// Random calls on this machine's memory, compared with a model after each; every
/// frame is filled when it is handed out, and verified before it is freed.
///
/// Catches mistakes that no other check looks for: above all two owners of one frame,
/// and records that another owner overwrites.
pub fn random_mix(context: &mut Context) -> Outcome {
    const STEPS: u32 = 600;
    const ROUNDS: u32 = 3000;
    let mut subject = Subject::of_machine(context)?;
    circumstances::case_line(format_args!("random calls from seed {}", context.seed()));
    let mut free = subject.managed.duplicate(context)?;
    let mut held: [Option<Held>; SLOTS] = [None; SLOTS];

    // Most of the memory goes first, in large runs, so that the rest gets used up.
    let mut blocks = FrameSet::new(context, subject.end)?;
    for order in Order::all().rev().take(4) {
        while let Some(run) = subject.try_run(&mut free, order)? {
            blocks.insert_all(run.frames());
        }
    }

    for step in 0..STEPS {
        circumstances::step(format_args!("round {step} of {STEPS}"));
        let slot = context.rng().below(SLOTS as u32) as usize;
        match held[slot].take() {
            Some(old) => give_up(context, &mut subject, &mut free, old)?,
            None => held[slot] = take(context, &mut subject, &mut free, step)?,
        }
        refuse_some(context, &mut subject, &free)?;
        // At first memory is scarce. Then runs come back from everywhere, and are
        // cut up by what follows.
        if step > STEPS / 2 {
            let order = any_order(context, 4);
            scatter(context, &mut subject, &mut free, &mut blocks, order)?;
        }
        subject.ensure_counts(free.len(), format_args!("after round {step} of the random mix"))?;
    }

    // Many more calls, without contents, for mistakes that show late.
    for round in 0..ROUNDS {
        let order = any_order(context, Order::MAX.power());
        circumstances::step(format_args!("round {round} of {ROUNDS}, without contents"));
        if context.rng().below(2) == 0 {
            scatter(context, &mut subject, &mut free, &mut blocks, order)?;
        } else if let Some(run) = take_run(&mut subject, &mut free, order)? {
            blocks.insert_all(run.frames());
        }
        subject.ensure_counts(free.len(), format_args!("after round {round} of the random mix, without contents"))?;
    }

    circumstances::step(format_args!("the end: giving everything back"));
    for old in held.into_iter().flatten() {
        give_up(context, &mut subject, &mut free, old)?;
    }
    while let Some(run) = blocks.first_run(Order::MAX) {
        subject.give_back_run(run)?;
        blocks.remove_all(run.frames());
    }
    for frame in blocks.iter() {
        subject.give_back(frame)?;
    }
    let total = subject.managed.len();
    subject.ensure_counts(total, format_args!("after everything of the random mix was freed"))
}

/// Takes a frame or a run, if there is one, and fills it.
fn take(context: &mut Context, subject: &mut Subject, free: &mut FrameSet, step: u32) -> Result<Option<Held>, Failed> {
    // Half of them single frames, few of them large.
    let power = context.rng().next_u32().trailing_zeros().min(6) as u8;
    let order = Order::new(power).unwrap_or(Order::ZERO);
    let run = if order == Order::ZERO {
        match subject.pmm.allocate() {
            Some(frame) => {
                ensure!(
                    free.remove(frame),
                    expected: ("allocate() to hand out only free frames, in round {step} of the random mix"),
                    saw: ("{frame}, which is {}", subject.standing(frame))
                );
                FrameRun::new(frame, order)
            }
            None if free.is_empty() => None,
            None => fail!(
                expected: ("allocate() to hand out one of {} free frames, in round {step} of the random mix", free.len()),
                saw: ("nothing")
            ),
        }
    } else {
        take_run(subject, free, order)?
    };
    let Some(run) = run else { return Ok(None) };
    let stamp = context.rng().next_u32();
    for frame in run.frames().iter() {
        fill(context, frame, stamp)?;
    }
    Ok(Some(Held { run, stamp }))
}

/// Verifies the contents of frames and gives them back: at random as a run, or frame
/// by frame.
fn give_up(context: &mut Context, subject: &mut Subject, free: &mut FrameSet, old: Held) -> Outcome {
    for frame in old.run.frames().iter() {
        look(context, frame, old.stamp)?;
    }
    if old.run.order() != Order::ZERO && context.rng().below(2) == 0 {
        subject.give_back_run(old.run)?;
    } else {
        for frame in old.run.frames().iter() {
            subject.give_back(frame)?;
        }
    }
    free.insert_all(old.run.frames());
    Ok(())
}

/// Takes a run without contents, if there is one.
fn take_run(subject: &mut Subject, free: &mut FrameSet, order: Order) -> Result<Option<FrameRun>, Failed> {
    let run = subject.try_run(free, order)?;
    if run.is_none()
        && let Some(there) = free.first_run(order)
    {
        fail!(
            expected: ("allocate_run({order}) to find one, such as {there}, in the random mix", there = told(&there)),
            saw: ("nothing")
        );
    }
    Ok(run)
}

/// Gives back a run of this order anywhere in `blocks`, if all of its frames are there.
fn scatter(
    context: &mut Context,
    subject: &mut Subject,
    free: &mut FrameSet,
    blocks: &mut FrameSet,
    order: Order,
) -> Outcome {
    let number = context.rng().below(subject.end) & !(order.frames() - 1);
    let Some(run) = Frame::new(number).and_then(|first| FrameRun::new(first, order)) else { return Ok(()) };
    if blocks.contains_all(run.frames()) {
        subject.give_back_run(run)?;
        blocks.remove_all(run.frames());
        free.insert_all(run.frames());
    }
    Ok(())
}

/// A random order below that of this power.
fn any_order(context: &mut Context, power: u32) -> Order {
    Order::new(context.rng().below(power) as u8).unwrap_or(Order::ZERO)
}

/// Tries to free a frame that is free or not managed.
fn refuse_some(context: &mut Context, subject: &mut Subject, free: &FrameSet) -> Outcome {
    let Some(frame) = Frame::new(context.rng().below(subject.end + 64)) else { return Ok(()) };
    if !subject.managed.contains(frame) {
        subject.ensure_refused(frame, FreeError::NotManaged, format_args!("it is not managed"))
    } else if free.contains(frame) {
        subject.ensure_refused(frame, FreeError::AlreadyFree, format_args!("it is free"))
    } else {
        Ok(())
    }
}

/// Fills a frame that was handed out.
fn fill(context: &mut Context, frame: Frame, stamp: u32) -> Outcome {
    match context.with_frame(frame, |words| words.fill(stamp)) {
        Some(()) => Ok(()),
        None => fail!(
            expected: ("only frames to be handed out that may be written to"),
            saw: ("{frame}, which is not usable, or holds the allocator's records")
        ),
    }
}

/// Fails the check unless a frame has the contents that it was filled with.
fn look(context: &mut Context, frame: Frame, stamp: u32) -> Outcome {
    let other = context.with_frame(frame, |words| words.iter().copied().find(|word| *word != stamp)).flatten();
    match other {
        None => Ok(()),
        Some(word) => fail!(
            expected: ("{frame} to hold what was written to it, {stamp:#010x}, until it is freed"),
            saw: ("{word:#010x}: somebody else writes to it too")
        ),
    }
}

/// On a machine with 3.5 GiB, every frame is handed out in as few runs as
/// possible, most of them beyond the memory that the kernel maps directly. Each frame is a
/// place of its own, and all come back. Single frames all over the memory are
/// freed and handed out as well.
///
/// Catches mistakes that need large frame numbers, or frames far from the records.
pub fn high_memory(context: &mut Context) -> Outcome {
    let mut subject = Subject::of_machine(context)?;
    let total = subject.managed.len();
    subject.ensure_counts(total, format_args!("at first"))?;
    let mut free = subject.managed.duplicate(context)?;
    let mut written = FrameSet::new(context, subject.end)?;

    for order in Order::all().rev() {
        let wanted = free.runs(order).count();
        for index in 0..wanted {
            let run = subject.take_run(&mut free, order, "the largest first")?;
            // Only some are written to, since the host has to find memory for each of them.
            if index % 64 == 0 {
                number(context, run.first())?;
                written.insert(run.first());
            }
        }
        subject.ensure_counts(free.len(), format_args!("after all runs of {order} were handed out"))?;
    }
    ensure!(
        free.is_empty(),
        expected: ("all {total} frames to be handed out in runs"),
        saw: ("{} left", free.len())
    );

    for frame in written.iter() {
        let word = context.with_frame(frame, |words| words[0]);
        ensure!(
            word == Some(frame.number()),
            expected: ("{frame} to hold what was written to it, {:#x}", frame.number()),
            saw: ("{:#x}: another frame's number", word.unwrap_or(0))
        );
    }
    for frame in written.iter() {
        subject.give_back(frame)?;
        let answer = subject.pmm.allocate();
        ensure!(
            answer == Some(frame),
            expected: ("allocate() to answer {frame}, the only free frame"),
            saw: ("{}", told(&answer))
        );
    }

    let whole = subject.managed.duplicate(context)?;
    for run in whole.runs(Order::MAX) {
        subject.give_back_run(run)?;
        free.insert_all(run.frames());
    }
    subject.ensure_counts(free.len(), format_args!("after all runs of {} were freed", Order::MAX))
}

/// Writes a frame's number into the frame.
fn number(context: &mut Context, frame: Frame) -> Outcome {
    match context.with_frame(frame, |words| words[0] = frame.number()) {
        Some(()) => Ok(()),
        None => fail!(
            expected: ("only frames to be handed out that may be written to"),
            saw: ("{frame}, which is not usable, or holds the allocator's records")
        ),
    }
}
