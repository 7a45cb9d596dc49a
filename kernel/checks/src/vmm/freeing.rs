//! Checks of allocations that are freed.

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;
use mm_api::layout::KERNEL_VIRTUAL_START;
use mm_api::{Page, PageRange, Space, VmmError};

use super::subject::{KW, Subject, UR, UW, booted, ensure_answer, page, range};

/// Freed pages are not mapped any more, and their frames are back.
pub fn free_returns(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        subject.make_kernel_tables()?;
        let before = subject.machine.managers_frames();
        let any = 2 + subject.context.rng().below(99);
        for pages in [1, 3, 100, 1025, 8500, any] {
            let range = subject.allocate(pages)?;
            for page in range.iter() {
                subject.write(page.start(), 1)?;
            }
            subject.forget_flushes();
            subject.free(range)?;
            if pages <= 100 {
                let mut flushed = [Page::NULL; 100];
                flushed.iter_mut().zip(range.iter()).for_each(|(place, page)| *place = page);
                subject.ensure_flushed(&flushed[..pages as usize], format_args!("free() of {pages} pages"))?;
            }
            for page in range.iter() {
                subject.ensure_not_mapped(Space::Kernel, page, "after free()")?;
                subject.ensure_faults(page, "right after free(), though the processor had used it before")?;
            }
            let saw = subject.machine.managers_frames();
            ensure!(
                saw == before,
                expected: ("the manager's {before} frames again after free() of {pages} pages"),
                saw: ("{saw}")
            );
        }
        // Over and over: neither frames nor addresses are lost.
        for round in 0..35 {
            let range = subject.allocate(1000)?;
            subject.free(range)?;
            let saw = subject.machine.managers_frames();
            ensure!(
                saw == before,
                expected: ("{before} frames after round {round} of allocating 1000 pages"),
                saw: ("{saw}")
            );
        }
        Ok(())
    })
}

/// `free` takes whole allocations, once, and nothing else.
pub fn free_whole(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let (a, b) = (subject.allocate(4)?, subject.allocate(4)?);
        let mapped = page(0xF700_0000);
        subject.map_new(Space::Kernel, mapped, KW)?;
        subject.allocate_in(Space::Kernel, range(0x0804_8000, 4), UW)?;
        let before = subject.state_of(&[Space::Kernel]);
        let part = |first: u32, pages| Page::new(first).and_then(|first| PageRange::new(first, pages));
        let (start, next) = (a.first().number(), b.first().number());
        let wrong = [
            part(start, 3),
            part(start, 5),
            part(start, 6),
            part(start, 0),
            part(start, 0x104),
            part(start, 0x404),
            part(start, 0x1004),
            part(start + 1, 3),
            part(start + 1, 1),
            part(start + 1, 4),
            part(start - 1, 5),
            part(start.min(next), start.abs_diff(next) + 4),
            part(mapped.number(), 1),
            part(0xF_6000, 1),
            part(0x0_8048, 4),
            part(0xC_0100, 1),
            part(0xF_F800, 1),
            part(0xF_FFFF, 1),
            part(0, 1),
        ];
        for range in wrong.into_iter().flatten() {
            let answer = subject.vmm.free(range);
            let call = format_args!(
                "free({range}), where {a} and {b} are allocated,",
                range = told(&range),
                a = told(&a),
                b = told(&b)
            );
            ensure_answer(answer, Err(VmmError::NotAllocated), call)?;
            subject.ensure_unchanged(&[Space::Kernel], &before, call)?;
        }
        for page in a.iter() {
            let answer = subject.vmm.unmap(Space::Kernel, page);
            ensure_answer(answer, Err(VmmError::Allocated), format_args!("unmap() of {page}, which is allocated,"))?;
        }
        subject.ensure_unchanged(&[Space::Kernel], &before, format_args!("unmap() of allocated pages"))?;
        ensure_free_beside_mapped(subject, a)?;
        ensure_answer(
            subject.vmm.free(a),
            Err(VmmError::NotAllocated),
            format_args!("free({a}), for the second time,", a = told(&a)),
        )?;
        subject.free(b)
    })
}

/// Frees an allocation while the pages before and after it are mapped, as callers may do.
fn ensure_free_beside_mapped(subject: &mut Subject<'_>, allocation: PageRange) -> Outcome {
    let shared = subject.frame()?;
    let before = allocation.first().number().checked_sub(1).and_then(Page::new);
    let before = before.filter(|page| page.start() >= KERNEL_VIRTUAL_START);
    for page in before.into_iter().chain(Page::new(allocation.end())) {
        subject.map(Space::Kernel, page, shared, KW)?;
    }
    subject.free(allocation)?;
    for page in before.into_iter().chain(Page::new(allocation.end())) {
        subject.ensure_mapped(Space::Kernel, page, shared, KW)?;
        subject.unmap(Space::Kernel, page, shared)?;
    }
    Ok(())
}

/// `free_in` takes any allocated pages, across allocations, all or none.
pub fn free_parts(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let directory = subject.directory()?;
        for space in [Space::Current, Space::Of(&directory)] {
            let before = subject.machine.managers_frames();
            let (all, part) = (range(0x0804_8000, 20), range(0x0804_B000, 10));
            subject.allocate_in(space, range(0x0804_8000, 10), UW)?;
            subject.allocate_in(space, range(0x0805_2000, 10), UR)?;
            if space == Space::Current {
                for page in all.iter() {
                    subject.ensure_reads(page.start(), 0, "as it was allocated")?;
                }
            }
            subject.forget_flushes();
            subject.free_in(space, part)?;
            let mut flushed = [Page::NULL; 10];
            flushed.iter_mut().zip(part.iter()).for_each(|(place, page)| *place = page);
            let flushed = if space == Space::Current { &flushed[..] } else { &[] };
            subject.ensure_flushed(flushed, format_args!("free_in() of 10 pages"))?;
            for page in all.iter() {
                if part.contains(page) {
                    subject.ensure_not_mapped(space, page, "after free_in()")?;
                } else {
                    let saw = subject.truth(space, page.start());
                    ensure!(saw.is_some(), expected: ("{page} to stay when others are freed"), saw: ("it is not mapped"));
                }
                if space == Space::Current && part.contains(page) {
                    subject.ensure_faults(page, "right after free_in()")?;
                }
            }
            let left = subject.machine.managers_frames() - before;
            ensure!(left == 11, expected: ("10 pages and a table to be left"), saw: ("{left} frames"));

            // A range that is not all allocated is not freed.
            let mapped = subject.map_new(space, page(0x0804_B000), UW)?;
            let state = subject.state_of(&[space]);
            for (first, pages) in [
                (0x0804_8000, 4),
                (0x0804_A000, 2),
                (0x0804_B000, 1),
                (0x0805_4000, 2),
                (0x3000_0000, 1),
                (0x0804_8000, 0x1_0001),
                // The first page and the last one are.
                (0x0804_8000, 15),
            ] {
                let answer = subject.vmm.free_in(space, page(first), pages);
                let call = format_args!("free_in() of {pages} pages from {}, some not allocated,", page(first));
                ensure_answer(answer, Err(VmmError::NotAllocated), call)?;
                subject.ensure_unchanged(&[space], &state, call)?;
            }
            subject.unmap(space, page(0x0804_B000), mapped)?;
            subject.free_in(space, range(0x0804_8000, 3))?;
            subject.free_in(space, range(0x0805_5000, 7))?;
            let saw = subject.machine.managers_frames();
            ensure!(saw == before, expected: ("{before} frames when all is freed"), saw: ("{saw}"));
        }
        for space in [Space::Current, Space::Of(&directory)] {
            free_any_parts(subject, space)?;
        }
        subject.vmm.destroy_directory(directory);
        Ok(())
    })
}

/// Frees any parts of 60 pages, which were allocated in three pieces, until none is left.
fn free_any_parts(subject: &mut Subject<'_>, space: Space<'_>) -> Outcome {
    const PAGES: u32 = 60;
    let before = subject.machine.managers_frames();
    let start = subject.user_page(0).start().as_u32();
    for piece in 0..3 {
        subject.allocate_in(space, range(start + piece * 20 * 0x1000, 20), UW)?;
    }
    let mut left = [true; PAGES as usize];
    while let Some(first) = left.iter().position(|left| *left) {
        let first = first as u32;
        let most = left[first as usize..].iter().take_while(|left| **left).count() as u32;
        let skip = subject.context.rng().below(most);
        let pages = 1 + subject.context.rng().below(most - skip);
        let part = range(start + (first + skip) * 0x1000, pages);
        subject.free_in(space, part)?;
        left[(first + skip) as usize..][..pages as usize].fill(false);
        for (page, left) in range(start, PAGES).iter().zip(left) {
            let saw = subject.truth(space, page.start()).is_some();
            ensure!(
                saw == left,
                expected: ("{page} to be {} after free_in({part})", if left { "mapped still" } else { "unmapped" }, part = told(&part)),
                saw: ("that it is {}", if saw { "mapped" } else { "not mapped" })
            );
        }
    }
    let saw = subject.machine.managers_frames();
    ensure!(saw == before, expected: ("{before} frames when all parts are freed"), saw: ("{saw}"));
    Ok(())
}
