//! Checks that new bytes of a heap are zero.

use mm_api::layout::PAGE_SIZE;

use crate::check::{Context, Outcome};

use super::subject::{Process, Subject, on_process};

/// More bytes than 24 bits can count, by 64 KiB.
const MANY_BYTES: u32 = 0x0101_0000;

/// New pages are zero, all of each.
pub fn zeroed_growth(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        for bytes in [1, 4000, 4096, 4097, 9000, 40_000, 40_961, 81_920] {
            let old = process.end();
            subject.resize(process, bytes)?;
            let when = format_args!("after the heap grew to {bytes} bytes");
            subject.ensure_zero(process, (old, process.end()), when)?;
            let when = format_args!("past the break in the last page, after the heap grew to {bytes} bytes");
            subject.ensure_zero(process, Subject::spare_bytes(process), when)?;
        }
        // Many pages at once: more bytes than 16 bits can count, and more pages than a byte
        // can, or a table maps.
        for (small, large) in [(100, 100_000), (4096, 1_300_000), (0, 0x0041_0000)] {
            subject.resize(process, small)?;
            subject.resize(process, large)?;
            let when = format_args!("after the heap grew from {small} to {large} bytes at once");
            let end = Subject::spare_bytes(process).1;
            subject.ensure_zero(process, (process.at(small), end), when)?;
        }
        // What a count of 24 bits leaves out begins 64 KiB past the start.
        subject.resize(process, 0)?;
        subject.resize(process, MANY_BYTES)?;
        for from in [0xF000, 0x0080_0000, 0x0100_E000] {
            let when = format_args!("after the heap grew to {MANY_BYTES} bytes at once");
            subject.ensure_zero(process, (process.at(from), process.at(from + 2 * PAGE_SIZE)), when)?;
        }
        for _ in 0..6 {
            let (small, more) = (subject.random(20_000), subject.random(60_000));
            subject.resize(process, small)?;
            subject.resize(process, small + more)?;
            let when = format_args!("after the heap grew from {small} to {} bytes", small + more);
            let end = Subject::spare_bytes(process).1;
            subject.ensure_zero(process, (process.at(small), end), when)?;
        }
        subject.resize(process, 81_920)?;
        // Once more, with frames that the heap has had before.
        subject.fill(process, Subject::heap_bytes(process), 1)?;
        subject.resize(process, 0)?;
        subject.resize(process, 50_000)?;
        let when = format_args!("after the heap shrank to nothing and grew to 50000 bytes");
        subject.ensure_zero(process, Subject::heap_bytes(process), when)?;
        let when = format_args!("past the break in the last page, after it grew to 50000 bytes");
        subject.ensure_zero(process, Subject::spare_bytes(process), when)
    })
}

/// Fills the heap, shrinks it to `small` bytes, and has it grow to each of the
/// sizes in turn.
fn shrink_and_grow(subject: &mut Subject<'_>, process: &mut Process, small: u32, sizes: &[u32]) -> Outcome {
    subject.fill(process, Subject::heap_bytes(process), 1)?;
    subject.resize(process, small)?;
    for bytes in sizes {
        let old = process.end();
        subject.resize(process, *bytes)?;
        let when = format_args!("after the heap shrank to {small} bytes and grew to {bytes}");
        subject.ensure_pattern(process, (process.start(), process.at(small)), 1, when)?;
        subject.ensure_zero(process, (old, process.end()), when)?;
    }
    Ok(())
}

/// Bytes that left the heap and return are zero.
pub fn zeroed_regrowth(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        subject.resize(process, 20_000)?;
        // Inside one page, to its end, into the next, and far beyond.
        for (small, sizes) in [
            (17_000, &[17_001, 17_002, 18_000, 20_000][..]),
            (16_385, &[20_480, 30_000]),
            (16_384, &[16_385, 20_000]),
            (16_383, &[16_384, 16_385, 24_000]),
            (12_300, &[12_800, 20_480]),
            (1, &[2, 4095, 4096, 20_000]),
            (0, &[1, 20_000]),
        ] {
            shrink_and_grow(subject, process, small, sizes)?;
        }
        for _ in 0..8 {
            let small = subject.random(20_000);
            let sizes = [1, 300, 5000].map(|most| small + subject.random(most));
            let sizes = [sizes[0], sizes[0].max(sizes[1]), sizes[0].max(sizes[1]).max(sizes[2])];
            subject.resize(process, 20_000)?;
            shrink_and_grow(subject, process, small, &sizes)?;
        }
        Ok(())
    })
}

/// Bytes that the process wrote past the break are zero when they become the heap's.
pub fn zeroed_past_break(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        let any = 31_000 + subject.random(9000) / 4 * 4 + 1;
        let further = any + 1 + subject.random(9000);
        for (bytes, next) in [
            (10, 11),
            (100, 200),
            (200, 4096),
            (4097, 8192),
            (8200, 8193 + 4096),
            (13_000, 30_000),
            (30_100, 30_104),
            (any, further),
        ] {
            subject.resize(process, bytes)?;
            let spare = Subject::spare_bytes(process);
            subject.fill(process, spare, 2)?;
            // The same in ring 3: nothing keeps a process from writing there.
            let word = spare.1 - 4;
            subject.ensure_usable(process, word, 0x5A5A_5A5A)?;
            let old = process.end();
            subject.resize(process, next)?;
            let when =
                format_args!("where the process had written past the break at {bytes}, after it moved to {next}");
            subject.ensure_zero(process, (old, process.end()), when)?;
        }
        Ok(())
    })
}
