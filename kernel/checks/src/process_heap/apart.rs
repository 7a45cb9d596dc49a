//! Checks of heaps that are emptied, and of several heaps beside each other.

use crate::check::{Context, Outcome};
use crate::ensure;
use mm_api::layout::USER_CODE_START;
use mm_api::{BreakError, VirtAddr};

use super::subject::{Subject, on_process, on_processes};
use super::words::Answer;

/// `clear` empties the heap: no page is left, all frames are back, and it can grow again.
pub fn clear_empties(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        let before = subject.machine.free_frames();
        let any = subject.random(60_000);
        for bytes in [0, 1, 4096, 10_000, 50_000, 4097, 300 * 4096, 1100 * 4096, any] {
            subject.resize(process, bytes)?;
            subject.fill(process, Subject::heap_bytes(process), 1)?;
            subject.clear(process);
            let (start, end) = (process.start(), process.end());
            ensure!(
                end == start,
                expected: ("the break at the start after clear() of {bytes} bytes"),
                saw: ("{}", process.tell(end))
            );
            subject.ensure_pages(process, format_args!("after clear() of {bytes} bytes"))?;
            subject.ensure_faults(process, start, "after clear()")?;
            let after = subject.machine.free_frames();
            ensure!(after == before, expected: ("{before} free frames after clear() of {bytes} bytes"), saw: ("{after}"));
        }
        subject.clear(process);
        subject.ensure_pages(process, format_args!("after clear() of an empty heap"))?;
        subject.resize(process, 6000)?;
        let when = format_args!("when a heap grows after clear()");
        subject.ensure_zero(process, Subject::heap_bytes(process), when)?;
        bounds_stay(subject)
    })
}

/// After `clear`, the heap has its old bounds.
fn bounds_stay(subject: &mut Subject<'_>) -> Outcome {
    let (start, limit) = (VirtAddr::new(0xA000_1000), VirtAddr::new(0xA000_6000));
    let mut process = subject.process_up_to(start, limit)?;
    subject.resize(&mut process, 6000)?;
    subject.clear(&mut process);
    let saw = (process.start(), process.end());
    ensure!(
        saw == (start, start),
        expected: ("an empty heap at {start} after clear(), where it was"),
        saw: ("one from {} to {}", saw.0, saw.1)
    );
    let answer = subject.brk(&mut process, limit + 1);
    ensure!(
        answer == Err(BreakError::PastLimit),
        expected: ("the error PastLimit from brk({}) after clear(), since the limit is {limit}", limit + 1),
        saw: ("{}", Answer(answer))
    );
    subject.move_to(&mut process, limit)?;
    subject.end(process)
}

/// Two processes have heaps at the same addresses, and neither sees the other's.
pub fn two_processes(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        let mut one = subject.process(USER_CODE_START)?;
        let mut other = subject.process(USER_CODE_START)?;
        subject.resize(&mut one, 10_000)?;
        subject.ensure_pages(&other, format_args!("when only another process has asked for memory"))?;
        subject.ensure_faults(&other, other.start(), "when only another process has asked for memory")?;
        subject.resize(&mut other, 20_000)?;
        for offset in [0, 4, 4092, 4096, 9996] {
            let (here, there) = (0x1111_0000 + offset, 0x2222_0000 + offset);
            subject.ensure_usable(&one, one.at(offset), here)?;
            subject.ensure_usable(&other, other.at(offset), there)?;
            subject.ensure_reads(&one, one.at(offset), here, "which it wrote before another process wrote there")?;
            subject.ensure_reads(&other, other.at(offset), there, "which it wrote before the other one ran again")?;
        }
        // One gives memory back, and the other one gets it: without what was in it.
        subject.fill(&one, Subject::heap_bytes(&one), 1)?;
        subject.fill(&other, Subject::heap_bytes(&other), 2)?;
        subject.resize(&mut one, 4096)?;
        subject.ensure_pages(&other, format_args!("after another process's heap shrank"))?;
        let old = other.end();
        let all = subject.leave_frames(2);
        let moved = subject.resize(&mut other, 28_672);
        subject.return_frames(all);
        moved?;
        let when = format_args!("after the heap grew, when another one had shrunk");
        subject.ensure_zero(&other, (old, other.end()), when)?;
        subject.ensure_pattern(&other, (other.start(), old), 2, when)?;
        subject.end(other)?;
        let when = format_args!("when another process has ended");
        subject.ensure_pattern(&one, Subject::heap_bytes(&one), 1, when)?;
        subject.ensure_pages(&one, when)?;
        subject.end(one)
    })
}
