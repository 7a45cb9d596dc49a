//! Checks of pages that get memory when they are touched, and of pages that are written to.

use mm_api::{Page, PageError, Protection, Purpose, Region, Rights, Sharing, protection_of};

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;

use super::list::{KINDS, mapping};
use super::subject::{Subject, Who, on_processes};

/// Writing alone, which the tables cannot tell from reading and writing.
const WRITE: Rights = Rights { read: false, write: true, execute: false };

/// Executing alone, which the tables cannot tell from reading.
const EXECUTE: Rights = Rights { read: false, write: false, execute: true };

/// All rights.
const ALL: Rights = Rights { read: true, write: true, execute: true };

/// The pages of a region with these rights, over the boundary of a table.
fn region(rights: Rights, sharing: Sharing) -> Region {
    Region { rights, sharing, ..mapping(0x4_03F8, 16) }
}

/// A page that is touched is filled with zeros, all of it, and has the region's rights.
pub fn fill_zeroed(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        let others = [(Rights::READ_EXECUTE, Sharing::Shared), (WRITE, Sharing::Private), (EXECUTE, Sharing::Private)];
        for (rights, sharing) in KINDS.into_iter().chain(others) {
            let region = region(rights, sharing);
            let last = region.pages.len() - 1;
            let random = subject.ground.context.rng().below(last - 1) + 1;
            for offset in [0, random, last] {
                let Some(page) = region.pages.first().checked_add(offset) else { continue };
                subject.filled(&region, page)?;
                subject.ensure_full_of(Who::Parent, page, 0, "when it is filled")?;
                let frame = subject.frame(Who::Parent, page)?;
                let protection = protection_of(rights);
                subject.ensure_mapped(Who::Parent, page, frame, protection, "when it is filled")?;
                subject.ensure_users(Who::Parent, page, 1, "when it is filled")?;
            }
            // Only the touched pages have memory.
            let mapped = region.pages.iter().filter(|&page| subject.truth(Who::Parent, page).is_some()).count();
            ensure!(mapped == 3, expected: ("3 pages that were filled, and no other"), saw: ("{mapped} mapped"));
            subject.clear();
        }
        Ok(())
    })
}

/// If there is no frame for the page or for its table, nothing changes.
pub fn fill_refused(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        let region = region(Rights::READ_WRITE, Sharing::Private);
        let (first, second) = (region.pages.first(), Page::new(region.pages.first().number() + 1));
        let before = subject.state();
        // A page needs a frame, and the first one of a table another.
        for frames in [0, 1] {
            subject.leave_frames(frames);
            refused(subject, &region, first, frames)?;
            subject.ensure_unchanged(&before, "fill() without a frame")?;
            subject.give_frames_back();
        }
        subject.leave_frames(2);
        subject.filled(&region, first)?;
        let before = subject.state();
        refused(subject, &region, second.unwrap_or(first), 0)?;
        subject.ensure_unchanged(&before, "fill() without a frame")?;
        subject.give_frames_back();
        subject.filled(&region, second.unwrap_or(first))
    })
}

/// Asks for a page to be filled without enough frames.
fn refused(subject: &mut Subject<'_, '_>, region: &Region, page: Page, frames: u32) -> Outcome {
    let answer = subject.fill(region, page);
    ensure!(
        answer == Err(PageError::OutOfFrames),
        expected: ("fill() of {page} with {frames} free frames to answer OutOfFrames"),
        saw: ("{}", told(&answer))
    );
    let free = subject.free_frames();
    ensure!(free == frames, expected: ("{frames} free frames afterwards, as before"), saw: ("{free}"));
    Ok(())
}

/// A process that has a frame alone keeps it, and may write from then on; so does one that shares
/// its region.
pub fn write_own(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        for (purpose, sharing) in [
            (Purpose::Mapping, Sharing::Private),
            (Purpose::Mapping, Sharing::Shared),
            (Purpose::Image, Sharing::Private),
            (Purpose::Heap, Sharing::Private),
            (Purpose::Stack, Sharing::Private),
        ] {
            let region = Region { purpose, ..region(Rights::READ_WRITE, sharing) };
            let page = region.pages.first();
            subject.map(&region, page, 0x1234_5678)?;
            subject.with(Who::Parent, |pages| mm_api::SharedPages::protect(pages, page, Protection::USER_READ));
            let (frame, free) = (subject.frame(Who::Parent, page)?, subject.free_frames());
            subject.leave_frames(0);
            subject.written(Who::Parent, &region, page)?;
            subject.give_frames_back();
            let when = "after write() to a frame that nobody else has";
            subject.ensure_mapped(Who::Parent, page, frame, Protection::USER_WRITE, when)?;
            subject.ensure_full_of(Who::Parent, page, 0x1234_5678, when)?;
            ensure!(subject.free_frames() == free, expected: ("no frame taken {when}"), saw: ("another number"));
            subject.clear();
        }
        // The frame of a shared region stays where it is, however many processes have it.
        let region = region(Rights::READ_WRITE, Sharing::Shared);
        let page = region.pages.first();
        subject.map(&region, page, 7)?;
        subject.forked(&region)?;
        let frame = subject.frame(Who::Parent, page)?;
        for who in [Who::Child, Who::Parent] {
            subject.with(who, |pages| mm_api::SharedPages::protect(pages, page, Protection::USER_READ));
            subject.written(who, &region, page)?;
            subject.ensure_mapped(who, page, frame, Protection::USER_WRITE, "after write() to a shared region")?;
        }
        subject.ensure_users(Who::Parent, page, 2, "after write() to a shared region")
    })
}

/// A process that writes to a frame that others have gets a copy; the others keep the frame.
pub fn write_copies(context: &mut Context) -> Outcome {
    on_processes(context, |subject| {
        let (child_first, parent_first) = ((Who::Child, Who::Parent), (Who::Parent, Who::Child));
        for ((first, second), rights) in [
            (child_first, Rights::READ_WRITE),
            (parent_first, Rights::READ_WRITE),
            (child_first, ALL),
            (parent_first, WRITE),
        ] {
            let region = region(rights, Sharing::Private);
            let word = subject.ground.context.rng().next_u32() | 1;
            let (page, other) = (region.pages.first(), Page::new(region.pages.end() - 1));
            let other = other.unwrap_or(page);
            subject.map(&region, page, word)?;
            subject.map(&region, other, !word)?;
            subject.forked(&region)?;
            let frame = subject.frame(second, page)?;
            copied(subject, &region, page, first, word)?;
            let when = "after the other has written";
            subject.ensure_mapped(second, page, frame, Protection::USER_READ, when)?;
            subject.ensure_users(second, page, 1, when)?;
            // The last process keeps the frame: no copy is needed any more.
            subject.leave_frames(0);
            subject.written(second, &region, page)?;
            subject.give_frames_back();
            subject.ensure_mapped(second, page, frame, Protection::USER_WRITE, "after write() by the last")?;
            subject.ensure_full_of(second, page, word, "after write() by the last")?;
            subject.ensure_users(first, other, 2, "of a page that nobody wrote to")?;
            subject.clear();
        }
        copied_from_many(subject)
    })
}

/// Many processes have a frame: 256, a number that does not fit in a byte.
fn copied_from_many(subject: &mut Subject<'_, '_>) -> Outcome {
    const CHILDREN: usize = 255;
    let region = region(Rights::READ_WRITE, Sharing::Private);
    let page = region.pages.first();
    let mut children = [const { None }; CHILDREN - 1];
    subject.map(&region, page, 0x0BAD_5EED)?;
    for child in &mut children {
        subject.forked(&region)?;
        *child = Some(subject.next_child()?);
    }
    subject.forked(&region)?;
    let old = subject.frame(Who::Parent, page)?;
    subject.ensure_users(Who::Parent, page, 1 + CHILDREN as u32, "after as many forks, but for one")?;

    subject.written(Who::Parent, &region, page)?;
    let (when, new) = ("after write() to a frame at 256 pages", subject.frame(Who::Parent, page)?);
    ensure!(new != old, expected: ("a frame of the Parent's own for {page} {when}"), saw: ("{old}, as before"));
    subject.ensure_mapped(Who::Parent, page, new, Protection::USER_WRITE, when)?;
    subject.ensure_full_of(Who::Child, page, 0x0BAD_5EED, when)?;
    subject.ensure_users(Who::Child, page, CHILDREN as u32, when)?;
    children.into_iter().flatten().for_each(|child| subject.back_to(child));
    subject.clear();
    Ok(())
}

/// Has a page copied, at first without a frame for the copy.
fn copied(subject: &mut Subject<'_, '_>, region: &Region, page: Page, who: Who, word: u32) -> Outcome {
    let (old, before) = (subject.frame(who, page)?, subject.state());
    subject.leave_frames(0);
    let answer = subject.write(who, region, page);
    subject.give_frames_back();
    ensure!(
        answer == Err(PageError::OutOfFrames),
        expected: ("write() to {page}, whose frame two have, without a free frame to answer OutOfFrames"),
        saw: ("{}", told(&answer))
    );
    subject.ensure_unchanged(&before, "write() without a frame")?;
    subject.ensure_users(who, page, 2, "after write() without a frame")?;

    subject.written(who, region, page)?;
    let new = subject.frame(who, page)?;
    ensure!(new != old, expected: ("{page} of the {who} to have a frame of its own"), saw: ("{old}, as before"));
    subject.ensure_mapped(who, page, new, Protection::USER_WRITE, "after write()")?;
    subject.ensure_full_of(who, page, word, "after write()")?;
    subject.ensure_users(who, page, 1, "after write()")
}
