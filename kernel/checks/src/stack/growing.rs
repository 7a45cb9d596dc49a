//! Checks of a process's stack that is made, grows and is destroyed.

use crate::check::{Context, Outcome};
use mm_api::layout::{PAGE_SIZE, USER_STACK_GUARD};
use mm_api::{Page, Protection, Space, StackError, VirtAddr};

use super::subject::{END, REGION, ensure_refused, on_process};
use crate::vmm::subject::page;

/// A new stack is one page, the topmost, with the process's rights.
pub fn stack_create(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let stack = subject.create()?;
        subject.ensure_stack_from(&stack, END - PAGE_SIZE, format_args!("after create()"))?;
        let top = page(END - PAGE_SIZE);
        subject.ground.ensure_rights(top, Protection::USER_WRITE, "after create()")?;
        subject.destroy(stack);
        Ok(())
    })
}

/// Every page is zero when it becomes part of the stack, even if it was part of it before.
pub fn stack_zeroed(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        for round in 0..2 {
            let mut stack = subject.create()?;
            subject.ensure_zero(Page::containing(stack.bottom()), "after create()")?;
            subject.grow(&mut stack, END - 2 * PAGE_SIZE)?;
            subject.grow(&mut stack, REGION.first().start().as_u32())?;
            let when = if round == 0 { "after grow()" } else { "after grow(), in a second stack" };
            for page in REGION.iter() {
                subject.ensure_zero(page, when)?;
                subject.fill(page, 0x5A5A_5A5A)?;
            }
            subject.destroy(stack);
        }
        Ok(())
    })
}

/// Destroying a stack unmaps all of its pages and nothing else, and the processor
/// forgets them.
pub fn stack_destroyed(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        // Other pages of the process: below the guard page, and far away.
        let others = [USER_STACK_GUARD.as_u32() - PAGE_SIZE, 0x0804_8000];
        for address in others {
            subject.map_other(page(address), address)?;
        }
        let before = subject.state();
        for (round, pages) in [1, 2, 16].into_iter().enumerate() {
            let mut stack = subject.create()?;
            if pages > 1 {
                subject.grow(&mut stack, END - pages * PAGE_SIZE)?;
            }
            for page in REGION.iter().filter(|page| page.start() >= stack.bottom()) {
                subject.ground.write(page.start(), round as u32)?;
            }
            subject.destroy(stack);
            for page in REGION.iter() {
                subject.ground.ensure_not_mapped(Space::Current, page, "after destroy()")?;
                subject.ground.ensure_faults(page, "after destroy()")?;
            }
            subject.ensure_unchanged(&before, "a stack that comes and goes")?;
            for address in others {
                let when = "which is not the stack's, after destroy()";
                subject.ground.ensure_reads(VirtAddr::new(address), address, when)?;
            }
        }
        for address in others {
            subject.unmap_other(page(address))?;
        }
        Ok(())
    })
}

/// A stack grows to the page of the address, page by page, and keeps its contents.
pub fn stack_grows(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let mut stack = subject.create()?;
        // The first, the last and a middle byte of the page below.
        let mut any = || subject.ground.context.rng().below(PAGE_SIZE);
        let offsets = [PAGE_SIZE - 1, 0, 2048, 1, PAGE_SIZE - 4, any(), any(), any(), any()];
        for (index, offset) in offsets.into_iter().enumerate() {
            let bottom = END - PAGE_SIZE * (index as u32 + 1);
            subject.ground.write(VirtAddr::new(bottom), bottom)?;
            let address = bottom - PAGE_SIZE + offset;
            subject.ground.ensure_faults(page(address), "before grow()")?;
            subject.grow(&mut stack, address)?;
            let when = format_args!("after grow({})", VirtAddr::new(address));
            subject.ensure_stack_from(&stack, bottom - PAGE_SIZE, when)?;
            subject.ground.ensure_rights(page(address), Protection::USER_WRITE, "after grow()")?;
            for kept in (bottom..END).step_by(PAGE_SIZE as usize) {
                subject.ground.ensure_reads(VirtAddr::new(kept), kept, "which was written before grow()")?;
            }
        }
        subject.destroy(stack);
        Ok(())
    })
}

/// A program may skip pages: then all pages down to the address are mapped.
pub fn stack_no_gap(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let any = 2 + subject.ground.context.rng().below(14);
        let further = any + 1 + subject.ground.context.rng().below(16 - any);
        for (first, second) in [(2, 5), (7, 16), (15, 16), (3, 4), (any, further)] {
            let mut stack = subject.create()?;
            for pages in [first, second] {
                let address = END - pages * PAGE_SIZE + 20;
                subject.grow(&mut stack, address)?;
                let when = format_args!("after grow({})", VirtAddr::new(address));
                subject.ensure_stack_from(&stack, END - pages * PAGE_SIZE, when)?;
            }
            subject.destroy(stack);
        }
        Ok(())
    })
}

/// A stack grows to the end of its region, only inside it, and only where it has not
/// grown yet.
pub fn stack_limit(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let start = REGION.first().start().as_u32();
        let (below, above) =
            (subject.ground.context.rng().below(start), subject.ground.context.rng().below(0x4000_0000));
        let outside = [
            start - 1,
            start - PAGE_SIZE,
            start - PAGE_SIZE - 1,
            0x0804_8000,
            0,
            END,
            END + 4,
            u32::MAX,
            below,
            END + above,
        ];
        let mut stack = subject.create()?;
        for pages in [1, 4, 16] {
            if pages > 1 {
                subject.grow(&mut stack, END - pages * PAGE_SIZE)?;
            }
            let before = subject.state();
            for address in outside.map(VirtAddr::new) {
                let answer = subject.with(|pages| stack.grow(pages, address));
                let call = format_args!("grow({address}), which is not in the region,");
                ensure_refused(answer, StackError::Outside, call)?;
                subject.ensure_unchanged(&before, "grow() outside of the region")?;
            }
            for address in [END - pages * PAGE_SIZE, END - pages * PAGE_SIZE + 4095, END - 1].map(VirtAddr::new) {
                let answer = subject.with(|pages| stack.grow(pages, address));
                let call = format_args!("grow({address}), where the stack is mapped,");
                ensure_refused(answer, StackError::AlreadyMapped, call)?;
                subject.ensure_unchanged(&before, "grow() where the stack is mapped")?;
            }
            subject.ensure_stack_from(&stack, END - pages * PAGE_SIZE, format_args!("after grow() was refused"))?;
            subject.ground.ensure_faults(page(USER_STACK_GUARD.as_u32()), "the guard page being there for that")?;
        }
        subject.destroy(stack);
        Ok(())
    })
}
