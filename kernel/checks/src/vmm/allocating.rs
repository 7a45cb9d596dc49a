//! Checks of pages that are allocated.

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::memory::paged::Owner;
use kernel_core::words::told;
use mm_api::layout::{KERNEL_VIRTUAL_END, KERNEL_VIRTUAL_START};
use mm_api::{Frame, Page, PageRange, Space, VirtAddr, VmmError};

use super::subject::{KW, Subject, UR, UW, booted, ensure_answer, page, range};

/// Pages for the kernel are in their area, apart from each other, and backed by memory.
pub fn kernel_allocation(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let area = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END);
        let mut any = || 1 + subject.context.rng().below(200);
        let sizes = [1, 2, 7, 1, 300, 1024, 5, any(), any(), any()];
        let mut taken = [PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_START); 10];
        let mut value = 0x1000;
        for (place, pages) in taken.iter_mut().zip(sizes) {
            *place = subject.allocate(pages)?;
            ensure!(
                area.contains_range(*place),
                expected: ("allocate({pages}) to answer with pages from {KERNEL_VIRTUAL_START} to {KERNEL_VIRTUAL_END}"),
                saw: ("{}", told(&place))
            );
            for page in place.iter() {
                ensure_allocated(subject, Space::Kernel, page, KW)?;
                subject.write(page.start(), value)?;
                subject.write(VirtAddr::new(page.start().as_u32() + 0xFFC), !value)?;
                value += 1;
            }
        }
        for (value, page) in (0x1000..).zip(taken.iter().flat_map(|range| range.iter())) {
            subject.ensure_reads(page.start(), value, "as it was written before other pages were")?;
            let last = VirtAddr::new(page.start().as_u32() + 0xFFC);
            subject.ensure_reads(last, !value, "as it was written before other pages were")?;
        }
        // More than 32 MiB.
        let large = subject.allocate(8500)?;
        ensure!(area.contains_range(large), expected: ("allocate(8500) to stay in the area"), saw: ("{}", told(&large)));
        for page in large.iter() {
            subject.write(page.start(), page.number())?;
        }
        for page in large.iter() {
            subject.ensure_reads(page.start(), page.number(), "among 8500 pages that were allocated together")?;
        }
        Ok(())
    })
}

/// Fails unless `page` is mapped with this protection to a frame that the manager took.
fn ensure_allocated(subject: &Subject<'_>, space: Space<'_>, page: Page, protection: mm_api::Protection) -> Outcome {
    let truth = subject.truth(space, page.start());
    let owner = truth.map(|truth| subject.machine.owner(Frame::containing(truth.address)));
    ensure!(
        owner == Some(Owner::Tables) && truth.is_some_and(|truth| truth.protection == protection),
        expected: ("{page} to be mapped, {protection}, to a frame that the manager took"),
        saw: ("{}, whose owner is {owner}", super::subject::Shown(truth), owner = told(&owner))
    );
    Ok(())
}

/// Before and after each allocation of the kernel is a page that faults, even
/// when gaps of all sizes are filled again.
pub fn guard_gap(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        all_of_the_area(subject)?;
        let nothing = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_START);
        let mut taken = [nothing; 300];
        for (place, pages) in taken.iter_mut().zip((1..6).cycle()) {
            *place = subject.allocate(pages)?;
        }
        ensure_guarded(subject, &taken, "after 300 allocations")?;
        for _ in 0..600 {
            let which = subject.context.rng().below(300) as usize;
            if taken[which].is_empty() {
                let pages = 1 + subject.context.rng().below(6);
                taken[which] = subject.allocate(pages)?;
                ensure_guarded(subject, &taken[which..=which], "in the place of something that was freed")?;
            } else {
                subject.free(taken[which])?;
                taken[which] = nothing;
            }
        }
        ensure_guarded(subject, &taken, "after many allocations and frees")?;

        for range in taken.iter().filter(|range| !range.is_empty()) {
            subject.free(*range)?;
        }
        holes(subject)
    })
}

/// All of the area is taken with a single frame, except eight pages, here and there.
fn holes(subject: &mut Subject<'_>) -> Outcome {
    let shared = subject.frame()?;
    let area = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END);
    // So is the page behind the area: an allocation that ends where the area does has no gap.
    for page in area.iter().chain([page(KERNEL_VIRTUAL_END.as_u32())]) {
        subject.map(Space::Kernel, page, shared, KW)?;
    }
    let any = 0xF010_0000 + subject.context.rng().below(0x7000) * 0x1000;
    // Another place, further up, across two tables; and the last one.
    for place in [any, KERNEL_VIRTUAL_END.as_u32() - 0x40_3000, KERNEL_VIRTUAL_END.as_u32() - 0x8000] {
        let hole = range(place, 8);
        for page in hole.iter() {
            subject.unmap(Space::Kernel, page, shared)?;
        }
        let answer = subject.vmm.allocate(7);
        let call = format_args!("allocate(7) where only 8 pages in a row are not mapped");
        ensure_answer(answer, Err(VmmError::NoRoom), call)?;
        ensure_fills(subject, hole)?;
        for page in hole.iter() {
            subject.map(Space::Kernel, page, shared, KW)?;
        }
    }
    Ok(())
}

/// As many pages as the area has room for, which are more than there are frames.
fn all_of_the_area(subject: &mut Subject<'_>) -> Outcome {
    let pages = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END).len() - 2;
    let frames = subject.machine.managers_frames();
    let answer = subject.vmm.allocate(pages);
    let call = format_args!("allocate({pages}), for which there is room and not enough memory");
    ensure_answer(answer, Err(VmmError::OutOfFrames), call)?;
    let saw = subject.machine.managers_frames();
    ensure!(saw == frames, expected: ("{frames} frames with the manager after it, as before"), saw: ("{saw}"));
    Ok(())
}

/// Allocates as many pages as fit into a hole of eight pages, the only one, and frees them.
fn ensure_fills(subject: &mut Subject<'_>, hole: PageRange) -> Outcome {
    let Some(expected) = hole.first().checked_add(1).and_then(|first| PageRange::new(first, 6)) else { return Ok(()) };
    let answer = subject.vmm.allocate(6);
    ensure_answer(
        answer,
        Ok(expected),
        format_args!("allocate(6) where only {hole} are not mapped", hole = told(&hole)),
    )?;
    subject.free(expected)
}

fn ensure_guarded(subject: &Subject<'_>, taken: &[PageRange], when: &str) -> Outcome {
    for range in taken.iter().filter(|range| !range.is_empty()) {
        let before = range.first().number().checked_sub(1).and_then(Page::new);
        for guard in before.into_iter().chain(Page::new(range.end())) {
            subject.ensure_not_mapped(Space::Kernel, guard, "being the guard of an allocation")?;
            subject.ensure_faults(guard, when)?;
        }
    }
    Ok(())
}

/// Pages of a process are at the addresses asked for, zeroed, and protected.
///
/// Catches memory that still has the old contents of its frames.
pub fn user_allocation(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let directory = subject.directory()?;
        let space = Space::Of(&directory);
        let places = [
            (range(0x0804_8000, 3), UR),
            (range(0x103F_F000, 2), UW),
            (range(0xBFFF_0000, 16), UW),
            (range(0x0000_1000, 1), KW),
            (range(subject.user_page(0).start().as_u32(), 1 + subject.context.rng().below(20)), subject.protection()),
        ];
        for (range, protection) in places {
            subject.allocate_in(space, range, protection)?;
            for page in range.iter() {
                ensure_allocated(subject, space, page, protection)?;
            }
        }
        subject.load(space)?;
        subject.prepare_ring_3(space)?;
        for (range, protection) in places {
            for page in range.iter() {
                for offset in (0..4096).step_by(4) {
                    let address = VirtAddr::new(page.start().as_u32() + offset);
                    subject.ensure_reads(address, 0, "since what is allocated for a process is zero")?;
                }
                subject.ensure_rights(page, protection, "as it was allocated")?;
            }
        }
        for place in [0x0804_7000, 0x0804_B000, 0x103F_E000, 0x1040_1000, 0xBFFE_F000, 0x0000_2000] {
            subject.ensure_faults(page(place), "beside an allocation")?;
        }
        // Over pages that are mapped already.
        let before = subject.state_of(&[space]);
        for (first, pages) in
            [(0x0804_8000, 1), (0x0804_5000, 4), (0x0804_A000, 9), (0x1000_0000, 1100), (0xBFFE_F000, 2)]
        {
            let answer = subject.vmm.allocate_in(space, page(first), pages, UW);
            let refused = Err(VmmError::AlreadyMapped);
            ensure_answer(
                answer,
                refused,
                format_args!("allocate_in({}, {pages} pages) over mapped pages", page(first)),
            )?;
        }
        subject.ensure_unchanged(&[space], &before, format_args!("allocate_in() over mapped pages"))?;
        subject.load(Space::Kernel)?;
        subject.ensure_faults(page(0xBFFF_0000), "which is allocated in another space")?;
        // More than 16 MiB.
        let large = range(0x2000_0000, 4200);
        subject.allocate_in(space, large, UW)?;
        for page in large.iter() {
            ensure_allocated(subject, space, page, UW)?;
            ensure_zero(subject, space, page)?;
        }
        subject.free_in(space, large)?;
        let after = subject.state_of(&[space]);
        ensure!(after.frames == before.frames, expected: ("{} frames with the manager", before.frames), saw: ("{}", after.frames));
        subject.vmm.destroy_directory(directory);
        Ok(())
    })
}

/// Fails unless the frame of an allocated page holds zeros only.
fn ensure_zero(subject: &Subject<'_>, space: Space<'_>, page: Page) -> Outcome {
    let frame = subject
        .truth(space, page.start())
        .map_or(Frame::containing(mm_api::PhysAddr::new(0)), |truth| Frame::containing(truth.address));
    let word = subject.machine.with_words(frame, |words| words.iter().copied().find(|word| *word != 0)).flatten();
    ensure!(
        word.is_none(),
        expected: ("{page} to hold zeros only, since it is allocated for a process"),
        saw: ("{:#010x} in {frame}", word.unwrap_or(0))
    );
    Ok(())
}

/// A range that is empty, wraps, contains page 0 or crosses into the kernel half is refused by name.
pub fn bad_ranges(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let last = page(0xFFFF_F000);
        let cases = [
            (page(0x0804_8000), 0, VmmError::Empty),
            (Page::NULL, 0, VmmError::Empty),
            (last, 0, VmmError::Empty),
            (Page::NULL, 1, VmmError::NullPage),
            (Page::NULL, u32::MAX, VmmError::NullPage),
            (page(0x0804_8000), u32::MAX, VmmError::PastEnd),
            (page(0x0804_8000), 0xF_FFFF, VmmError::PastEnd),
            (page(0x1000), 0x10_0000, VmmError::PastEnd),
            (last, 2, VmmError::PastEnd),
            (last, u32::MAX, VmmError::PastEnd),
            (last, 1, VmmError::KernelHalf),
            (page(0x1000), 0xF_FFFF, VmmError::KernelHalf),
            (page(0xBFFF_F000), 2, VmmError::KernelHalf),
            (page(0x1000), 0xC_0000, VmmError::KernelHalf),
            (page(0xC000_0000), 1, VmmError::KernelHalf),
            (page(0xF000_0000), 1, VmmError::KernelHalf),
        ];
        let before = subject.state_of(&[Space::Current]);
        for (first, pages, error) in cases {
            let answer = subject.vmm.allocate_in(Space::Current, first, pages, UW);
            ensure_answer(answer, Err(error), format_args!("allocate_in() of {pages:#x} pages from {first}"))?;
            let answer = subject.vmm.free_in(Space::Current, first, pages);
            ensure_answer(answer, Err(error), format_args!("free_in() of {pages:#x} pages from {first}"))?;
        }
        for _ in 0..100 {
            let (first, shift) = (subject.context.rng().below(0x10_0000), subject.context.rng().below(32));
            let pages = subject.context.rng().next_u32() >> shift;
            let Some(error) = wrong_with(first, pages) else { continue };
            let first = page(first << 12);
            let answer = subject.vmm.allocate_in(Space::Current, first, pages, UW);
            ensure_answer(answer, Err(error), format_args!("allocate_in() of {pages:#x} pages from {first}"))?;
            let answer = subject.vmm.free_in(Space::Current, first, pages);
            ensure_answer(answer, Err(error), format_args!("free_in() of {pages:#x} pages from {first}"))?;
        }
        ensure_answer(subject.vmm.allocate(0), Err(VmmError::Empty), format_args!("allocate(0)"))?;
        for pages in [32_768, 0x1_0001, 0xF_FFFF, u32::MAX - 2, u32::MAX - 1, u32::MAX] {
            let answer = subject.vmm.allocate(pages);
            ensure_answer(answer, Err(VmmError::NoRoom), format_args!("allocate({pages:#x})"))?;
        }
        subject.ensure_unchanged(&[Space::Current], &before, format_args!("a range that is refused"))
    })
}

/// What is wrong with a range of the user half, whatever is mapped there.
fn wrong_with(first: u32, pages: u32) -> Option<VmmError> {
    let end = u64::from(first) + u64::from(pages);
    if pages == 0 {
        Some(VmmError::Empty)
    } else if first == 0 {
        Some(VmmError::NullPage)
    } else if end > 0x10_0000 {
        Some(VmmError::PastEnd)
    } else if end > 0xC_0000 {
        Some(VmmError::KernelHalf)
    } else {
        None
    }
}

/// If there are too few frames, the pages mapped so far are unmapped again.
pub fn frames_run_out(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        run_out_in_new(subject)?;
        let directory = subject.directory()?;
        let spaces = [Space::Kernel, Space::Of(&directory)];
        let mapped = subject.frame()?;
        subject.make_kernel_tables()?;
        let before = subject.state_of(&spaces);
        for frames in 0..8 {
            subject.machine.allow_frames(Some(frames));
            let answer = subject.vmm.allocate(8);
            let ran_out = Err(VmmError::OutOfFrames);
            ensure_answer(answer, ran_out, format_args!("allocate(8) with {frames} frames left"))?;
            subject.ensure_unchanged(&spaces, &before, format_args!("allocate(8) with {frames} frames left"))?;
        }
        for _ in 0..8 {
            let pages = 9 + subject.context.rng().below(200);
            let frames = subject.context.rng().below(pages);
            subject.machine.allow_frames(Some(frames));
            let call = format_args!("allocate({pages}) with {frames} frames left");
            ensure_answer(subject.vmm.allocate(pages), Err(VmmError::OutOfFrames), call)?;
            subject.ensure_unchanged(&spaces, &before, call)?;
        }
        let place = range(0x083F_E000, 4);
        for space in spaces {
            // Two tables and four pages.
            for frames in 0..6 {
                subject.machine.allow_frames(Some(frames));
                let answer = subject.vmm.allocate_in(space, place.first(), 4, UW);
                let ran_out = Err(VmmError::OutOfFrames);
                let call = format_args!("allocate_in() of 4 pages in 2 new tables, with {frames} frames left,");
                ensure_answer(answer, ran_out, call)?;
                subject.ensure_unchanged(&spaces, &before, call)?;
            }
            subject.machine.allow_frames(Some(0));
            let answer = subject.vmm.map(space, page(0x0804_8000), mapped, UW);
            ensure_answer(answer, Err(VmmError::OutOfFrames), format_args!("map() with no frame left for a table"))?;
            subject.ensure_unchanged(&spaces, &before, format_args!("map() with no frame left for a table"))?;
            subject.machine.allow_frames(Some(6));
            subject.allocate_in(space, place, UW)?;
            subject.free_in(space, place)?;
        }
        subject.machine.allow_frames(Some(0));
        let answer = subject.vmm.create_directory().map(|directory| directory.frame());
        ensure_answer(answer, Err(VmmError::OutOfFrames), format_args!("create_directory() with no frame left"))?;
        subject.machine.allow_frames(None);
        subject.ensure_unchanged(&spaces, &before, format_args!("running out of frames"))?;

        // All frames of the machine, and one more.
        let pages = subject.machine.free_frames() + 1;
        let answer = subject.vmm.allocate(pages);
        ensure_answer(answer, Err(VmmError::OutOfFrames), format_args!("allocate({pages}), one more than there are,"))?;
        subject.ensure_unchanged(&spaces, &before, format_args!("allocate() of more than there is"))?;
        // More than 16 bits can count.
        for pages in [pages, 0x1_0003] {
            let answer = subject.vmm.allocate_in(Space::Current, page(0x0804_8000), pages, UW);
            let call = format_args!("allocate_in() of {pages} pages, more than there are frames,");
            ensure_answer(answer, Err(VmmError::OutOfFrames), call)?;
            subject.ensure_unchanged(&spaces, &before, call)?;
        }
        subject.vmm.destroy_directory(directory);
        Ok(())
    })
}

/// Builds another manager with fewer frames than the first one took: `new` gives them back.
fn run_out_in_new(subject: &mut Subject<'_>) -> Outcome {
    let taken = subject.machine.managers_frames();
    let mappings = subject.machine.mappings();
    for frames in 0..taken {
        subject.machine.allow_frames(Some(frames));
        let layout = subject.machine.layout(&mappings);
        let answer = subject.context.labs().manager(subject.machine.handle(), &layout).map(|_| ());
        let call = format_args!("new() with {frames} frames left, where it takes {taken},");
        ensure_answer(answer, Err(VmmError::OutOfFrames), call)?;
        let kept = subject.machine.managers_frames() - taken;
        ensure!(kept == 0, expected: ("{call} to give back all that it took"), saw: ("{kept} frames kept"));
    }
    subject.machine.allow_frames(None);
    Ok(())
}
