//! Checks of frames that are taken back.

use crate::check::{Context, Outcome};
use crate::ensure;
use mm_api::layout::FRAME_COUNT;
use mm_api::{Frame, FreeError, MemoryMap};

use super::frames::FrameSet;
use super::maps;
use super::subject::{Subject, WhyNot, frame};

/// Freed frames are handed out again, in whatever order they were freed.
///
/// Catches a search that does not return to where it has been.
pub fn free_and_reuse(context: &mut Context) -> Outcome {
    let mut subject = Subject::of_case(context, &maps::HOLES)?;
    let mut free = subject.managed.duplicate(context)?;
    subject.drain_exactly(&mut free, "at first")?;

    // Every third frame, upwards: few at a time, far apart.
    let all = subject.managed.duplicate(context)?;
    for frame in all.iter().step_by(3) {
        subject.give_back(frame)?;
        free.insert(frame);
    }
    subject.drain_exactly(&mut free, "after every third one was freed")?;

    // All of them, downwards from the last.
    for number in (0..maps::HOLES.reachable.end()).rev() {
        let frame = frame(number);
        if all.contains(frame) {
            subject.give_back(frame)?;
            free.insert(frame);
        }
    }
    subject.drain_exactly(&mut free, "after all were freed, the last one first")?;

    // One at a time: each comes back before the next is freed.
    for frame in all.iter().step_by(7) {
        subject.give_back(frame)?;
        free.insert(frame);
        subject.drain_exactly(&mut free, "after one was freed")?;
    }

    // A random half of them, of a random map.
    let (mut subject, _) = Subject::at_random(context)?;
    let mut free = subject.managed.duplicate(context)?;
    let all = subject.managed.duplicate(context)?;
    subject.drain_exactly(&mut free, "at first")?;
    for _ in 0..3 {
        for frame in all.iter() {
            if context.rng().below(2) == 0 {
                subject.give_back(frame)?;
                free.insert(frame);
            }
        }
        subject.drain_exactly(&mut free, "after some half of them was freed")?;
    }

    // Frame 0 is a frame like any other.
    let mut subject = Subject::of_case(context, &maps::BOTTOM)?;
    let mut free = subject.managed.duplicate(context)?;
    let first = free.first();
    subject.drain_exactly(&mut free, "at first")?;
    if let Some(first) = first {
        subject.give_back(first)?;
        free.insert(first);
    }
    subject.drain_exactly(&mut free, "after the first one was freed")
}

/// A free of a free frame is `AlreadyFree`, and changes nothing.
///
/// Catches a free that writes before it tests.
pub fn double_free(context: &mut Context) -> Outcome {
    let subject = Subject::of_case(context, &maps::HOLES)?;
    free_twice(context, subject)?;
    let (subject, _) = Subject::at_random(context)?;
    free_twice(context, subject)
}

/// Frees frames that were never allocated, and frames a second time.
fn free_twice(context: &mut Context, mut subject: Subject) -> Outcome {
    let all = subject.managed.duplicate(context)?;
    let total = all.len();

    for frame in all.iter().step_by(5) {
        subject.ensure_refused(frame, FreeError::AlreadyFree, format_args!("it was never allocated"))?;
    }

    let mut taken = FrameSet::new(context, FRAME_COUNT)?;
    for _ in 0..total / 2 {
        if let Some(frame) = subject.pmm.allocate() {
            taken.insert(frame);
        }
    }
    let mut free = all.duplicate(context)?;
    taken.iter().for_each(|frame| {
        free.remove(frame);
    });
    for frame in taken.iter().step_by(3) {
        subject.give_back(frame)?;
        free.insert(frame);
        subject.ensure_refused(frame, FreeError::AlreadyFree, format_args!("it was freed just before"))?;
    }
    subject.drain_exactly(&mut free, "after some of those were freed twice, and refused the second time")
}

/// A free of a frame that is not managed is `NotManaged`, and changes nothing,
/// while all frames are free and while none is.
///
/// Catches an index past the records' end, and reserved frames given away.
pub fn foreign_free(context: &mut Context) -> Outcome {
    let mut subject = Subject::of_case(context, &maps::HOLES)?;
    refuse_foreign_twice(context, &mut subject, maps::HOLES.map())?;
    let (mut subject, drawn) = Subject::at_random(context)?;
    refuse_foreign_twice(context, &mut subject, drawn.map())
}

fn refuse_foreign_twice(context: &mut Context, subject: &mut Subject, map: MemoryMap<'_>) -> Outcome {
    refuse_foreign(context, subject, map)?;
    let mut free = subject.managed.duplicate(context)?;
    subject.drain_exactly(&mut free, "after frames were refused that are not managed")?;
    refuse_foreign(context, subject, map)?;
    subject.drain_exactly(&mut free, "of which there are none")
}

/// Tries to free every frame up to the end of the map that is not managed, and
/// some beyond it.
fn refuse_foreign(context: &mut Context, subject: &mut Subject, map: MemoryMap<'_>) -> Outcome {
    let managed = subject.managed.duplicate(context)?;
    let beyond = [0x1101, 0x111F, 0x1120, 0x1200, 0x8000, 0x3_0000, 0x8_0000, FRAME_COUNT - 1];
    let foreign = (0..0x1101).chain(beyond).map(frame).filter(|frame| !managed.contains(*frame));
    for frame in foreign {
        if subject.records.contains(frame) {
            let reason = format_args!("the allocator keeps its own records in it");
            subject.ensure_refused(frame, FreeError::NotManaged, reason)?;
        } else {
            let reason = format_args!("{}", WhyNot { map, frame });
            subject.ensure_refused(frame, FreeError::NotManaged, reason)?;
        }
    }
    Ok(())
}

/// The counts are right after every single call, even after a refused one.
///
/// Catches counts that are changed twice, not at all, or before the test.
pub fn exact_counts(context: &mut Context) -> Outcome {
    const STEPS: u32 = 600;
    let mut subject = Subject::of_case(context, &maps::HOLES)?;
    let all = subject.managed.duplicate(context)?;
    let mut free = all.len();
    let mut taken: [Option<Frame>; 64] = [None; 64];

    for step in 0..STEPS {
        let slot = context.rng().below(taken.len() as u32) as usize;
        match taken[slot].take() {
            None => {
                taken[slot] = subject.pmm.allocate();
                ensure!(
                    taken[slot].is_some(),
                    expected: ("allocate() to hand out one of {free} free frames"),
                    saw: ("nothing")
                );
                free -= 1;
                subject.ensure_counts(free, format_args!("after allocate(), in round {step}"))?;
            }
            Some(frame) => {
                subject.give_back(frame)?;
                free += 1;
                subject.ensure_counts(free, format_args!("after free({frame}), in round {step}"))?;
                subject.ensure_refused(frame, FreeError::AlreadyFree, format_args!("it was freed just before"))?;
                subject.ensure_counts(free, format_args!("after free({frame}) was refused, in round {step}"))?;
            }
        }
        if step % 16 == 0 {
            let hole = frame(0x138 + step % 8);
            subject.ensure_refused(hole, FreeError::NotManaged, format_args!("it is in a hole of the map"))?;
            subject.ensure_counts(free, format_args!("after free({hole}) was refused, in round {step}"))?;
        }
    }
    Ok(())
}
