//! Checks of a process's stack that does not get what it needs.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::layout::PAGE_SIZE;
use mm_api::{Arguments, Page, Space, StackError, VirtAddr};

use super::subject::{END, REGION, Subject, ensure_refused, on_process};
use crate::vmm::subject::page;
use kernel_core::labs::UserStack;

/// Arguments that take 12,000 bytes: more than two pages.
const LONG: Arguments<'_> = Arguments { argv: &[&[b'x'; 6000], &[b'y'; 5900]], envp: &[b"A=a"], auxv: &[] };

/// If the frames run out, or a page is in the way, nothing has changed.
pub fn stack_undone(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        no_new_stack(subject)?;
        for allowance in 0..3 {
            // The pages 0 to 2 can be had, and those beyond cannot.
            let refuse = |subject: &mut Subject<'_, '_>| {
                subject.allow_pages(Some(allowance));
                Ok(StackError::OutOfFrames)
            };
            let allow = |subject: &mut Subject<'_, '_>| {
                subject.allow_pages(None);
                Ok(())
            };
            no_larger_stack(subject, allowance, refuse, allow)?;
            let in_the_way = page(END - (allowance + 2) * PAGE_SIZE);
            let refuse = |subject: &mut Subject<'_, '_>| {
                subject.map_other(in_the_way, 0xBAD)?;
                Ok(StackError::Occupied)
            };
            ensure_occupied(subject, in_the_way)?;
            let allow = |subject: &mut Subject<'_, '_>| subject.unmap_other(in_the_way);
            no_larger_stack(subject, allowance, refuse, allow)?;
        }
        enough_pages(subject)?;
        no_copy(subject)
    })
}

/// `grow()` to a page that is mapped, but not for the stack: that is `Occupied`, not `AlreadyMapped`.
fn ensure_occupied(subject: &mut Subject<'_, '_>, page: Page) -> Outcome {
    let mut stack = subject.create()?;
    subject.map_other(page, 0xBAD)?;
    let before = subject.state();
    for address in [page.start(), VirtAddr::new(page.start().as_u32() + PAGE_SIZE - 1)] {
        let answer = subject.with(|pages| stack.grow(pages, address));
        let call = format_args!("grow({address}), to a page that somebody else has mapped,");
        ensure_refused(answer, StackError::Occupied, call)?;
        subject.ensure_unchanged(&before, "grow() to a page that is not the stack's")?;
    }
    subject.unmap_other(page)?;
    subject.destroy(stack);
    Ok(())
}

/// An operation that takes some number of pages succeeds with exactly that many.
fn enough_pages(subject: &mut Subject<'_, '_>) -> Outcome {
    subject.allow_pages(Some(1));
    let mut stack = subject.create()?;
    subject.allow_pages(Some(15));
    subject.grow(&mut stack, REGION.first().start().as_u32())?;
    let child = subject.ground.directory()?;
    subject.allow_pages(Some(16));
    match subject.with_both(&child, |from, to| stack.fork(from, to)) {
        Ok(copy) => subject.with_both(&child, |_, to| copy.destroy(to)),
        Err(error) => fail!(expected: ("fork() of 16 pages, all of which can be had"), saw: ("{}", told(&error))),
    }
    subject.allow_pages(None);
    subject.ground.vmm.destroy_directory(child);
    subject.destroy(stack);
    // It succeeds with as many pages as it takes.
    let mut stack = subject.create()?;
    for _ in 0..2 {
        let answer = subject.with(|pages| stack.set_up(pages, &LONG));
        if let Err(error) = answer {
            fail!(expected: ("set_up() to succeed with as many pages as it takes"), saw: ("{}", told(&error)))
        }
        let needed = (END - PAGE_SIZE - stack.bottom().as_u32()) / PAGE_SIZE;
        subject.destroy(stack);
        stack = subject.create()?;
        subject.allow_pages(Some(needed));
    }
    subject.allow_pages(None);
    subject.destroy(stack);
    Ok(())
}

/// `create()` without a frame, without one for a table, and with its page mapped already.
fn no_new_stack(subject: &mut Subject<'_, '_>) -> Outcome {
    let before = subject.state();
    subject.allow_pages(Some(0));
    let answer = subject.try_create();
    subject.allow_pages(None);
    ensure_refused(answer, StackError::OutOfFrames, format_args!("create() without a free frame"))?;
    subject.ensure_unchanged(&before, "create() without a free frame")?;

    subject.ground.machine.allow_frames(Some(0));
    let answer = subject.try_create();
    subject.ground.machine.allow_frames(None);
    ensure_refused(answer, StackError::OutOfFrames, format_args!("create() without a frame for a page table"))?;
    subject.ensure_unchanged(&before, "create() without a frame for a page table")?;

    let top = page(END - PAGE_SIZE);
    subject.map_other(top, 0xBAD)?;
    let before = subject.state();
    let answer = subject.try_create();
    ensure_refused(answer, StackError::Occupied, format_args!("create() where the topmost page is mapped already"))?;
    subject.ensure_unchanged(&before, "create() where the topmost page is mapped already")?;
    subject.unmap_other(top)
}

/// `grow()` and `set_up()` that are refused after `pages` pages, until they get enough.
fn no_larger_stack<'s, 'm>(
    subject: &mut Subject<'s, 'm>,
    pages: u32,
    refuse: impl Fn(&mut Subject<'s, 'm>) -> Result<StackError, crate::check::Failed>,
    allow: impl Fn(&mut Subject<'s, 'm>) -> Outcome,
) -> Outcome {
    let mut stack = subject.create()?;
    subject.fill(page(END - PAGE_SIZE), 0x1234_5678)?;
    let expected = refuse(subject)?;
    let before = subject.state();
    let address = VirtAddr::new(END - 10 * PAGE_SIZE);
    let answer = subject.with(|pages| stack.grow(pages, address));
    ensure_refused(answer, expected, format_args!("grow({address}), where only {pages} pages more can be had,"))?;
    subject.ensure_unchanged(&before, "grow() that cannot have all pages")?;
    ensure_bottom(&stack, "after grow() was refused")?;
    if pages < 2 {
        let answer = subject.with(|pages| stack.set_up(pages, &LONG));
        ensure_refused(answer, expected, format_args!("set_up(), where only {pages} of 2 pages more can be had,"))?;
        subject.ensure_unchanged(&before, "set_up() that cannot have all pages")?;
        ensure_bottom(&stack, "after set_up() was refused")?;
    }
    allow(subject)?;
    // The stack works as before.
    subject.grow(&mut stack, address.as_u32())?;
    subject.ensure_stack_from(&stack, address.as_u32(), format_args!("after grow(), with all pages to be had"))?;
    subject.destroy(stack);
    Ok(())
}

fn ensure_bottom(stack: &UserStack, when: &str) -> Outcome {
    let (saw, top) = (stack.bottom(), VirtAddr::new(END - PAGE_SIZE));
    ensure!(saw == top, expected: ("bottom() to be {top} still, {when}"), saw: ("{saw}"));
    Ok(())
}

/// `fork()` into a process that cannot have all pages.
fn no_copy(subject: &mut Subject<'_, '_>) -> Outcome {
    let mut stack = subject.create()?;
    subject.grow(&mut stack, END - 4 * PAGE_SIZE)?;
    let child = subject.ground.directory()?;
    let mapped = |subject: &Subject<'_, '_>| -> Option<Page> {
        REGION.iter().find(|page| subject.ground.truth(Space::Of(&child), page.start()).is_some())
    };
    for allowance in 0..4 {
        let before = subject.state();
        subject.allow_pages(Some(allowance));
        let answer = subject.with_both(&child, |from, to| stack.fork(from, to));
        subject.allow_pages(None);
        let call = format_args!("fork() of 4 pages, of which {allowance} can be had,");
        ensure_refused(answer, StackError::OutOfFrames, call)?;
        if let Some(page) = mapped(subject) {
            fail!(expected: ("no page to be left in the new process after {call}"), saw: ("{page} is mapped"));
        }
        subject.ensure_unchanged(&before, "fork() that cannot have all pages")?;
    }
    for index in 1..=4 {
        let in_the_way = page(END - index * PAGE_SIZE);
        let frame = subject.ground.map_new(Space::Of(&child), in_the_way, mm_api::Protection::USER_WRITE)?;
        let before = subject.state();
        let answer = subject.with_both(&child, |from, to| stack.fork(from, to));
        let call = format_args!("fork() to where {in_the_way} is mapped already");
        ensure_refused(answer, StackError::Occupied, call)?;
        subject.ensure_unchanged(&before, "fork() with something in its way")?;
        subject.ground.unmap(Space::Of(&child), in_the_way, frame)?;
        subject.ground.machine.give_back(frame);
        if let Some(page) = mapped(subject) {
            fail!(expected: ("no page to be left in the new process after {call}"), saw: ("{page} is mapped"));
        }
    }
    subject.ground.vmm.destroy_directory(child);
    subject.destroy(stack);
    Ok(())
}
