//! Checks of calls that are refused and change nothing.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_HEAP_START, USER_STACK_GUARD};
use mm_api::{BreakError, Page, Protection, VirtAddr};

use super::subject::{Process, Subject, on_process, on_processes};

/// Where a heap starts that has room for three pages.
const THREE_PAGES: VirtAddr = VirtAddr::new(USER_STACK_GUARD.as_u32() - 3 * PAGE_SIZE);

/// More pages than a byte can count.
const MANY_PAGES: u32 = 1100;

/// Calls `brk`, which has to refuse.
fn refuse_brk(subject: &mut Subject<'_>, process: &mut Process, address: u32, expected: BreakError) -> Outcome {
    let address = VirtAddr::new(address);
    let (to, from) = (process.tell(address), process.tell(process.end()));
    let tell = format_args!("brk({to}) where the break is {from}");
    subject.ensure_refused(process, expected, tell, |subject, process| subject.brk(process, address))
}

/// Calls `sbrk`, which has to refuse.
fn refuse_sbrk(subject: &mut Subject<'_>, process: &mut Process, increment: i32, expected: BreakError) -> Outcome {
    let from = process.end();
    let tell = format_args!("sbrk({increment}) where the break is {from}");
    subject.ensure_refused(process, expected, tell, |subject, process| subject.sbrk(process, increment))
}

/// Fills all of the heap's pages, also past the break.
fn fill(subject: &Subject<'_>, process: &Process) -> Outcome {
    subject.fill(process, Subject::heap_bytes(process), 1)?;
    subject.fill(process, Subject::spare_bytes(process), 2)
}

/// The break does not move below the heap's start.
pub fn below_start(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        let start = process.start().as_u32();
        for bytes in [0, 1, 4096, 10_000] {
            subject.resize(process, bytes)?;
            fill(subject, process)?;
            let any = subject.random(start);
            for address in [start - 1, start - PAGE_SIZE, USER_CODE_START.as_u32(), 1, 0, any] {
                refuse_brk(subject, process, address, BreakError::BelowStart)?;
            }
            let heap = bytes.cast_signed();
            for increment in [-heap - 1, -heap - 4096, -heap - 0x0800_0000, -heap - start.cast_signed()] {
                refuse_sbrk(subject, process, increment, BreakError::BelowStart)?;
            }
        }
        // It does move to the start itself.
        subject.resize(process, 0)?;
        subject.ensure_pages(process, format_args!("after brk() to the start"))
    })
}

/// The break moves to the limit that the heap was made with, and no further.
pub fn past_limit(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        let any = USER_HEAP_START + (3 + subject.random(0xA_0000)) * PAGE_SIZE;
        for limit in [USER_STACK_GUARD, USER_HEAP_START + 3 * PAGE_SIZE, VirtAddr::new(0xA000_3000), any] {
            let mut process = subject.process_up_to(VirtAddr::new(limit.as_u32() - 3 * PAGE_SIZE), limit)?;
            reach_limit(subject, &mut process, limit.as_u32())?;
            subject.end(process)?;
        }
        // Also in a heap far from its limit, at the place that the layout has for heaps.
        subject.with_process(USER_CODE_START, |subject, process| {
            subject.resize(process, 5000)?;
            fill(subject, process)?;
            let any = USER_STACK_GUARD.as_u32() + 1 + subject.random(0x4000_0000);
            for address in [USER_STACK_GUARD.as_u32() + 1, 0xC000_0000, 0xFFFF_F001, u32::MAX, any] {
                refuse_brk(subject, process, address, BreakError::PastLimit)?;
            }
            Ok(())
        })
    })
}

/// Moves the break of a heap that has room for three pages to its limit.
fn reach_limit(subject: &mut Subject<'_>, process: &mut Process, limit: u32) -> Outcome {
    for bytes in [0, 1, 3 * PAGE_SIZE - 1, 3 * PAGE_SIZE] {
        subject.resize(process, bytes)?;
        fill(subject, process)?;
        for address in [limit + 1, limit + PAGE_SIZE, 0xC000_0000, 0xF000_0000, u32::MAX] {
            refuse_brk(subject, process, address, BreakError::PastLimit)?;
        }
        let left = (3 * PAGE_SIZE - bytes).cast_signed();
        for increment in [left + 1, left + 4096, left + 0x1_0000, 0x4000_0000] {
            refuse_sbrk(subject, process, increment, BreakError::PastLimit)?;
        }
    }
    subject.ensure_pages(process, format_args!("when the heap has reached its limit"))
}

/// A sum that is no 32-bit address has an error of its own, apart from too low and too high.
pub fn sum_wraps(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        subject.with_process(THREE_PAGES, |subject, process| {
            for bytes in [0, 100, 3 * PAGE_SIZE] {
                subject.resize(process, bytes)?;
                fill(subject, process)?;
                // The distance to 4 GiB.
                let far = process.end().as_u32().wrapping_neg().cast_signed();
                refuse_sbrk(subject, process, far, BreakError::Wraps)?;
                refuse_sbrk(subject, process, far - 1, BreakError::PastLimit)?;
                refuse_sbrk(subject, process, far + 1, BreakError::Wraps)?;
                refuse_sbrk(subject, process, far + 0x1000_0000, BreakError::Wraps)?;
                let any = subject.random(0x3000_0000).cast_signed();
                refuse_sbrk(subject, process, far + any, BreakError::Wraps)?;
                refuse_sbrk(subject, process, i32::MAX, BreakError::Wraps)?;
                refuse_sbrk(subject, process, i32::MIN, BreakError::BelowStart)?;
            }
            Ok(())
        })?;
        subject.with_process(USER_CODE_START, |subject, process| {
            for bytes in [0, 100, 9000] {
                subject.resize(process, bytes)?;
                fill(subject, process)?;
                let down = -process.end().as_u32().cast_signed();
                refuse_sbrk(subject, process, down, BreakError::BelowStart)?;
                refuse_sbrk(subject, process, down - 1, BreakError::Wraps)?;
                refuse_sbrk(subject, process, down - 0x1000_0000, BreakError::Wraps)?;
                refuse_sbrk(subject, process, i32::MIN + 1, BreakError::Wraps)?;
                refuse_sbrk(subject, process, i32::MIN, BreakError::Wraps)?;
            }
            Ok(())
        })
    })
}

/// The heap does not grow over a page that is mapped already.
pub fn heap_occupied(context: &mut Context) -> Outcome {
    on_process(context, |subject, process| {
        let (any, further) = (subject.random(40_000), subject.random(40));
        let any = (any, any.div_ceil(PAGE_SIZE) + further);
        for (bytes, occupied) in [(0, 0), (0, 3), (100, 1), (5000, 4), (8192, 2), (4096, 300), any] {
            subject.resize(process, 0)?;
            subject.resize(process, bytes)?;
            fill(subject, process)?;
            let page = Page::containing(process.at(occupied * PAGE_SIZE));
            let Some(frame) = subject.machine.take_frame() else {
                fail!(expected: ("a frame for somebody else"), saw: ("none is free"))
            };
            subject.machine.fill(frame, 0x4F54_4845);
            subject.map_at(&process.home, page, frame, Protection::USER_WRITE)?;
            for reach in [occupied * PAGE_SIZE + 1, (occupied + 1) * PAGE_SIZE, (occupied + 5) * PAGE_SIZE] {
                refuse_brk(subject, process, process.at(reach).as_u32(), BreakError::Occupied)?;
            }
            // If two errors are true, the first of the list is returned.
            refuse_brk(subject, process, USER_STACK_GUARD.as_u32() + 1, BreakError::PastLimit)?;
            // Up to that page there is room.
            subject.resize(process, (occupied * PAGE_SIZE).max(bytes))?;
            ensure!(
                subject.frame_of(&process.home, page.start()) == Some(frame),
                expected: ("{page} to stay mapped to {frame}, as somebody else has it"),
                saw: ("it is not")
            );
            subject.unmap_at(&process.home, page)?;
        }
        Ok(())
    })
}

/// If the frames run out half way, the pages mapped so far are unmapped again.
pub fn half_undone(context: &mut Context) -> Outcome {
    // Two pages before the end of a table: the third needs another one.
    let start = USER_HEAP_START + 0x0040_0000 - 2 * PAGE_SIZE;
    let work = |subject: &mut Subject<'_>, process: &mut Process| {
        // The pages that the heap has, how many more are asked for, and how many frames
        // those take, tables included.
        for (pages, more, needed) in [(0, 8, 10), (1, 7, 8), (2, 6, 7), (3, 5, 5)] {
            let bytes = pages * PAGE_SIZE - if pages == 0 { 0 } else { 1000 };
            for left in 0..needed {
                subject.resize(process, 0)?;
                subject.resize(process, bytes)?;
                fill(subject, process)?;
                let taken = subject.leave_frames(left);
                let reach = process.at((pages + more) * PAGE_SIZE);
                let refused = refuse_brk(subject, process, reach.as_u32(), BreakError::OutOfFrames);
                subject.return_frames(taken);
                refused?;
            }
            // One frame more is enough.
            let taken = subject.leave_frames(needed);
            let moved = subject.resize(process, (pages + more) * PAGE_SIZE);
            subject.return_frames(taken);
            moved?;
            let when = format_args!("after a growth that failed was tried again");
            subject.ensure_pattern(process, (process.start(), process.at(bytes)), 1, when)?;
            subject.ensure_zero(process, (process.at(bytes), process.end()), when)?;
            subject.ensure_pages(process, when)?;
        }
        // Many pages, of which the last few cannot be had.
        subject.resize(process, 100)?;
        fill(subject, process)?;
        let taken = subject.leave_frames(MANY_PAGES - 5);
        let refused =
            refuse_brk(subject, process, process.at(MANY_PAGES * PAGE_SIZE).as_u32(), BreakError::OutOfFrames);
        subject.return_frames(taken);
        refused
    };
    on_processes(context, |subject| subject.with_process(start, work))
}
