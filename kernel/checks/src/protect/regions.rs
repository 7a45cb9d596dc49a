//! Checks of `mprotect`: the list of regions before and after, page by page.

use alloc::vec::Vec;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::rng::Rng;
use kernel_core::words::told;
use mm_api::{Page, PageRange, ProtectError, Purpose, Region, Rights, Sharing};

use super::list::{List, Numbers};

const R: Rights = Rights::READ;
const RW: Rights = Rights::READ_WRITE;
const RX: Rights = Rights::READ_EXECUTE;

/// The pages with the numbers from `first` up to `end`.
fn range(first: u32, end: u32) -> Result<PageRange, Failed> {
    match Page::new(first).and_then(|page| PageRange::new(page, end.saturating_sub(first))) {
        Some(pages) => Ok(pages),
        None => fail!(expected: ("pages below 4 GiB"), saw: ("{first:#x} to {end:#x}")),
    }
}

/// A private region.
fn region(first: u32, end: u32, rights: Rights, purpose: Purpose) -> Result<Region, Failed> {
    Ok(Region { pages: range(first, end)?, rights, purpose, sharing: Sharing::Private })
}

/// Changes rights, and notes the call if the list is wrong afterwards.
fn protect(context: &Context, list: &mut List, pages: PageRange, rights: Rights) -> Result<(), ProtectError> {
    (context.labs().protections().protect)(list.for_lab(), pages, rights)
}

/// Changes rights, which has to succeed, and compares page by page.
fn ensure_protected(context: &Context, before: &List, pages: PageRange, rights: Rights) -> Result<List, Failed> {
    let mut after = List::new(before.regions())?;
    let answer = protect(context, &mut after, pages, rights);
    let result = compare(before, &after, answer, pages, rights);
    if result.is_err() {
        context.note(format_args!("before: {before}"));
        context.note(format_args!("protect({}, {rights}) answered {answer}", Numbers(pages), answer = told(&answer)));
        context.note(format_args!("after: {after}"));
    }
    result.map(|()| after)
}

/// Fails unless a list is as it should be after a call that succeeded.
fn compare(before: &List, after: &List, answer: Result<(), ProtectError>, pages: PageRange, rights: Rights) -> Outcome {
    let (first, end) = (pages.first().number(), pages.end());
    let call = format_args!("protect({}, {rights})", Numbers(pages));
    ensure!(answer.is_ok(), expected: ("{call} to succeed"), saw: ("{}", told(&answer)));
    for number in 0..MOST {
        let old = before.at(number).map(|region| (region.rights, region.purpose, region.sharing));
        let changed = (first..end).contains(&number);
        let expected = old.map(|(old, purpose, sharing)| (if changed { rights } else { old }, purpose, sharing));
        let saw = after.at(number).map(|region| (region.rights, region.purpose, region.sharing));
        ensure!(
            saw == expected,
            expected: ("{expected} for page {number:#x} after {call}", expected = told(&expected)),
            saw: ("{}", told(&saw))
        );
    }
    for number in 1..MOST {
        let alike = match (after.at(number - 1), after.at(number)) {
            (Some(lower), Some(upper)) => lower.is_like(&upper),
            _ => continue,
        };
        if (first..=end).contains(&number) && first < end {
            ensure!(
                !(alike && after.meets_at(number)),
                expected: ("{call} to merge the regions that are alike and meet at page {number:#x}"),
                saw: ("two regions")
            );
        } else {
            let (expected, saw) = (before.meets_at(number), after.meets_at(number));
            let what = |two| if two { "two regions that meet" } else { "one region" };
            ensure!(
                saw == expected,
                expected: ("{call} to leave {} at page {number:#x}", what(expected)),
                saw: ("{}", what(saw))
            );
        }
    }
    Ok(())
}

/// The pages that are compared: those of all checks are among them.
const MOST: u32 = 0x60;

/// A change of rights that has to be refused, with nothing changed.
fn ensure_refused(context: &Context, before: &List, pages: PageRange, expected: ProtectError) -> Outcome {
    let mut after = List::new(before.regions())?;
    let answer = protect(context, &mut after, pages, R);
    let is_right = answer == Err(expected) && after == *before;
    if !is_right {
        context.note(format_args!("before: {before}"));
        context.note(format_args!("after: {after}"));
    }
    ensure!(
        answer == Err(expected),
        expected: ("protect({}, r--) to be refused: {expected}", Numbers(pages)),
        saw: ("{}", told(&answer))
    );
    ensure!(
        after == *before,
        expected: ("protect({}, r--), which was refused, to change nothing", Numbers(pages)),
        saw: ("other regions")
    );
    Ok(())
}

/// A program's regions: an image of three, a heap, a shared mapping, a guard, a stack.
fn program() -> Result<List, Failed> {
    List::new(&[
        region(0x08, 0x0C, RX, Purpose::Image)?,
        region(0x0C, 0x0E, R, Purpose::Image)?,
        region(0x0E, 0x12, RW, Purpose::Image)?,
        region(0x14, 0x20, RW, Purpose::Heap)?,
        Region { sharing: Sharing::Shared, ..region(0x28, 0x30, RW, Purpose::Mapping)? },
        region(0x30, 0x38, RW, Purpose::Mapping)?,
        region(0x3F, 0x40, Rights::NONE, Purpose::Guard)?,
        region(0x40, 0x50, RW, Purpose::Stack)?,
    ])
}

/// The rights of one or several whole regions, also without a change; and a range of no pages.
pub fn mprotect_whole(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let list = program()?;
    for (first, end) in [(0x14, 0x20), (0x0C, 0x0E), (0x28, 0x30), (0x40, 0x50), (0x08, 0x0C), (0x08, 0x12)] {
        for rights in [Rights::NONE, R, RW, RX, Rights { read: false, write: true, execute: false }] {
            ensure_protected(context, &list, range(first, end)?, rights)?;
        }
    }
    for first in [0, 0x08, 0x0C, 0x0A, 0x12, 0x13, 0x3F, 0x50, 0xB_FFFF] {
        let after = ensure_protected(context, &list, range(first, first)?, R)?;
        ensure!(
            after == list,
            expected: ("protect() of no page at {first:#x} to change nothing"),
            saw: ("{after}")
        );
    }
    Ok(())
}

/// A part of a region is cut off: its beginning, its end, its middle, or parts
/// of several regions.
pub fn mprotect_cuts(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let list = program()?;
    for (first, end) in [
        (0x14, 0x15),
        (0x1F, 0x20),
        (0x18, 0x1A),
        (0x19, 0x1A),
        (0x15, 0x1F),
        (0x2A, 0x2B),
        (0x28, 0x2C),
        (0x41, 0x4F),
        (0x4F, 0x50),
        (0x0A, 0x0D),
        (0x09, 0x11),
        (0x08, 0x0F),
        (0x0B, 0x12),
        (0x2F, 0x31),
    ] {
        for rights in [Rights::NONE, R, RX] {
            ensure_protected(context, &list, range(first, end)?, rights)?;
        }
    }
    many(context)?;
    large(context)
}

/// A large region is cut to many, page by page, and becomes one again.
fn many(context: &Context) -> Outcome {
    const FIRST: u32 = 0x4_0000;
    const CUTS: u32 = 300;
    let end = FIRST + 2 * CUTS + 1;
    let large = region(FIRST, end, RW, Purpose::Mapping)?;
    let mut list = List::new(&[large])?;
    for page in (FIRST + 1..end).step_by(2) {
        list = List::new(list.regions())?;
        let answer = protect(context, &mut list, range(page, page + 1)?, R);
        ensure!(answer.is_ok(), expected: ("protect({page:#x}, r--) to go well"), saw: ("{}", told(&answer)));
    }
    let pieces: Result<Vec<Region>, Failed> = (FIRST..end)
        .zip([RW, R].into_iter().cycle())
        .map(|(page, rights)| region(page, page + 1, rights, Purpose::Mapping))
        .collect();
    ensure!(
        list == List::new(&pieces?)?,
        expected: ("a region for each of {} pages, after every other one has become r--", end - FIRST),
        saw: ("{} regions, or others", list.regions().len())
    );
    // The last of many: its neighbours have become like it.
    let mut merged = list.regions()[..list.regions().len() - 3].to_vec();
    merged.push(region(end - 3, end, RW, Purpose::Mapping)?);
    let answer = protect(context, &mut list, range(end - 2, end - 1)?, RW);
    ensure!(
        answer.is_ok() && list == List::new(&merged)?,
        expected: ("protect({:#x}, rw-) to merge the last three of many regions", end - 2),
        saw: ("{answer}, and {} regions", list.regions().len(), answer = told(&answer))
    );
    let whole = range(FIRST, end)?;
    let answer = protect(context, &mut list, whole, RX);
    ensure!(answer.is_ok(), expected: ("protect({}, r-x) to go well", Numbers(whole)), saw: ("{}", told(&answer)));
    ensure!(
        list == List::new(&[Region { rights: RX, ..large }])?,
        expected: ("one region that is r-x, after protect({}, r-x)", Numbers(whole)),
        saw: ("{} regions, or other rights", list.regions().len())
    );
    Ok(())
}

/// Ranges of more pages than 12 bits count, and than 16 bits count.
fn large(context: &Context) -> Outcome {
    const FIRST: u32 = 0x4_0000;
    const END: u32 = 0x7_0000;
    let whole = region(FIRST, END, RW, Purpose::Mapping)?;
    for (first, end) in [(FIRST + 1, FIRST + 0x1002), (FIRST + 7, FIRST + 0x1_0009), (FIRST, END - 1), (FIRST, END)] {
        let mut list = List::new(&[whole])?;
        let pages = range(first, end)?;
        let answer = protect(context, &mut list, pages, R);
        let mut expected = Vec::new();
        for (first, end, rights) in [(FIRST, first, RW), (first, end, R), (end, END, RW)] {
            if first < end {
                expected.push(region(first, end, rights, Purpose::Mapping)?);
            }
        }
        ensure!(
            answer.is_ok() && list == List::new(&expected)?,
            expected: ("r-- for {}, {} pages of a region of {}, and for no other", Numbers(pages), pages.len(), END - FIRST),
            saw: ("{}, and {list}", told(&answer))
        );
    }
    Ok(())
}

/// Regions that have become alike and meet are merged; regions that are not alike, do not meet, or
/// lie elsewhere are not.
pub fn mprotect_merges(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let list = program()?;
    // There and back: afterwards the list is as before.
    for (first, end) in [(0x18, 0x1A), (0x14, 0x16), (0x1E, 0x20), (0x30, 0x32), (0x41, 0x42)] {
        let pages = range(first, end)?;
        let cut = ensure_protected(context, &list, pages, R)?;
        let back = ensure_protected(context, &cut, pages, RW)?;
        ensure!(
            back == list,
            expected: ("protect({}, rw-) after protect({0}, r--) to give back {list}", Numbers(pages)),
            saw: ("{back}")
        );
    }
    // Neighbours below, above, on both sides.
    for (first, end, rights) in
        [(0x0C, 0x0E, RX), (0x0C, 0x0E, RW), (0x08, 0x0C, RW), (0x0D, 0x0E, RW), (0x0C, 0x0D, RX)]
    {
        ensure_protected(context, &list, range(first, end)?, rights)?;
    }
    let alternating = [R, RW, R, RW, R].into_iter().zip((0x10..).step_by(2));
    let regions: Result<Vec<Region>, Failed> =
        alternating.map(|(rights, first)| region(first, first + 2, rights, Purpose::Mapping)).collect();
    let list = List::new(&regions?)?;
    for (first, end, rights) in [(0x12, 0x14, R), (0x12, 0x18, R), (0x10, 0x1A, RW), (0x11, 0x19, RW), (0x13, 0x17, R)]
    {
        ensure_protected(context, &list, range(first, end)?, rights)?;
    }
    elsewhere(context)
}

/// Regions that are alike and meet, but not among the pages or at their ends, and regions that are
/// alike but do not meet.
fn elsewhere(context: &Context) -> Outcome {
    let heap = |first, end| region(first, end, RW, Purpose::Heap);
    let list =
        List::new(&[heap(0x10, 0x12)?, heap(0x12, 0x14)?, heap(0x14, 0x20)?, heap(0x20, 0x22)?, heap(0x24, 0x28)?])?;
    for (first, end, rights) in
        [(0x16, 0x18, R), (0x18, 0x1F, RW), (0x24, 0x28, R), (0x24, 0x28, RW), (0x25, 0x26, RX), (0x20, 0x22, RW)]
    {
        ensure_protected(context, &list, range(first, end)?, rights)?;
    }
    Ok(())
}

/// A page in no region, or in a guard, is refused, and nothing changes: the first such page decides.
pub fn mprotect_refused(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let list = program()?;
    for (first, end, expected) in [
        (0x00, 0x01, ProtectError::NotMapped),
        (0x07, 0x09, ProtectError::NotMapped),
        (0x10, 0x13, ProtectError::NotMapped),
        (0x11, 0x15, ProtectError::NotMapped),
        (0x1F, 0x21, ProtectError::NotMapped),
        (0x12, 0x14, ProtectError::NotMapped),
        (0x14, 0x30, ProtectError::NotMapped),
        (0x4F, 0x51, ProtectError::NotMapped),
        (0x50, 0x51, ProtectError::NotMapped),
        (0xB_FFFF, 0xC_0000, ProtectError::NotMapped),
        (0x4F, 0xC_0010, ProtectError::NotMapped),
        (0xC_0000, 0x10_0000, ProtectError::NotMapped),
        (0x3F, 0x40, ProtectError::Guard),
        (0x3F, 0x44, ProtectError::Guard),
        (0x3F, 0x60, ProtectError::Guard),
        (0x36, 0x44, ProtectError::NotMapped),
        (0x00, 0x60, ProtectError::NotMapped),
    ] {
        ensure_refused(context, &list, range(first, end)?, expected)?;
    }
    let touching = List::new(&[
        region(0x10, 0x18, RW, Purpose::Mapping)?,
        region(0x18, 0x19, RW, Purpose::Guard)?,
        region(0x19, 0x20, RW, Purpose::Stack)?,
    ])?;
    for (first, end) in [(0x10, 0x19), (0x17, 0x20), (0x18, 0x1A), (0x17, 0x40)] {
        ensure_refused(context, &touching, range(first, end)?, ProtectError::Guard)?;
    }
    // A guard is never merged with its neighbours.
    ensure_protected(context, &touching, range(0x10, 0x18)?, R)?;
    ensure_protected(context, &touching, range(0x19, 0x20)?, R)?;
    ensure_refused(context, &List::new(&[])?, range(0x10, 0x11)?, ProtectError::NotMapped)
}

/// Many changes, one after the other, anywhere.
pub fn mprotect_mix(context: &mut Context) -> Outcome {
    context.start_memory()?;
    let mut list = program()?;
    let mut rng = Rng::new(context.seed());
    for _ in 0..600 {
        let first = rng.below(0x52);
        let pages = range(first, first + rng.below(0x12))?;
        let bits = rng.below(8);
        let rights = Rights { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 };
        match first_obstacle(&list, pages) {
            Some(error) => ensure_refused(context, &list, pages, error)?,
            None => list = ensure_protected(context, &list, pages, rights)?,
        }
    }
    Ok(())
}

/// Why the rights of these pages cannot be changed: the reason of the first such page.
fn first_obstacle(list: &List, pages: PageRange) -> Option<ProtectError> {
    (pages.first().number()..pages.end()).find_map(|number| match list.at(number) {
        None => Some(ProtectError::NotMapped),
        Some(region) if region.purpose == Purpose::Guard => Some(ProtectError::Guard),
        Some(_) => None,
    })
}
