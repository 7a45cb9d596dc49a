//! Checks of the kernel's own directory.

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::memory::paged::{NoWrite, Owner};
use kernel_core::words::told;
use mm_api::layout::{KERNEL_BASE, KERNEL_VIRTUAL_START, TEMPORARY_START};
use mm_api::{Page, PageRange, Protection, Space, TABLE_ENTRIES, TableIndex, Translation, VirtAddr};
use mm_oracle::walk::Level;

use super::subject::{Access, Shown, Subject, booted, built};

/// Every page of the layout is mapped to its frame, with its rights.
///
/// Catches a direct map that is shifted, too short, or writable throughout.
pub fn kernel_directory(context: &mut Context) -> Outcome {
    built(context, |subject| {
        let root = ensure_root_taken(subject)?;
        let current = subject.vmm.root(Space::Current);
        ensure!(current == root, expected: ("root(Current) to be {root} before anything is loaded"), saw: ("{current}"));
        for mapping in subject.machine.mappings().iter() {
            let protection = Protection { writable: mapping.writable, user: false };
            let frames = mapping.first_frame.start().as_u32()..;
            for (page, frame) in mapping.pages.iter().zip(frames.step_by(4096)) {
                let saw = subject.truth(Space::Kernel, page.start());
                let expected = Translation { address: mm_api::PhysAddr::new(frame), protection };
                ensure!(
                    saw == Some(expected),
                    expected: ("{page} in the kernel's directory to be {}", Shown(Some(expected))),
                    saw: ("{}", Shown(saw))
                );
            }
        }
        let temporary = Page::containing(TEMPORARY_START);
        let table = subject.machine.layout(&[]).temporary_table;
        ensure_names_table(subject, temporary, table)
    })
}

/// The root of the kernel's directory, which `new()` has to have taken.
fn ensure_root_taken(subject: &Subject<'_>) -> Result<mm_api::Frame, Failed> {
    let root = subject.vmm.root(Space::Kernel);
    ensure!(
        subject.machine.owner(root) == Owner::Tables,
        expected: ("root(Kernel) to be a frame that new() took"),
        saw: ("{root}")
    );
    Ok(root)
}

/// The kernel directory's entry for `page` names `table`, writable and for the kernel only.
fn ensure_names_table(subject: &Subject<'_>, page: Page, table: mm_api::Frame) -> Outcome {
    use mm_api::{Entry, EntryFlags};
    let root = subject.vmm.root(Space::Kernel);
    let word = subject.machine.with_words(root, |words| words[page.directory_index().as_u32() as usize]);
    let entry = Entry::from_bits(word.unwrap_or(0));
    let right = entry.has(EntryFlags::PRESENT | EntryFlags::WRITABLE) && !entry.has(EntryFlags::USER);
    ensure!(
        entry.frame() == table && right,
        expected: ("the directory's entry for {page} to name {table}, present, writable, not for users"),
        saw: ("{}", told(&entry))
    );
    Ok(())
}

/// No page is mapped that the layout does not list.
///
/// Catches a directory that was not cleared, tables that were not, and a user
/// half that shows the kernel.
pub fn kernel_half_empty(context: &mut Context) -> Outcome {
    built(context, |subject| {
        // Nothing is mapped by an empty frame either, so it has to be a directory.
        ensure_root_taken(subject)?;
        let first = subject.machine.mappings().iter().next().map(|mapping| mapping.pages.first());
        if let Some(page) = first {
            ensure!(
                subject.truth(Space::Kernel, page.start()).is_some(),
                expected: ("{page} to be mapped in the kernel's directory, as the layout says"),
                saw: ("that it is not")
            );
        }
        let user = PageRange::between(VirtAddr::new(0), KERNEL_BASE);
        ensure_nothing_mapped(subject, user, "the user half")?;
        let changeable = PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START);
        ensure_nothing_mapped(subject, changeable, "the kernel half above the direct map")?;

        // In the direct map: before, between and after the pieces.
        let mut next = Page::containing(KERNEL_BASE);
        for mapping in subject.machine.mappings().iter() {
            let gap = PageRange::between(next.start(), mapping.pages.first().start());
            ensure_nothing_mapped(subject, gap, "the direct map, where the layout leaves a gap,")?;
            let Some(page) = Page::new(mapping.pages.end()) else { return Ok(()) };
            next = page;
        }
        let rest = PageRange::between(next.start(), KERNEL_VIRTUAL_START);
        ensure_nothing_mapped(subject, rest, "the direct map, after the end of memory,")
    })
}

/// Fails if a page of `range` is mapped in the kernel's directory.
fn ensure_nothing_mapped(subject: &Subject<'_>, range: PageRange, what: &str) -> Outcome {
    let root = subject.vmm.root(Space::Kernel);
    let mut number = range.first().number();
    while number < range.end() {
        let Some(page) = Page::new(number) else { break };
        number += match subject.machine.walk(root, page.start()) {
            // There is no table: skip to the next one.
            Err(missing) if missing.level == Level::Directory => TABLE_ENTRIES - page.table_index().as_u32(),
            Err(_) => 1,
            Ok(walk) => {
                let saw = Translation { address: walk.address, protection: walk.protection() };
                fail!(expected: ("{what} to be empty at first"), saw: ("{page} {}", Shown(Some(saw))));
            }
        };
    }
    Ok(())
}

/// The directory can be loaded, and the kernel runs on.
///
/// Catches read-only code that is writable under CR0.WP, and stack guards that
/// are mapped.
pub fn kernel_goes_on(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let mappings = subject.machine.mappings();
        for mapping in mappings.iter() {
            for page in mapping.pages.iter().step_by(17) {
                let saw = subject.machine.read(page.start());
                ensure!(saw.is_ok(), expected: ("the kernel to read {page}"), saw: ("{}", Access(saw)));
                if !mapping.writable {
                    let saw = subject.machine.write(page.start(), 0);
                    ensure!(
                        matches!(saw, Err(NoWrite::Fault(fault)) if fault.denied),
                        expected: ("a write to the kernel's code, at {page}, to be a page fault"),
                        saw: ("{}", Access(saw))
                    );
                }
            }
        }
        for pair in mappings.windows(2) {
            let (end, next) = (pair[0].pages.end(), pair[1].pages.first().number());
            for page in (end..next).filter_map(Page::new) {
                subject.ensure_faults(page, "which is the guard below a stack")?;
            }
        }
        for index in TableIndex::user_half().step_by(31) {
            let page = Page::from_indices(index, index);
            subject.ensure_faults(page, "nothing being mapped in the user half")?;
        }
        Ok(())
    })
}
