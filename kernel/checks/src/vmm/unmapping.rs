//! Checks of mappings that end or change.

use core::fmt;

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::words::told;
use mm_api::{EntryFlags, Page, PageRange, Space, VmmError};

use super::subject::{KR, KW, Subject, UR, UW, any_frames, booted, ensure_answer, page, range};

/// `unmap` returns the page's frame, which belongs to the caller again.
pub fn unmap_returns(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let any = [(subject.user_page(0), UW), (subject.user_page(1), KR), (subject.kernel_page(0), KW)];
        let fixed = [(page(0x0804_8000), UW), (page(0xF000_5000), KW), (page(0x0040_0000), KR)];
        for (place, protection) in fixed.into_iter().chain(any) {
            let (a, b) = (subject.frame()?, subject.frame()?);
            let neighbour = page(place.start().as_u32() + 0x1000);
            subject.map(Space::Current, place, a, protection)?;
            subject.map(Space::Current, neighbour, b, protection)?;
            subject.machine.fill(b, 0xB0B);
            subject.unmap(Space::Current, place, a)?;
            subject.ensure_not_mapped(Space::Current, place, "after unmap()")?;
            subject.ensure_reads(neighbour.start(), 0xB0B, "its neighbour having been unmapped")?;
            let answer = subject.vmm.unmap(Space::Current, place);
            ensure_answer(answer, Err(VmmError::NotMapped), format_args!("unmap() of {place}, for the second time,"))?;
            // The frame is the check's: it can be given back, and another one mapped in its place.
            subject.machine.give_back(a);
            subject.map(Space::Current, place, b, protection)?;
            subject.ensure_reads(place.start(), 0xB0B, "mapped again, to another frame")?;
        }
        for frame in any_frames() {
            for (place, protection) in [(page(0x1800_0000), UW), (page(0xF111_1000), KR)] {
                subject.map(Space::Current, place, frame, protection)?;
                subject.unmap(Space::Current, place, frame)?;
            }
        }
        subject.make_kernel_tables()?;
        let before = subject.state_of(&[Space::Current]);
        for place in [Page::NULL, page(0x3000_0000), page(0x0804_B000), page(0xF444_4000)] {
            let answer = subject.vmm.unmap(Space::Current, place);
            let call = format_args!("unmap() of {place}, which is not mapped,");
            ensure_answer(answer, Err(VmmError::NotMapped), call)?;
            subject.ensure_unchanged(&[Space::Current], &before, call)?;
        }
        Ok(())
    })
}

/// The processor forgets a page that is unmapped: that page, and no other.
///
/// Catches a flush that is missing, and one of everything.
pub fn unmap_flushes(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let (user, kernel) = (subject.user_page(0).start().as_u32(), subject.kernel_page(0).start().as_u32());
        for (place, protection) in [(0x0804_8000, UW), (0xF000_5000, KW), (user, UW), (kernel, KW)] {
            let frames = [subject.frame()?, subject.frame()?, subject.frame()?];
            for (place, frame) in range(place, 3).iter().zip(frames) {
                subject.map(Space::Current, place, frame, protection)?;
                subject.write(place.start(), place.number())?;
            }
            subject.forget_flushes();
            for (place, frame) in range(place, 3).iter().zip(frames) {
                subject.ensure_reads(place.start(), place.number(), "which is mapped")?;
                subject.unmap(Space::Current, place, frame)?;
                subject.ensure_faults(place, "right after unmap(), though the processor had used it before")?;
                subject.ensure_flushed(&[place], format_args!("unmap() of {place}"))?;
            }
            // Another frame in the same place: only the new one counts.
            let first = page(place);
            subject.map(Space::Current, first, frames[0], protection)?;
            subject.ensure_reads(first.start(), first.number(), "mapped again")?;
            subject.unmap(Space::Current, first, frames[0])?;
            subject.map(Space::Current, first, frames[1], protection)?;
            subject.ensure_reads(first.start(), first.number() + 1, "mapped to another frame")?;
        }
        Ok(())
    })
}

/// A changed protection holds for the very next access.
///
/// Catches a flush that is missing after rights were taken away.
pub fn protect_at_once(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        subject.make_kernel_tables()?;
        subject.prepare_ring_3(Space::Current)?;
        let user = page(0x0804_8000);
        let frame = subject.map_new(Space::Current, user, UW)?;
        let neighbour = page(0x0804_9000);
        subject.map_new(Space::Current, neighbour, UW)?;
        subject.ensure_rights(user, UW, "as it was mapped")?;
        for protection in [UR, UW, KR, UR, KW, UW, KR, UW] {
            change(subject, user, protection)?;
            subject.ensure_mapped(Space::Current, user, frame, protection)?;
            subject.ensure_rights(neighbour, UW, "its neighbour's protection having changed")?;
        }
        change_at_random(subject)?;
        let kernel = page(0xF000_0000);
        subject.map_new(Space::Current, kernel, KW)?;
        subject.ensure_rights(kernel, KW, "as it was mapped")?;
        for protection in [KR, KW, KR] {
            change(subject, kernel, protection)?;
        }
        // An allocation stays one.
        let frames = subject.machine.managers_frames();
        let allocation = range(0x1000_0000, 2);
        subject.allocate_in(Space::Current, allocation, UW)?;
        subject.protect(Space::Current, allocation.first(), UR)?;
        subject.free_in(Space::Current, allocation)?;
        let saw = subject.machine.managers_frames();
        ensure!(saw == frames, expected: ("{frames} frames with the manager after protect() and free_in()"), saw: ("{saw}"));

        keep_beginning(subject)?;
        keep_notes(subject)?;

        let before = subject.state_of(&[Space::Current]);
        for place in [Page::NULL, page(0x3000_0000), page(0x0804_C000), page(0xF444_4000)] {
            let answer = subject.vmm.protect(Space::Current, place, KR);
            let call = format_args!("protect() of {place}, which is not mapped,");
            ensure_answer(answer, Err(VmmError::NotMapped), call)?;
            subject.ensure_unchanged(&[Space::Current], &before, call)?;
        }
        Ok(())
    })
}

/// Through random protections, each different from the one before.
fn change_at_random(subject: &mut Subject<'_>) -> Outcome {
    const ALL: [mm_api::Protection; 4] = [KR, KW, UR, UW];
    let place = subject.user_page(0);
    let mut now = subject.context.rng().below(4);
    let frame = subject.map_new(Space::Current, place, ALL[now as usize])?;
    for _ in 0..12 {
        now = (now + 1 + subject.context.rng().below(3)) % 4;
        change(subject, place, ALL[now as usize])?;
        subject.ensure_mapped(Space::Current, place, frame, ALL[now as usize])?;
    }
    Ok(())
}

/// An allocation of the kernel stays one, from its first page to its last, when
/// protections of its pages change.
fn keep_beginning(subject: &mut Subject<'_>) -> Outcome {
    let allocation = subject.allocate(3)?;
    for page in allocation.iter() {
        subject.protect(Space::Current, page, KR)?;
    }
    for part in [
        PageRange::new(allocation.first(), 2),
        allocation.first().checked_add(1).and_then(|first| PageRange::new(first, 2)),
    ] {
        let Some(part) = part else { continue };
        let call = format_args!("free({part}), a part of an allocation, after protect(),", part = told(&part));
        ensure_answer(subject.vmm.free(part), Err(VmmError::NotAllocated), call)?;
    }
    subject.free(allocation)
}

/// The processor's notes in an entry stay there: that the page was accessed, and written to.
fn keep_notes(subject: &mut Subject<'_>) -> Outcome {
    const NOTED: EntryFlags = EntryFlags::ACCESSED.union(EntryFlags::DIRTY);
    for place in [page(0x1800_0000), page(0xF020_0000)] {
        subject.map_new(Space::Current, place, KW)?;
        subject.write(place.start(), 1)?;
        for protection in [KR, KW] {
            subject.protect(Space::Current, place, protection)?;
            let entry = subject.machine.walk(subject.vmm.root(Space::Current), place.start()).map(|walk| walk.leaf());
            ensure!(
                entry.is_ok_and(|entry| entry.has(NOTED)),
                expected: ("the entry of {place}, which was written to, to stay accessed and dirty after protect()"),
                saw: ("{}", Noted(entry.map_or(EntryFlags::empty(), |entry| entry.flags())))
            );
        }
    }
    Ok(())
}

/// The processor's notes in an entry, in words.
struct Noted(EntryFlags);

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.0.contains(EntryFlags::ACCESSED), self.0.contains(EntryFlags::DIRTY)) {
            (true, true) => "accessed and dirty",
            (true, false) => "accessed, and not dirty",
            (false, true) => "dirty, and not accessed",
            (false, false) => "neither",
        })
    }
}

/// Changes a page's protection, and tries the page.
fn change(subject: &mut Subject<'_>, page: Page, protection: mm_api::Protection) -> Outcome {
    subject.forget_flushes();
    subject.protect(Space::Current, page, protection)?;
    subject.ensure_flushed(&[page], format_args!("protect() of {page}"))?;
    subject.ensure_rights(page, protection, "right after protect()")
}

/// A table of the user half goes when its last page goes, and not before.
pub fn empty_tables(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let directory = subject.directory()?;
        let shared = subject.frame()?;
        for space in [Space::Kernel, Space::Of(&directory)] {
            let before = subject.machine.managers_frames();
            let mut any = || subject.context.rng().below(341);
            let any = [682 + any(), any(), 341 + any()];
            for order in [[0, 1023, 512], [1023, 512, 0], [512, 0, 1023], any] {
                let places = order.map(|number| page(0x0800_0000 + number * 0x1000));
                for place in places {
                    subject.map(space, place, shared, UW)?;
                }
                for (left, place) in (0..3).rev().zip(places) {
                    ensure_tables(subject, before, 1, "before the last page of it is unmapped")?;
                    subject.unmap(space, place, shared)?;
                    ensure_tables(subject, before, u32::from(left > 0), "after unmap()")?;
                }
            }
            // A range over parts of three tables.
            let wide = range(0x083F_E000, 1028);
            subject.allocate_in(space, wide, UW)?;
            ensure_tables(subject, before, 1031, "with 1028 pages in three tables")?;
            subject.free_in(space, wide)?;
            ensure_tables(subject, before, 0, "after free_in()")?;
            // A mapped page keeps its table when the allocated ones go.
            subject.map(space, page(0x0800_5000), shared, UW)?;
            subject.allocate_in(space, range(0x0800_6000, 4), UW)?;
            subject.free_in(space, range(0x0800_6000, 4))?;
            ensure_tables(subject, before, 1, "with one page mapped")?;
            subject.unmap(space, page(0x0800_5000), shared)?;
            ensure_tables(subject, before, 0, "after unmap()")?;
        }
        // A table that was freed is not used any more.
        subject.map(Space::Current, page(0x0800_7000), shared, UW)?;
        subject.write(page(0x0800_7000).start(), 1)?;
        subject.unmap(Space::Current, page(0x0800_7000), shared)?;
        subject.ensure_faults(page(0x0800_7000), "its table having gone")?;
        subject.vmm.destroy_directory(directory);
        Ok(())
    })
}

/// Fails unless the manager has `more` frames than `before`.
fn ensure_tables(subject: &Subject<'_>, before: u32, more: u32, when: &str) -> Outcome {
    let saw = subject.machine.managers_frames() as i64 - i64::from(before);
    ensure!(
        saw == i64::from(more),
        expected: ("{more} frames for tables and pages, {when}"),
        saw: ("{saw}")
    );
    Ok(())
}
