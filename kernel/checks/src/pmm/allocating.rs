//! Checks of single frames that are handed out.

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;
use mm_api::MemoryMap;

use super::frames::FrameSet;
use super::maps::{self, Case};
use super::subject::{Subject, WhyNot, drain};

/// On this machine, neither the kernel's image, the boot data, the PC's own areas
/// in the first MiB, nor the allocator's own records are handed out.
///
/// Catches records that are not taken out, and frame numbers that are off.
pub fn in_use_kept(context: &mut Context) -> Outcome {
    let Subject { mut pmm, managed, records, .. } = Subject::of_machine(context)?;
    let map = context.machine_map();
    let limit = managed.len();
    drain(&mut pmm, limit, |frame| {
        ensure!(
            !records.contains(frame),
            expected: ("{frame} never to be handed out: the allocator borrowed it, and keeps its own records in it"),
            saw: ("{frame}")
        );
        ensure!(
            managed.contains(frame),
            expected: ("{frame} never to be handed out: {}", WhyNot { map, frame }),
            saw: ("{frame}")
        );
        Ok(())
    })
}

/// For maps of every kind, only usable frames are handed out.
///
/// Catches right counts over wrong frames.
pub fn usable_frames_only(context: &mut Context) -> Outcome {
    // One or two maps of each kind, because each is handed out to the last frame.
    let cases = [
        &maps::WHOLE_FRAMES[0],
        &maps::WHOLE_FRAMES[1],
        &maps::UNUSABLE_WINS[5],
        &maps::ODD_REGIONS[1],
        &maps::RESERVED[1],
        &maps::RESERVED[2],
        &maps::MANY_REGIONS[0],
        &maps::HOLES,
    ];
    for case in cases {
        let subject = Subject::of_case(context, case)?;
        only_usable(subject, case.map())?;
    }
    for _ in 0..4 {
        let (subject, drawn) = Subject::at_random(context)?;
        only_usable(subject, drawn.map())?;
    }
    Ok(())
}

/// Takes all frames, and fails if one is not usable.
fn only_usable(subject: Subject, map: MemoryMap<'_>) -> Outcome {
    let Subject { mut pmm, managed, records, what, .. } = subject;
    drain(&mut pmm, managed.len(), |frame| {
        ensure!(
            managed.contains(frame) || records.contains(frame),
            expected: ("{frame} never to be handed out: {} (map with {what})", WhyNot { map, frame }),
            saw: ("{frame}")
        );
        Ok(())
    })
}

/// On this machine, no frame is handed out a second time before it was freed.
///
/// Catches a mark that is forgotten, or made in the wrong place.
pub fn never_twice(context: &mut Context) -> Outcome {
    let Subject { mut pmm, managed, .. } = Subject::of_machine(context)?;
    let mut seen = FrameSet::new(context, mm_api::layout::FRAME_COUNT)?;
    drain(&mut pmm, managed.len(), |frame| {
        ensure!(
            seen.insert(frame),
            expected: ("allocate() to hand out {frame} once, because it was not freed"),
            saw: ("{frame} a second time, at call {}", seen.len() + 1)
        );
        Ok(())
    })
}

/// Every free frame is handed out; then the answer is `None`, however often it is asked for.
///
/// Catches a last word or bit that is never read, and a search that panics or never ends
/// if it finds nothing.
pub fn exhaustion(context: &mut Context) -> Outcome {
    // The last frame takes every place in a word that bitmaps get wrong.
    for end in [0x421_u32, 0x43F, 0x440] {
        let regions = [maps::usable(0x10_0000, u64::from(end) << 12)];
        let map = MemoryMap { regions: &regions, reserved: &[] };
        let reachable = Case::of("", &[]).reachable;
        let mut subject = Subject::of_map(context, "one region", map, reachable)?;
        exhaust(context, &mut subject)?;
    }
    for case in [&maps::HOLES, &maps::BOTTOM] {
        let mut subject = Subject::of_case(context, case)?;
        exhaust(context, &mut subject)?;
    }
    for _ in 0..4 {
        let (mut subject, _) = Subject::at_random(context)?;
        exhaust(context, &mut subject)?;
    }
    Ok(())
}

/// Takes all frames, and asks for more.
fn exhaust(context: &mut Context, subject: &mut Subject) -> Outcome {
    let mut free = subject.managed.duplicate(context)?;
    subject.drain_exactly(&mut free, "in all")?;
    let what = subject.what;
    for _ in 0..3 {
        let answer = subject.pmm.allocate();
        ensure!(
            answer.is_none(),
            expected: ("allocate() to answer nothing, and nothing again, while nothing is free (map with {what})"),
            saw: ("{}", told(&answer))
        );
    }
    subject.ensure_counts(0, format_args!("when every frame is handed out"))
}
