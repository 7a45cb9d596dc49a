//! Checks of a process's stack that is made, grows, and goes.

use kernel_core::check::{Context, Outcome};
use mm_api::layout::PAGE_SIZE;
use mm_api::{Page, Protection, UserStack as _, VirtAddr};

use super::subject::{END, REGION, on_process};

/// A new stack is one page, the topmost, and the process's own.
pub fn stack_create(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let stack = subject.create()?;
        subject.ensure_stack_from(&stack, END - PAGE_SIZE, "after create()")?;
        let top = Page::containing(VirtAddr::new(END - PAGE_SIZE));
        subject.ground.ensure_rights(top, Protection::USER_WRITE, "after create()")?;
        subject.destroy(stack);
        Ok(())
    })
}

/// Every page is zero when it comes to the stack, also one that was in it before.
pub fn stack_zeroed(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        for round in 0..3 {
            let mut stack = subject.create()?;
            subject.ensure_zero(Page::containing(stack.bottom()), "after create()")?;
            subject.grow(&mut stack, VirtAddr::new(END - 2 * PAGE_SIZE - 4))?;
            subject.grow(&mut stack, REGION.first().start())?;
            for page in REGION.iter() {
                subject
                    .ensure_zero(page, if round == 0 { "after grow()" } else { "after grow(), in a second stack" })?;
            }
            for page in REGION.iter() {
                for offset in (0..PAGE_SIZE).step_by(4) {
                    subject.ground.write(VirtAddr::new(page.start().as_u32() + offset), 0x5A5A_5A5A)?;
                }
            }
            subject.destroy(stack);
        }
        Ok(())
    })
}
