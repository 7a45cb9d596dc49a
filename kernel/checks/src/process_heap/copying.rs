//! Checks of heaps that are copied.

use core::fmt;

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_HEAP_START, USER_STACK_GUARD};
use mm_api::{BreakError, Page, PageRange, Protection, VirtAddr};

use super::subject::{Home, Process, Subject, on_process, on_processes};
use super::words::Answer;

/// Fails unless a copy is as large as the original, and has the same contents, in
/// frames of its own.
fn ensure_copy(subject: &mut Subject<'_>, parent: &Process, child: &Process, stamp: u32) -> Outcome {
    let same = (child.start(), child.end()) == (parent.start(), parent.end());
    ensure!(
        same,
        expected: ("the child's heap from {} to {}, as its parent's", parent.start(), parent.end()),
        saw: ("{} to {}", child.start(), child.end())
    );
    subject.ensure_pages(child, format_args!("in the child"))?;
    subject.ensure_pages(parent, format_args!("in the parent, after fork()"))?;
    subject.ensure_pattern(child, Subject::heap_bytes(child), stamp, format_args!("by the parent, before fork()"))?;
    subject.ensure_pattern(
        parent,
        Subject::heap_bytes(parent),
        stamp,
        format_args!("by the parent itself, before fork()"),
    )?;
    for page in PageRange::between(parent.start(), Subject::spare_bytes(parent).1).iter() {
        let [one, other] = [parent, child].map(|process| subject.frame_of(&process.home, page.start()));
        ensure!(
            one != other,
            expected: ("the page at {} to have a frame of its own in the child", child.tell(page.start())),
            saw: ("the parent's frame")
        );
    }
    Ok(())
}

/// `fork` makes a heap of the same size, with the same contents.
pub fn fork_copies(context: &mut Context) -> Outcome {
    on_process(context, |subject, parent| {
        let any = [subject.random(50_000), subject.random(50_000)];
        let sizes = [0, 1, 4095, 4096, 4097, 10_000, 40_000, 12_288];
        for (stamp, bytes) in (1..).zip(sizes.into_iter().chain(any)) {
            subject.resize(parent, bytes)?;
            subject.fill(parent, Subject::heap_bytes(parent), stamp)?;
            let before = subject.state_of(parent);
            let child = subject.fork(parent)?;
            ensure_copy(subject, parent, &child, stamp)?;
            // The parent did not write there. So neither its bytes nor zeros are wrong.
            let (from, to) = Subject::spare_bytes(parent);
            if subject.is_zero(parent, (from, to))? {
                let when = format_args!("past the break in the child's last page, after fork() of {bytes} bytes");
                subject.ensure_zero(&child, (from, to), when)?;
            }
            subject.end(child)?;
            subject.ensure_unchanged(parent, &before, format_args!("when the child has ended"))?;
        }
        // More bytes than 16 bits can count, and more pages than a byte can.
        for bytes in [100_000, 1_100_000] {
            subject.resize(parent, bytes)?;
            subject.fill(parent, Subject::heap_bytes(parent), bytes)?;
            let child = subject.fork(parent)?;
            ensure_copy(subject, parent, &child, bytes)?;
            subject.end(child)?;
        }
        Ok(())
    })
}

/// After `fork`, parent and child change independently, within the same bounds.
pub fn fork_apart(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        subject.with_process(USER_CODE_START, go_apart)?;
        let any = USER_HEAP_START + (3 + subject.random(0xA_0000)) * PAGE_SIZE;
        for limit in [USER_STACK_GUARD, USER_HEAP_START + 3 * PAGE_SIZE, VirtAddr::new(0xA000_3000), any] {
            let image_end = VirtAddr::new(limit.as_u32() - 3 * PAGE_SIZE);
            let mut parent = subject.process_up_to(image_end, limit)?;
            keep_bounds(subject, &mut parent, limit)?;
            subject.end(parent)?;
        }
        Ok(())
    })
}

/// None of three processes sees what another one does.
fn go_apart(subject: &mut Subject<'_>, parent: &mut Process) -> Outcome {
    subject.resize(parent, 10_000)?;
    subject.fill(parent, Subject::heap_bytes(parent), 1)?;
    let mut child = subject.fork(parent)?;
    let mut grandchild = subject.fork(&child)?;
    ensure_copy(subject, parent, &grandchild, 1)?;

    // No process sees what another one writes.
    subject.fill(&child, Subject::heap_bytes(&child), 2)?;
    subject.ensure_usable(&grandchild, grandchild.start(), 0x3333_3333)?;
    let when = format_args!("though its child wrote to the same address");
    subject.ensure_pattern(parent, Subject::heap_bytes(parent), 1, when)?;
    subject.ensure_pattern(
        &child,
        Subject::heap_bytes(&child),
        2,
        format_args!("though its child and its parent wrote to the same address"),
    )?;

    // If one moves its break, the others' breaks stay.
    let others = subject.heap_of(parent);
    subject.resize(&mut child, 30_000)?;
    subject.fill(&child, (child.at(10_000), child.end()), 2)?;
    subject.resize(&mut grandchild, 100)?;
    ensure!(
        subject.heap_of(parent) == others,
        expected: ("the parent's break and pages to stay when its child's break moves"),
        saw: ("they changed")
    );
    subject.resize(parent, 4096)?;
    subject.ensure_pages(&child, format_args!("after the parent's break moved"))?;
    subject.ensure_pages(&grandchild, format_args!("after the parent's break moved"))?;
    subject.ensure_pattern(&child, Subject::heap_bytes(&child), 2, format_args!("after others moved theirs"))?;

    subject.end(child)?;
    let when = format_args!("when its child has ended");
    subject.ensure_pattern(parent, Subject::heap_bytes(parent), 1, when)?;
    subject.ensure_reads(&grandchild, grandchild.start(), 0x3333_3333, "which it wrote before its parent ended")?;
    subject.end(grandchild)
}

/// The bounds of the parent's heap are also its child's.
fn keep_bounds(subject: &mut Subject<'_>, parent: &mut Process, limit: VirtAddr) -> Outcome {
    subject.resize(parent, 100)?;
    let mut child = subject.fork(parent)?;
    for (address, expected) in
        [(limit + 1, BreakError::PastLimit), (VirtAddr::new(parent.start().as_u32() - 1), BreakError::BelowStart)]
    {
        let tell = format_args!("brk({address}) in the child, whose heap starts at {}", parent.start());
        subject.ensure_refused(&mut child, expected, tell, |subject, child| subject.brk(child, address))?;
    }
    subject.move_to(&mut child, limit)?;
    subject.end(child)
}

/// Fails unless a `fork` is refused, and leaves nothing behind.
fn ensure_fork_fails(subject: &mut Subject<'_>, parent: &Process, left: u32) -> Outcome {
    let home = subject.home(parent.start())?;
    let taken = subject.leave_frames(left);
    let before = subject.state_of(parent);
    let answer = subject.fork_into(parent, &home).map(|_| ());
    let bytes = parent.end().as_u32() - parent.start().as_u32();
    let tell = format_args!("fork() of {bytes} bytes, across two tables, with {left} free frames");
    let outcome = ensure_nothing_copied(subject, parent, &home, answer, BreakError::OutOfFrames, tell)
        .and_then(|()| subject.ensure_unchanged(parent, &before, format_args!("after {tell}")));
    subject.return_frames(taken);
    subject.destroy(home);
    outcome
}

/// Fails unless the answer is the expected error, and the child has no page of a heap.
fn ensure_nothing_copied(
    subject: &Subject<'_>,
    parent: &Process,
    home: &Home,
    answer: Result<(), BreakError>,
    expected: BreakError,
    tell: fmt::Arguments<'_>,
) -> Outcome {
    ensure!(answer == Err(expected), expected: ("{expected} from {tell}", expected = told(&expected)), saw: ("{}", Answer(answer)));
    let none = PageRange::between(parent.start(), parent.start());
    subject.ensure_only(home, none, format_args!("in the child, after {tell} was refused"))
}

/// A `fork` that fails leaves nothing behind.
pub fn fork_undone(context: &mut Context) -> Outcome {
    // Two pages before the end of a table: the third needs another one.
    let start = USER_HEAP_START + 0x0040_0000 - 2 * PAGE_SIZE;
    on_processes(context, |subject| {
        subject.with_process(start, run_out)?;
        subject.with_process(USER_CODE_START, meet_others)
    })
}

/// The frames run out while a heap is copied.
fn run_out(subject: &mut Subject<'_>, parent: &mut Process) -> Outcome {
    subject.resize(parent, 5 * PAGE_SIZE + 1)?;
    subject.fill(parent, Subject::heap_bytes(parent), 1)?;
    for left in 0..8 {
        ensure_fork_fails(subject, parent, left)?;
    }
    let home = subject.home(parent.start())?;
    let taken = subject.leave_frames(8);
    let answer = subject.fork_into(parent, &home);
    subject.return_frames(taken);
    match answer {
        Ok(heap) => subject.end(Process { home, heap })?,
        Err(error) => fail!(expected: ("fork() to succeed when there are enough frames"), saw: ("{}", told(&error))),
    }
    // Many pages, of which the last few cannot be had.
    subject.resize(parent, 270 * PAGE_SIZE)?;
    ensure_fork_fails(subject, parent, 265)
}

/// A mapped page is in the way of the copy.
fn meet_others(subject: &mut Subject<'_>, parent: &mut Process) -> Outcome {
    subject.resize(parent, 20_000)?;
    for occupied in [0, 2, 4] {
        let home = subject.home(parent.start())?;
        let page = Page::containing(parent.at(occupied * PAGE_SIZE));
        let Some(frame) = subject.machine.take_frame() else {
            fail!(expected: ("a frame for somebody else"), saw: ("none is free"))
        };
        subject.machine.fill(frame, 0x4F54_4845);
        subject.map_at(&home, page, frame, Protection::USER_WRITE)?;
        let answer = subject.fork_into(parent, &home).map(|_| ());
        let tell = format_args!("fork(), where the child has something else at {}", parent.tell(page.start()));
        ensure!(
            answer == Err(BreakError::Occupied),
            expected: ("the error Occupied from {tell}"),
            saw: ("{}", Answer(answer))
        );
        let only = PageRange::between(page.start(), VirtAddr::new(page.start().as_u32() + PAGE_SIZE));
        subject.ensure_only(&home, only, format_args!("in the child, after {tell} was refused"))?;
        let word = subject.machine.word(frame.start());
        ensure!(
            word == Some(0x4F54_4845),
            expected: ("{page} of the child to stay as somebody else wrote it"),
            saw: ("{:#010x}", word.unwrap_or(0))
        );
        subject.unmap_at(&home, page)?;
        subject.destroy(home);
    }
    Ok(())
}
