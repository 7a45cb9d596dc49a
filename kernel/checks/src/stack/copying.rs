//! Checks of a stack that is copied for a new process.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use mm_api::layout::PAGE_SIZE;
use mm_api::{Frame, Page, Space, VirtAddr};

use super::subject::{END, REGION, on_process};
use crate::vmm::subject::page;

/// The copy is as large, has the same contents, and shares nothing.
pub fn stack_fork(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        for pages in [1, 2, 7, 16] {
            let mut stack = subject.create()?;
            if pages > 1 {
                subject.grow(&mut stack, END - pages * PAGE_SIZE)?;
            }
            let bottom = stack.bottom().as_u32();
            for address in (bottom..END).step_by(4) {
                subject.ground.write(VirtAddr::new(address), address ^ 0x5A5A_0000)?;
            }
            let before = subject.state();
            let child = subject.ground.directory()?;
            let frames = subject.ground.machine.free_frames();
            let copy = match subject.with_both(&child, |from, to| stack.fork(from, to)) {
                Ok(copy) => copy,
                Err(error) => {
                    fail!(expected: ("fork() to copy a stack of {pages} pages"), saw: ("the error {error:?}"))
                }
            };
            let saw = copy.bottom();
            ensure!(saw.as_u32() == bottom, expected: ("bottom() of the copy to be {}", VirtAddr::new(bottom)), saw: ("{saw}"));
            for page in REGION.iter() {
                let mine = subject.ground.truth(Space::Of(&subject.process), page.start());
                let copied = subject.ground.truth(Space::Of(&child), page.start());
                match (mine, copied) {
                    (Some(mine), Some(copied)) => ensure!(
                        mine.address != copied.address,
                        expected: ("{page} of the copy to have a frame of its own"),
                        saw: ("the one that the other process has, {}", Frame::containing(copied.address))
                    ),
                    (None, None) => {}
                    (Some(_), None) => fail!(
                        expected: ("{page} to be mapped in the copy, too"),
                        saw: ("it is not mapped")
                    ),
                    (None, Some(_)) => fail!(
                        expected: ("{page} not to be mapped in the copy of a stack that does not have it"),
                        saw: ("it is mapped")
                    ),
                }
            }
            let when = "in the process that was copied";
            subject.ground.ensure_reads(VirtAddr::new(bottom), bottom ^ 0x5A5A_0000, when)?;

            // In the other process: the same words, and a place of its own for new ones.
            subject.ground.load(Space::Of(&child))?;
            for address in (bottom..END).step_by(4) {
                subject.ground.ensure_reads(VirtAddr::new(address), address ^ 0x5A5A_0000, "in the copy")?;
                subject.ground.write(VirtAddr::new(address), 1)?;
            }
            subject.ground.load(Space::Of(&subject.process))?;
            for address in (bottom..END).step_by(4) {
                let when = "in the process that was copied, the copy having been written to";
                subject.ground.ensure_reads(VirtAddr::new(address), address ^ 0x5A5A_0000, when)?;
            }

            // Each of them goes alone.
            subject.with_both(&child, |_, to| copy.destroy(to));
            let saw = subject.ground.machine.free_frames();
            ensure!(saw == frames, expected: ("{frames} free frames after destroy() of the copy"), saw: ("{saw}"));
            subject.ground.ensure_not_mapped(
                Space::Of(&child),
                page(END - PAGE_SIZE),
                "after destroy() of the copy",
            )?;
            subject.ground.vmm.destroy_directory(child);
            subject.ensure_unchanged(&before, "a copy that comes and goes")?;
            let top = Page::containing(VirtAddr::new(END - 4));
            subject.ground.ensure_reads(top.start(), top.start().as_u32() ^ 0x5A5A_0000, "the copy being gone")?;
            subject.destroy(stack);
        }
        Ok(())
    })
}
