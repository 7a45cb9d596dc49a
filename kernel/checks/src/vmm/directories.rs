//! Checks of several directories.

use crate::check::{Context, Outcome};
use crate::ensure;
use mm_api::{Frame, Page, PageRange, Space};

use super::subject::{KR, KW, Named, Shown, Subject, UR, UW, Word, booted, kernel_tables, page, range};

/// A mapping in the kernel half is seen in every space, also in those made
/// earlier; one that ends there ends in all of them.
pub fn kernel_half_shared(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let (a, b) = (subject.directory()?, subject.directory()?);
        let spaces = [Space::Of(&a), Space::Of(&b), Space::Kernel];
        let frame = subject.frame()?;
        subject.machine.fill(frame, 0x5A5A);
        // A page in every table of the kernel half, mapped after the directories were made.
        for page in kernel_tables() {
            subject.map(Space::Current, page, frame, KW)?;
        }
        let allocated = subject.allocate(3)?;
        subject.write(allocated.first().start(), 42)?;
        let late = subject.directory()?;
        for space in spaces.into_iter().chain([Space::Of(&late)]) {
            ensure_seen(subject, space, frame, allocated)?;
        }
        for page in kernel_tables() {
            subject.claim(page.start());
        }
        subject.context.checkpoint("in a space that was made after the kernel half was filled");
        subject.load(Space::Of(&a))?;
        for page in kernel_tables().chain(allocated.iter()) {
            subject.claim(page.start());
        }
        subject.context.checkpoint("in a space that was made before the kernel half was filled");
        see_many(subject, frame)?;
        // A change through any space is a change in all of them, at once.
        let places = [page(0xF000_0000), page(0xF7C0_0000), page(0xF800_0000)];
        for ((through, loaded), place) in
            [(Space::Of(&b), Space::Of(&a)), (Space::Kernel, Space::Of(&b)), (Space::Of(&a), Space::Kernel)]
                .into_iter()
                .zip(places)
        {
            subject.load(loaded)?;
            change(subject, through, place, frame, &spaces)?;
        }
        subject.free(allocated)?;
        for directory in [a, b, late] {
            subject.vmm.destroy_directory(directory);
        }
        Ok(())
    })
}

/// How many directories there are at a time: more than a byte can count.
const MANY: usize = 300;

/// A mapping in the kernel half is seen in each of many directories.
fn see_many(subject: &mut Subject<'_>, frame: Frame) -> Outcome {
    let mut many = [const { None }; MANY];
    for place in &mut many {
        *place = Some(subject.directory()?);
    }
    let place = page(0xF5A5_A000);
    subject.map(Space::Current, place, frame, KW)?;
    for directory in many.iter().flatten() {
        subject.ensure_mapped(Space::Of(directory), place, frame, KW)?;
    }
    subject.unmap(Space::Current, place, frame)?;
    for directory in many.into_iter().flatten() {
        subject.ensure_not_mapped(Space::Of(&directory), place, "unmapped in the loaded space")?;
        subject.vmm.destroy_directory(directory);
    }
    Ok(())
}

/// Loads a space, and fails unless it has the page mapped in the kernel half, the pages
/// allocated there, and the direct map.
fn ensure_seen(subject: &mut Subject<'_>, space: Space<'_>, frame: Frame, allocated: PageRange) -> Outcome {
    for page in kernel_tables() {
        subject.ensure_mapped(space, page, frame, KW)?;
    }
    subject.load(space)?;
    for page in kernel_tables() {
        subject.ensure_reads(page.start(), 0x5A5A, "which was mapped in the kernel half")?;
    }
    subject.ensure_reads(allocated.first().start(), 42, "which the kernel allocated")?;
    for page in subject.machine.mappings().iter().flat_map(|mapping| mapping.pages.iter()).step_by(101) {
        let (saw, kernel) = (subject.truth(space, page.start()), subject.truth(Space::Kernel, page.start()));
        ensure!(saw == kernel, expected: ("{page} in {} as in the kernel's directory", Named(space)), saw: ("{}", Shown(saw)));
    }
    Ok(())
}

/// Protects and unmaps a page of the kernel half through one space, and fails unless that
/// changes all of them.
fn change(subject: &mut Subject<'_>, through: Space<'_>, place: Page, frame: Frame, spaces: &[Space<'_>]) -> Outcome {
    subject.write(place.start(), 0x5A5A)?;
    subject.forget_flushes();
    subject.protect(through, place, KR)?;
    subject.ensure_flushed(&[place], format_args!("protect() in the kernel half, through another space,"))?;
    for &space in spaces {
        subject.ensure_mapped(space, place, frame, KR)?;
    }
    subject.unmap(through, place, frame)?;
    subject.ensure_flushed(&[place], format_args!("unmap() in the kernel half, through another space,"))?;
    subject.ensure_faults(place, "unmapped through another space")?;
    for &space in spaces {
        subject.ensure_not_mapped(space, place, "unmapped through another space")?;
    }
    Ok(())
}

/// A change of a directory that is not loaded affects neither the loaded one nor
/// the processor.
pub fn other_directory(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let directory = subject.directory()?;
        let other = Space::Of(&directory);
        let (mine, theirs) = (subject.frame()?, subject.frame()?);
        let place = subject.user_page(0);
        subject.map(Space::Current, place, mine, UW)?;
        subject.write(place.start(), 1)?;
        let before = subject.state_of(&[Space::Kernel]);
        subject.forget_flushes();

        subject.ensure_not_mapped(other, place, "only being mapped in the kernel's space")?;
        subject.map(other, place, theirs, UR)?;
        subject.ensure_mapped(other, place, theirs, UR)?;
        subject.protect(other, place, UW)?;
        subject.ensure_mapped(other, place, theirs, UW)?;
        subject.allocate_in(other, range(0x1000_0000, 3), UW)?;
        subject.free_in(other, range(0x1000_0000, 2))?;
        subject.unmap(other, place, theirs)?;
        subject.map(other, place, theirs, UW)?;
        subject.ensure_flushed(&[], format_args!("changes to a directory that is not loaded"))?;
        subject.ensure_mapped(Space::Current, place, mine, UW)?;
        subject.ensure_reads(place.start(), 1, "another directory having been changed")?;
        subject.free_in(other, range(0x1000_2000, 1))?;
        subject.unmap(other, place, theirs)?;
        let root = directory.frame();
        let after = subject.state_of(&[Space::Kernel]);
        ensure!(
            after.frames == before.frames,
            expected: ("no more frames than before, the directory in {root} being empty again"),
            saw: ("{} frames, before it {}", after.frames, before.frames)
        );
        subject.map(other, place, theirs, UW)?;

        // Each shows its own pages when it is loaded.
        for round in 0..3 {
            subject.forget_flushes();
            subject.load(other)?;
            subject.ensure_flushed(&[], format_args!("load(), which makes the processor forget by itself,"))?;
            subject.write(place.start(), 0x200 + round)?;
            let saw = subject.machine.word(theirs.start());
            ensure!(saw == Some(0x200 + round), expected: ("the write in {theirs}"), saw: ("{} there", Word(saw)));
            subject.load(Space::Kernel)?;
            subject.ensure_reads(place.start(), 1, "the kernel's directory being loaded again")?;
        }
        // The current space is the one that is loaded.
        subject.load(other)?;
        subject.unmap(Space::Current, place, theirs)?;
        subject.ensure_faults(place, "unmapped in the current space")?;
        subject.ensure_mapped(Space::Kernel, place, mine, UW)?;
        subject.unmap(Space::Kernel, place, mine)?;
        subject.vmm.destroy_directory(directory);
        Ok(())
    })
}

/// Destroying a directory gives back all frames that belong to it alone, and no others.
pub fn destroy_returns(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let kernel = subject.allocate(3)?;
        subject.write(kernel.first().start(), 99)?;
        let shared = subject.frame()?;
        let survivor = subject.directory()?;
        subject.map(Space::Of(&survivor), page(0x2000_0000), shared, UW)?;
        subject.allocate_in(Space::Of(&survivor), range(0x2000_1000, 1), UW)?;
        let spaces = [Space::Kernel, Space::Of(&survivor)];
        let before = subject.state_of(&spaces);
        for loaded in [false, true] {
            let directory = subject.directory()?;
            let space = Space::Of(&directory);
            let places = [(0x0804_8000, 5, UR), (0xBFFF_0000, 16, UW), (0x103F_F000, 2, KW), (0x0000_1000, 1, KR)];
            for (first, pages, protection) in places {
                subject.allocate_in(space, range(first, pages), protection)?;
            }
            for place in [0x2000_0000, 0x0804_D000, 0x0040_0000] {
                subject.map(space, page(place), shared, UW)?;
            }
            for slot in 0..8 {
                let any = subject.user_page(slot).start().as_u32();
                subject.allocate_in(space, range(any, 1), UW)?;
            }
            // More than 16 MiB, and 508 tables with a page each: with the others, more than half of a
            // directory. Of some tables the seed chooses the page.
            subject.allocate_in(space, range(0x3000_0000, 4200), UW)?;
            let places = (0..540).map(|number| 0x3400_0000 + number * 0x40_1000);
            for place in places.filter(|place| !(0x9000_0000..0x9800_0000).contains(place)) {
                subject.allocate_in(space, range(place, 1), UW)?;
            }
            if loaded {
                subject.load(space)?;
                subject.write(page(0x2000_0000).start(), 0x5A5A)?;
                subject.write(page(0x103F_F000).start(), 1)?;
            }
            subject.vmm.destroy_directory(directory);
            let (root, cr3) = (subject.vmm.root(Space::Kernel), subject.machine.directory());
            ensure!(
                cr3 == root && subject.vmm.root(Space::Current) == root,
                expected: ("the kernel's directory, in {root}, to be the current one after destroy_directory()"),
                saw: ("{cr3} in CR3")
            );
            subject.ensure_unchanged(&spaces, &before, format_args!("a directory that comes and goes"))?;
            subject.ensure_reads(kernel.first().start(), 99, "which the kernel allocated")?;
            subject.ensure_faults(page(0x2000_0000), "its directory having gone")?;
            for place in [0x0804_8000, 0x2000_0000, 0xBFFF_F000, 0xC010_0000].map(page).into_iter().chain(kernel.iter())
            {
                subject.claim(place.start());
            }
            subject.context.checkpoint("after destroy_directory()");
        }
        let saw = subject.machine.word(shared.start());
        ensure!(saw == Some(0x5A5A), expected: ("a shared frame to keep what was written to it"), saw: ("{}", Word(saw)));

        // A loaded directory stays loaded when another one is destroyed.
        let other = subject.directory()?;
        subject.allocate_in(Space::Of(&other), range(0x2000_0000, 4), UR)?;
        subject.load(Space::Of(&survivor))?;
        subject.forget_flushes();
        subject.vmm.destroy_directory(other);
        subject.ensure_flushed(&[], format_args!("destroy_directory() of one that is not loaded"))?;
        let cr3 = subject.machine.directory();
        ensure!(cr3 == survivor.frame(), expected: ("{} to stay loaded", survivor.frame()), saw: ("{cr3} in CR3"));
        subject.ensure_reads(page(0x2000_0000).start(), 0x5A5A, "in a directory that was not destroyed")?;

        // The loaded space shows the kernel's new mappings.
        let late = subject.allocate(1)?;
        subject.write(late.first().start(), 7)?;
        subject.vmm.destroy_directory(survivor);
        subject.ensure_reads(late.first().start(), 7, "the kernel's directory being loaded")?;
        subject.free(late)?;
        subject.free(kernel)
    })
}
