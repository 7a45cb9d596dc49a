//! Checks of a break that moves: the answers, the pages that come and go, and
//! the contents that stay.

use crate::check::{Context, Failed, Outcome};
use crate::ensure;
use mm_api::VirtAddr;
use mm_api::layout::PAGE_SIZE;

use super::subject::{Process, Subject, on_process};
use super::words::{Answer, At};

/// `brk` moves the break, up and down, and the process can use the bytes below it.
pub fn brk_moves(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        for (round, bytes) in (1..).zip([4, 5000, 5000, 6000, 40_000, 4096, 8192, 12, 0, 0, 20_000]) {
            subject.resize(process, bytes)?;
            if bytes == 0 {
                continue;
            }
            // The last whole word of the heap, and its first.
            let last = process.at((bytes - 4) / 4 * 4);
            subject.ensure_usable(process, process.start(), 0x5EED_0000 + round)?;
            subject.ensure_usable(process, last, 0x5EED_1000 + round)?;
        }
        for round in 0..12 {
            let bytes = 4 + subject.random(60_000);
            subject.resize(process, bytes)?;
            subject.ensure_usable(process, process.at((bytes - 4) / 4 * 4), 0x5EED_2000 + round)?;
        }
        subject.resize(process, 20_000)?;
        let end = process.end().as_u32().next_multiple_of(PAGE_SIZE);
        subject.ensure_faults(process, VirtAddr::new(end), "the first page past the heap")?;
        subject.resize(process, 0)?;
        subject.ensure_faults(process, process.start(), "when the heap is empty again")
    })
}

/// `sbrk` returns the old break, whether it moves it up, down, or not at all.
pub fn sbrk_old_break(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        let mut bytes = 0_u32;
        let (up, down) = (subject.random(100_000), subject.random(100_000));
        let (up, down) = (up.max(down).cast_signed(), up.min(down).cast_signed());
        for increment in [
            0,
            5000,
            0,
            1,
            10_000,
            -1,
            -9_000,
            0,
            4096,
            -4096,
            -6000,
            0,
            3,
            -3,
            0,
            70_000,
            -69_000,
            0x110_1000,
            -0x110_0800,
            0,
            up,
            -down,
            down,
            -up,
        ] {
            bytes = moved_by(subject, process, bytes, increment)?;
        }
        subject.ensure_pages(process, format_args!("after a series of sbrk()"))?;
        over_2_gib(subject)
    })
}

/// Moves the break, which is so many bytes past the start, by an increment, and returns where it is then.
fn moved_by(subject: &mut Subject<'_>, process: &mut Process, bytes: u32, increment: i32) -> Result<u32, Failed> {
    let old = process.at(bytes);
    let bytes = bytes.wrapping_add_signed(increment);
    let answer = subject.sbrk(process, increment);
    let tell = |address| At { start: process.start(), address };
    ensure!(
        answer == Ok(old),
        expected: ("{} from sbrk({increment}): where the break was before", tell(old)),
        saw: ("{}", Answer(answer.map(tell)))
    );
    let (new, saw) = (process.at(bytes), process.end());
    ensure!(
        saw == new,
        expected: ("the break at {} after sbrk({increment})", tell(new)),
        saw: ("{}", tell(saw))
    );
    Ok(bytes)
}

/// The break moves over 2 GiB, the end of signed numbers, and back.
fn over_2_gib(subject: &mut Subject<'_>) -> Outcome {
    let mut process = subject.process(VirtAddr::new(0x7FFF_E000))?;
    let mut bytes = 0;
    for increment in [0x1FFF, 1, 0x1801, -0x1801, -2, 0x3002, -0x4FFF] {
        bytes = moved_by(subject, &mut process, bytes, increment)?;
        subject.ensure_pages(&process, format_args!("after sbrk({increment}) near 2 GiB"))?;
    }
    subject.end(process)
}

/// The sizes of the heap, around the boundaries of pages. Gone through backwards, each size
/// is less than those before it.
const SIZES: [u32; 17] =
    [0, 1, 2, 100, 4094, 4095, 4096, 4097, 4098, 8191, 8192, 8193, 12_288, 16_383, 16_384, 16_385, 28_672];

/// More bytes than 16 bits can count, more pages than a byte can, and more than a page
/// table maps.
const LARGE: [u32; 3] = [70_000, 300 * PAGE_SIZE + 1, 0x0041_0000];

/// A page is mapped when the break moves past its first byte, and not before.
pub fn grow_at_boundary(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        for bytes in SIZES {
            subject.resize(process, bytes)?;
            subject.ensure_pages(process, format_args!("after the heap grew to {bytes} bytes"))?;
            // To the place where the break is already.
            subject.resize(process, bytes)?;
            subject.ensure_pages(process, format_args!("after brk() to where the break is"))?;
        }
        for bytes in LARGE {
            subject.resize(process, 0)?;
            subject.resize(process, bytes)?;
            subject.ensure_pages(process, format_args!("after the heap grew to {bytes} bytes at once"))?;
        }
        // From every size to every larger one.
        for (index, small) in SIZES.into_iter().enumerate() {
            for large in &SIZES[index..] {
                subject.resize(process, 0)?;
                subject.resize(process, small)?;
                subject.resize(process, *large)?;
                subject.ensure_pages(process, format_args!("after it grew from {small} bytes to {large}"))?;
            }
        }
        for _ in 0..20 {
            let (small, more) = (subject.random(40_000), subject.random(100_000));
            subject.resize(process, small)?;
            subject.resize(process, small + more)?;
            subject.ensure_pages(process, format_args!("after it grew from {small} bytes to {}", small + more))?;
        }
        Ok(())
    })
}

/// A page is unmapped when no byte of the heap is left in it, and not before.
pub fn shrink_at_boundary(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        subject.resize(process, 30_000)?;
        for bytes in SIZES.into_iter().rev() {
            subject.resize(process, bytes)?;
            subject.ensure_pages(process, format_args!("after the heap shrank to {bytes} bytes"))?;
        }
        for large in LARGE {
            for small in [5000, 0] {
                subject.resize(process, large)?;
                subject.resize(process, small)?;
                subject.ensure_pages(process, format_args!("after it shrank from {large} bytes to {small}"))?;
            }
        }
        for _ in 0..20 {
            let (small, more) = (subject.random(40_000), subject.random(100_000));
            subject.resize(process, small + more)?;
            subject.resize(process, small)?;
            subject.ensure_pages(process, format_args!("after it shrank from {} bytes to {small}", small + more))?;
        }
        subject.resize(process, 0)?;
        for (index, large) in SIZES.into_iter().enumerate() {
            for small in &SIZES[..index] {
                let before = subject.machine.free_frames();
                subject.resize(process, large)?;
                subject.resize(process, *small)?;
                subject.ensure_pages(process, format_args!("after it shrank from {large} bytes to {small}"))?;
                subject.resize(process, 0)?;
                let after = subject.machine.free_frames();
                ensure!(
                    after == before,
                    expected: ("{before} free frames, when the heap is empty again"),
                    saw: ("{after}")
                );
            }
        }
        Ok(())
    })
}

/// Bytes below the break stay as they are, however the break moves.
pub fn content_kept(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        for bytes in [10, 5000, 5010, 8192, 8193, 40_000, 20_000, 12_288, 12_289, 30_000, 4096, 4095, 9000, 1, 7000] {
            move_and_look(subject, process, bytes)?;
        }
        for _ in 0..12 {
            let bytes = subject.random(40_000);
            move_and_look(subject, process, bytes)?;
        }
        Ok(())
    })
}

/// Moves the break. The bytes that remain have to stay as they are; new ones are filled.
fn move_and_look(subject: &mut Subject<'_>, process: &mut Process, bytes: u32) -> Outcome {
    let old = process.end();
    let new = process.at(bytes);
    subject.resize(process, bytes)?;
    let when = format_args!("after the break moved from {} to {}", process.tell(old), process.tell(new));
    subject.ensure_pattern(process, (process.start(), old.min(new)), 1, when)?;
    subject.fill(process, (old.min(new), new), 1)
}
