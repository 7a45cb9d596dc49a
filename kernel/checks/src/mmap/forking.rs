//! Checks of a region that is shared with a child.

use kernel_core::instructions;
use mm_api::{Page, PageError, Protection, Region, Rights, Sharing, TABLE_ENTRIES, protection_of};

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;

use super::list::{mapping, pages_of};
use super::subject::{Subject, Who, on_processes};

/// A region over the boundary of two tables.
fn region(rights: Rights, sharing: Sharing) -> Region {
    Region { rights, sharing, ..mapping(0x4_03F0, 32) }
}

/// The same, between any two tables of mappings.
fn region_anywhere(subject: &mut Subject<'_, '_>, rights: Rights, sharing: Sharing) -> Region {
    let table = 0x41 + subject.ground.context.rng().below(0x2F0 - 0x41);
    Region { rights, sharing, ..mapping(table * TABLE_ENTRIES - 16, 32) }
}

/// A region of more pages than a table maps: the last page of a table, all of the next one, and
/// the first page of the one after that.
fn large_region(sharing: Sharing) -> Region {
    Region { sharing, ..mapping(0x4_03FF, 1 + TABLE_ENTRIES + 1) }
}

/// Every third page of a region.
fn some_pages(region: &Region) -> impl Iterator<Item = Page> + use<> {
    region.pages.iter().step_by(3)
}

/// Parent and child have the same frames, and neither can write to them; nothing is copied.
pub fn fork_shares(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        let highest = Region { pages: pages_of(0xB_FBF0, 32), ..region(Rights::READ_WRITE, Sharing::Private) };
        let regions = [Rights::READ_WRITE, Rights::READ, Rights::NONE]
            .map(|rights| region_anywhere(subject, rights, Sharing::Private));
        for region in regions.into_iter().chain([highest]) {
            for (page, word) in some_pages(&region).zip(100..) {
                subject.map(&region, page, word)?;
            }
            let free = subject.free_frames();
            subject.forked(&region)?;
            // The child's two tables.
            let taken = free - subject.free_frames();
            ensure!(taken == 2, expected: ("2 frames taken by fork(), for the child's tables"), saw: ("{taken}"));
            for (page, number) in region.pages.iter().zip(0..) {
                ensure_shared(subject, &region, page, number)?;
            }
            subject.clear();
        }
        let region = large_region(Sharing::Private);
        for (page, word) in region.pages.iter().zip(1..) {
            subject.map(&region, page, word)?;
        }
        subject.forked(&region)?;
        let when = "after fork() of a large private region";
        for (page, word) in region.pages.iter().zip(1..) {
            let frame = subject.frame(Who::Parent, page)?;
            for who in [Who::Parent, Who::Child] {
                subject.ensure_mapped(who, page, frame, Protection::USER_READ, when)?;
            }
            subject.ensure_full_of(Who::Child, page, word, when)?;
        }
        subject.clear();
        Ok(())
    })
}

/// Fails unless a page is as it should be after a fork of a private region.
fn ensure_shared(subject: &mut Subject<'_, '_>, region: &Region, page: Page, number: u32) -> Outcome {
    let when = "after fork() of a private region";
    if !number.is_multiple_of(3) {
        subject.ensure_not_mapped(Who::Parent, page, when)?;
        return subject.ensure_not_mapped(Who::Child, page, when);
    }
    let frame = subject.frame(Who::Parent, page)?;
    let protection = Protection { writable: false, ..protection_of(region.rights) };
    for who in [Who::Parent, Who::Child] {
        subject.ensure_mapped(who, page, frame, protection, when)?;
        subject.ensure_full_of(who, page, 100 + number / 3, when)?;
    }
    subject.ensure_users(Who::Parent, page, 2, when)
}

/// The cost of a fork of a large region depends on the pages that have memory.
pub fn fork_sparse(context: &mut Context) -> Outcome {
    /// The most instructions for each page that has memory, and for each table that there could be.
    const ALLOWED: u64 = 40_000;
    on_processes(context, |subject| {
        // 1 GiB, of which four pages were touched.
        let region = mapping(0x4_0000, 0x4_0000);
        for page in [0x4_0000, 0x4_8123, 0x6_0000, 0x7_FFFF] {
            subject.map(&region, Page::new(page).unwrap_or(Page::NULL), page)?;
        }
        let start = instructions();
        subject.forked(&region)?;
        let spent = instructions() - start;
        subject.ground.context.measure("instructions", spent, "per-fork");
        let most = ALLOWED * (4 + 256 / 16);
        ensure!(
            spent <= most,
            expected: ("fork() of 1 GiB with 4 pages to take at most {most} instructions"),
            saw: ("{spent}")
        );
        for page in [0x4_0000, 0x4_8123, 0x6_0000, 0x7_FFFF] {
            subject.ensure_full_of(Who::Child, Page::new(page).unwrap_or(Page::NULL), page, "in the child")?;
        }
        Ok(())
    })
}

/// A shared region is the same in both, and stays writable, pages included that were never touched.
pub fn fork_shared(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        for rights in [Rights::READ_WRITE, Rights::READ, Rights::NONE] {
            let region = region_anywhere(subject, rights, Sharing::Shared);
            for (page, word) in some_pages(&region).zip(100..) {
                subject.map(&region, page, word)?;
            }
            subject.forked(&region)?;
            for (page, number) in region.pages.iter().zip(0..) {
                let frame = subject.frame(Who::Parent, page)?;
                let word = if number % 3 == 0 { 100 + number / 3 } else { 0 };
                let when = "after fork() of a shared region";
                for who in [Who::Parent, Who::Child] {
                    subject.ensure_mapped(who, page, frame, protection_of(rights), when)?;
                    subject.ensure_full_of(who, page, word, when)?;
                }
                subject.ensure_users(Who::Child, page, 2, when)?;
            }
            subject.clear();
        }
        let region = large_region(Sharing::Shared);
        subject.forked(&region)?;
        let when = "after fork() of a large shared region";
        for page in region.pages.iter() {
            let frame = subject.frame(Who::Parent, page)?;
            subject.ensure_mapped(Who::Child, page, frame, Protection::USER_WRITE, when)?;
            subject.ensure_full_of(Who::Child, page, 0, when)?;
        }
        subject.clear();
        Ok(())
    })
}

/// If the frames run out half way, the child has none of the pages.
pub fn fork_no_frames(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        for sharing in [Sharing::Private, Sharing::Shared] {
            let region = region(Rights::READ_WRITE, sharing);
            for (page, word) in some_pages(&region).zip(100..) {
                subject.map(&region, page, word)?;
            }
            // Enough for the child's first table, but not for its second.
            for frames in [0, 1, 4] {
                if sharing == Sharing::Private && frames > 1 {
                    continue;
                }
                refused(subject, &region, frames)?;
                for (page, number) in region.pages.iter().zip(0..) {
                    subject.ensure_not_mapped(Who::Child, page, "after fork() without frames")?;
                    if number % 3 == 0 {
                        let when = "after fork() without frames";
                        subject.ensure_full_of(Who::Parent, page, 100 + number / 3, when)?;
                        subject.ensure_users(Who::Parent, page, 1, when)?;
                    }
                }
            }
            subject.forked(&region)?;
            subject.clear();
        }
        late(subject)?;
        after_another(subject)
    })
}

/// Has a region shared with too few free frames.
fn refused(subject: &mut Subject<'_, '_>, region: &Region, frames: u32) -> Outcome {
    subject.leave_frames(frames);
    let answer = subject.fork(region);
    subject.give_frames_back();
    let pages = region.pages.len();
    ensure!(
        answer == Err(PageError::OutOfFrames),
        expected: ("fork() of {pages} pages with {frames} free frames to answer OutOfFrames"),
        saw: ("{}", told(&answer))
    );
    Ok(())
}

/// The frames run out when the child has more pages than a table maps.
fn late(subject: &mut Subject<'_, '_>) -> Outcome {
    let region = large_region(Sharing::Private);
    for (page, word) in region.pages.iter().zip(1..) {
        subject.map(&region, page, word)?;
    }
    // For two of the child's tables, and not for the third.
    refused(subject, &region, 2)?;
    for page in region.pages.iter() {
        subject.ensure_not_mapped(Who::Child, page, "after fork() of a large region without frames")?;
    }
    subject.clear();
    Ok(())
}

/// The frames run out while an older child has the pages, too: it keeps them, and nobody may write.
fn after_another(subject: &mut Subject<'_, '_>) -> Outcome {
    let region = region(Rights::READ_WRITE, Sharing::Private);
    for (page, word) in some_pages(&region).zip(100..) {
        subject.map(&region, page, word)?;
    }
    subject.forked(&region)?;
    let older = subject.next_child()?;
    refused(subject, &region, 1)?;
    subject.back_to(older);
    let when = "after another fork() without frames";
    for (page, word) in some_pages(&region).zip(100..) {
        let frame = subject.frame(Who::Parent, page)?;
        for who in [Who::Parent, Who::Child] {
            subject.ensure_mapped(who, page, frame, Protection::USER_READ, when)?;
            subject.ensure_full_of(who, page, word, when)?;
        }
        subject.ensure_users(Who::Parent, page, 2, when)?;
    }
    subject.clear();
    Ok(())
}
