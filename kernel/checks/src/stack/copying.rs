//! Checks of a stack that is copied for a new process.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::labs::UserStack;
use kernel_core::words::told;
use mm_api::layout::PAGE_SIZE;
use mm_api::{Directory, Frame, Page, Space, VirtAddr};

use super::subject::{END, REGION, Subject, on_process};
use crate::vmm::subject::page;

/// The word that is written to an address of a stack that is copied.
fn word(address: u32) -> u32 {
    address ^ 0x5A5A_0000
}

/// The copy is as large, has the same contents, and shares no frame.
pub fn stack_fork(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let any = 3 + subject.ground.context.rng().below(13);
        for pages in [1, 2, 7, 16, any] {
            let mut stack = subject.create()?;
            if pages > 1 {
                subject.grow(&mut stack, END - pages * PAGE_SIZE)?;
            }
            for address in (stack.bottom().as_u32()..END).step_by(4) {
                subject.ground.write(VirtAddr::new(address), word(address))?;
            }
            copy_and_compare(subject, &stack)?;
            let top = Page::containing(VirtAddr::new(END - 4));
            subject.ground.ensure_reads(top.start(), word(top.start().as_u32()), "the copy being gone")?;
            subject.destroy(stack);
        }
        Ok(())
    })
}

/// Copies a stack that is full of its [`word`]s, looks at the copy, and destroys it.
fn copy_and_compare(subject: &mut Subject<'_, '_>, stack: &UserStack) -> Outcome {
    let bottom = stack.bottom().as_u32();
    let before = subject.state();
    let child = subject.ground.directory()?;
    let frames = subject.ground.machine.free_frames();
    let copy = match subject.with_both(&child, |from, to| stack.fork(from, to)) {
        Ok(copy) => copy,
        Err(error) => {
            let pages = (END - bottom) / PAGE_SIZE;
            fail!(expected: ("fork() to copy a stack of {pages} pages"), saw: ("{}", told(&error)))
        }
    };
    let saw = copy.bottom();
    ensure!(saw.as_u32() == bottom, expected: ("bottom() of the copy to be {}", VirtAddr::new(bottom)), saw: ("{saw}"));
    ensure_frames_of_its_own(subject, &child)?;
    let when = "in the process that was copied";
    subject.ground.ensure_reads(VirtAddr::new(bottom), word(bottom), when)?;
    ensure_words_of_its_own(subject, &child, bottom)?;

    // Each of them is destroyed alone.
    subject.with_both(&child, |_, to| copy.destroy(to));
    let saw = subject.ground.machine.free_frames();
    ensure!(saw == frames, expected: ("{frames} free frames after destroy() of the copy"), saw: ("{saw}"));
    let last = page(END - PAGE_SIZE);
    subject.ground.ensure_not_mapped(Space::Of(&child), last, "after destroy() of the copy")?;
    subject.ground.vmm.destroy_directory(child);
    subject.ensure_unchanged(&before, "a copy that comes and goes")
}

/// Fails unless the copy has the same pages, each mapped to another frame.
fn ensure_frames_of_its_own(subject: &Subject<'_, '_>, child: &Directory) -> Outcome {
    for page in REGION.iter() {
        let mine = subject.ground.truth(Space::Of(&subject.process), page.start());
        let copied = subject.ground.truth(Space::Of(child), page.start());
        match (mine, copied) {
            (Some(mine), Some(copied)) => ensure!(
                mine.address != copied.address,
                expected: ("{page} of the copy to have a frame of its own"),
                saw: ("the one that the other process has, {}", Frame::containing(copied.address))
            ),
            (None, None) => {}
            (Some(_), None) => fail!(expected: ("{page} to be mapped in the copy, too"), saw: ("it is not mapped")),
            (None, Some(_)) => fail!(
                expected: ("{page} not to be mapped in the copy of a stack that does not have it"),
                saw: ("it is mapped")
            ),
        }
    }
    Ok(())
}

/// Fails unless the copy has the same words, in memory of its own.
fn ensure_words_of_its_own(subject: &mut Subject<'_, '_>, child: &Directory, bottom: u32) -> Outcome {
    subject.ground.load(Space::Of(child))?;
    for address in (bottom..END).step_by(4) {
        subject.ground.ensure_reads(VirtAddr::new(address), word(address), "in the copy")?;
        subject.ground.write(VirtAddr::new(address), 1)?;
    }
    subject.ground.load(Space::Of(&subject.process))?;
    for address in (bottom..END).step_by(4) {
        let when = "in the process that was copied, the copy having been written to";
        subject.ground.ensure_reads(VirtAddr::new(address), word(address), when)?;
    }
    Ok(())
}
