//! Checks of building an allocator. They read only a new allocator's counts, so they
//! pass before anything can be handed out.

use crate::check::{Context, Failed, Outcome};
use crate::ensure;
use kernel_core::words::told;
use mm_api::layout::PAGE_SHIFT;
use mm_api::{FrameRange, InitError, MemoryMap};

use super::drawn::Drawn;
use super::maps::{self, Case};
use super::subject::{self, Subject};

/// The number of the frame at 256 MiB: maps that reach further have many frames.
const HIGH: u32 = 0x1_0000;

/// On this machine, all usable frames that were not borrowed are managed, and free.
///
/// Catches an allocator that counts its own records, or forgets the memory's end.
pub fn managed_count(context: &mut Context) -> Outcome {
    let subject = Subject::of_machine(context)?;
    context.measure("managed", u64::from(subject.managed.len()), "frames");
    context.measure("records", u64::from(subject.records.len()), "frames");
    ensure_counts(&subject)
}

/// A frame that is only partly usable is not usable; one that two regions cover only
/// together is.
///
/// Catches rounding outwards, and rounding each region inwards by itself.
pub fn whole_frames(context: &mut Context) -> Outcome {
    count_each(context, maps::WHOLE_FRAMES)
}

/// Where regions overlap, the unusable one wins, whichever comes first.
///
/// Catches a pass through the map line by line, in which the last one wins.
pub fn unusable_wins(context: &mut Context) -> Outcome {
    count_each(context, maps::UNUSABLE_WINS)
}

/// Regions come in any order, overlap, are empty, and reach beyond 4 GiB.
///
/// Catches sums of lengths, addresses cut to 32 bits, and sums that overflow.
pub fn odd_regions(context: &mut Context) -> Outcome {
    count_each(context, maps::ODD_REGIONS)
}

/// A frame is not usable if one byte of it is reserved.
///
/// Catches reserved ranges rounded inwards, and reserved frames subtracted twice.
pub fn reserved_ranges(context: &mut Context) -> Outcome {
    count_each(context, maps::RESERVED)
}

/// 128 regions and 32 reserved ranges are not too many.
///
/// Catches tables of a fixed size that is too small.
pub fn many_regions(context: &mut Context) -> Outcome {
    count_each(context, maps::MANY_REGIONS)?;
    answer_too_many(context)
}

/// For a map with more regions than it has to support, an allocator may return `TooManyRegions`, or manage it.
fn answer_too_many(context: &mut Context) -> Outcome {
    let case = &maps::TOO_MANY;
    subject::tell_case(case.what, &case.map());
    let mut lender = context.synthetic_lender(case.map(), case.reachable)?;
    match context.labs().frames(&case.map(), &mut lender) {
        Err(InitError::TooManyRegions) => Ok(()),
        Err(error) => crate::fail!(
            expected: ("new() for a map with {} to build an allocator, or to answer TooManyRegions", case.what),
            saw: ("{}", told(&error))
        ),
        Ok(_) => count_each(context, core::slice::from_ref(case)),
    }
}

/// A map that leaves nothing to manage, or no room for the records, is answered
/// with the error that says so.
///
/// Catches panics, and allocators without a frame.
pub fn init_errors(context: &mut Context) -> Outcome {
    for case in maps::NOTHING_USABLE {
        ensure_error(context, case, InitError::NoUsableMemory)?;
    }
    for case in maps::NO_ROOM {
        ensure_error(context, case, InitError::NoRoomForMetadata)?;
    }
    Ok(())
}

/// The records are placed wherever there is room.
///
/// Catches an allocator that takes the first region, the largest one, or unreachable frames.
pub fn records_placed(context: &mut Context) -> Outcome {
    count_each(context, maps::ROOM_SOMEWHERE)?;
    // Once more with a map that has room only once: one MiB, which begins at any frame.
    for _ in 0..4 {
        let first = 0x1000 + context.rng().below(0x1000);
        let start = u64::from(first) << PAGE_SHIFT;
        let regions = [maps::usable(start, start + 0x10_0000), maps::usable(0x0400_0000, 0x0800_0000)];
        let reachable = FrameRange::new(first / 2, first + 0x100);
        let map = MemoryMap { regions: &regions, reserved: &[] };
        let subject = Subject::of_map(context, "one reachable MiB, below what is out of reach", map, reachable)?;
        ensure_counts(&subject)?;
        // And with the room that it took, without a frame more.
        let end = first + subject.records.len();
        let regions = [maps::usable(start, u64::from(end) << PAGE_SHIFT), maps::usable(0x0400_0000, 0x0800_0000)];
        let (reachable, map) = (FrameRange::new(first / 2, end), MemoryMap { regions: &regions, reserved: &[] });
        ensure_counts(&Subject::of_map(context, "as much reachable room as the records took", map, reachable)?)?;
    }
    Ok(())
}

/// Builds an allocator for each map, as it is written and as the seed has it, and compares its
/// counts with the truth.
fn count_each(context: &mut Context, cases: &[Case]) -> Outcome {
    for case in cases {
        let subject = Subject::of_case(context, case)?;
        ensure_counts(&subject)?;
        // A map that lies as high as memory can costs too much to be tried twice.
        if subject.end < HIGH {
            let drawn = Drawn::shuffled(case, context.rng()).moved(context.rng());
            ensure_counts(&Subject::of_drawn(context, case.what, &drawn)?)?;
        }
    }
    Ok(())
}

/// Compares a new allocator's counts with the truth.
fn ensure_counts(subject: &Subject) -> Outcome {
    let wanted = subject.managed.len();
    let (managed, free) = (subject.pmm.managed_frames(), subject.pmm.free_frames());
    let (what, records) = (subject.what, subject.records.len());
    ensure!(
        managed == wanted,
        expected: ("managed_frames() = {wanted} for a map with {what}: {} usable frames, less {records} lent for the records",
            wanted + records),
        saw: ("{managed}")
    );
    ensure!(
        free == wanted,
        expected: ("free_frames() = {wanted} for a map with {what}: at first all managed frames are free"),
        saw: ("{free}")
    );
    Ok(())
}

/// Fails the check unless the allocator refuses the map with `wanted`.
fn ensure_error(context: &mut Context, case: &Case, wanted: InitError) -> Result<(), Failed> {
    subject::tell_case(case.what, &case.map());
    let mut lender = context.synthetic_lender(case.map(), case.reachable)?;
    let built = context.labs().frames(&case.map(), &mut lender);
    let what = case.what;
    match built {
        Err(error) if error == wanted => Ok(()),
        Err(error) => crate::fail!(
            expected: ("new() to answer {wanted} for a map with {what}", wanted = told(&wanted)),
            saw: ("{}", told(&error))
        ),
        Ok(pmm) => crate::fail!(
            expected: ("new() to answer {wanted} for a map with {what}", wanted = told(&wanted)),
            saw: ("success, with managed_frames() = {}", pmm.managed_frames())
        ),
    }
}
