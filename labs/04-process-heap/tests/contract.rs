//! The contract of [`ProcessHeap`], rule by rule.

mod common;

use common::*;
use mm_api::layout::{PAGE_SIZE, USER_STACK_GUARD};
use mm_api::{BreakError, Page, PageRange, ProcessHeap};
use mm_host::FakePages;
use process_heap::Heap;

/// Sizes at and near the boundaries of pages.
const SIZES: [u32; 14] = [0, 1, 2, 2000, 4095, 4096, 4097, 8191, 8192, 8193, 12_287, 12_288, 12_289, 30_000];

#[test]
fn the_heap_starts_past_the_image_and_not_below_its_place() {
    for (image_end, start) in [
        (0x0804_D123, START),
        (START - 1, START),
        (START, START),
        (START + 1, START + PAGE_SIZE),
        (START + PAGE_SIZE, START + PAGE_SIZE),
        (START + PAGE_SIZE + 1, START + 2 * PAGE_SIZE),
        (0xA123_4567, 0xA123_5000),
        (LIMIT - 1, LIMIT),
        (LIMIT, LIMIT),
    ] {
        let heap = Heap::new(addr(image_end), USER_STACK_GUARD).unwrap();
        assert_eq!((heap.start(), heap.current()), (addr(start), addr(start)), "of an image up to {image_end:#x}");
    }
}

#[test]
fn a_heap_without_room_is_refused() {
    for (image_end, limit) in
        [(LIMIT + 1, LIMIT), (0x0804_8000, START - PAGE_SIZE), (0xFFFF_F001, 0xFFFF_F000), (0xFFFF_FFFF, LIMIT)]
    {
        let answer = Heap::new(addr(image_end), addr(limit)).map(|heap| heap.start());
        assert_eq!(answer, Err(BreakError::PastLimit), "new({image_end:#x}, {limit:#x})");
    }
    let last = Heap::new(addr(0xFFFF_F000), addr(0xFFFF_F000)).unwrap();
    assert_eq!(last.start(), addr(0xFFFF_F000));
}

#[test]
fn exactly_the_pages_with_a_byte_of_the_heap_are_mapped() {
    for from in SIZES {
        for to in SIZES {
            let mut process = Process::usual();
            process.resize(from);
            process.assert_pages();
            let before = process.pages.mapped();
            process.pages.take_calls();
            process.resize(to);
            process.assert_pages();
            // No page is mapped and unmapped again.
            let after = process.pages.mapped();
            let without = |pages: &[Page], others: &[Page]| -> Vec<Page> {
                pages.iter().filter(|page| !others.contains(page)).copied().collect()
            };
            let calls = mapped_and_unmapped(&process.pages.take_calls());
            assert_eq!(calls, (without(&after, &before), without(&before, &after)), "from {from} bytes to {to}");
        }
    }
}

#[test]
fn sbrk_returns_the_old_break() {
    let mut process = Process::usual();
    let mut expected = START;
    for increment in [0, 1, 5000, 0, -1, 4096, -4096, -5000, 0, i32::from(i16::MAX), 0] {
        assert_eq!(process.sbrk(increment), Ok(expected), "sbrk({increment})");
        expected = expected.wrapping_add_signed(increment);
        assert_eq!(process.end(), expected, "the break after sbrk({increment})");
        process.assert_pages();
    }
}

#[test]
fn bytes_below_the_break_stay() {
    let mut process = Process::usual();
    for bytes in [10, 5000, 8192, 8193, 40_000, 20_000, 12_288, 12_289, 4096, 4095, 9000, 1, 7000] {
        let kept = process.size().min(bytes);
        process.resize(bytes);
        process.assert_pattern(START..START + kept, 0x40);
        process.fill(START + kept..START + bytes, 0x40);
    }
}

#[test]
fn new_pages_are_zero_to_their_ends() {
    let mut process = Process::usual();
    for bytes in [1, 4096, 4097, 9000, 40_000] {
        let old = process.end();
        process.resize(bytes);
        process.assert_zero(old..process.end());
        process.assert_zero(process.spare());
    }
}

#[test]
fn bytes_that_come_back_are_zero() {
    for small in SIZES {
        for large in SIZES.into_iter().filter(|large| *large > small) {
            let mut process = Process::usual();
            process.resize(30_000);
            process.fill_heap(0x40);
            process.resize(small);
            process.resize(large);
            process.assert_pattern(START..START + small, 0x40);
            process.assert_zero(START + small..START + large);
        }
    }
}

#[test]
fn bytes_written_past_the_break_are_zero_when_they_become_the_heap_s() {
    for small in SIZES {
        for large in SIZES.into_iter().filter(|large| *large > small) {
            let mut process = Process::usual();
            process.resize(small);
            process.fill_heap(0x40);
            process.fill(process.spare(), 0x20);
            process.resize(large);
            process.assert_pattern(START..START + small, 0x40);
            process.assert_zero(START + small..START + large);
        }
    }
}

#[test]
fn the_break_stays_between_start_and_limit() {
    let mut process = Process::with_room(3);
    let start = process.start();
    for bytes in [0, 1, 4096, 3 * PAGE_SIZE - 1, 3 * PAGE_SIZE] {
        process.resize(bytes);
        process.fill_heap(0x40);
        process.fill(process.spare(), 0x20);
        for address in [start - 1, start - PAGE_SIZE, 0x0804_8000, 0] {
            process.assert_refused(BreakError::BelowStart, &format!("brk({address:#x})"), |p| p.brk(address));
        }
        for address in [LIMIT + 1, LIMIT + PAGE_SIZE, 0xC000_0000, u32::MAX] {
            process.assert_refused(BreakError::PastLimit, &format!("brk({address:#x})"), |p| p.brk(address));
        }
        let (down, up) = (-bytes.cast_signed(), (3 * PAGE_SIZE - bytes).cast_signed());
        for increment in [down - 1, down - 4096, i32::MIN] {
            process.assert_refused(BreakError::BelowStart, &format!("sbrk({increment})"), |p| p.sbrk(increment));
        }
        for increment in [up + 1, up + 4096, 0x4000_0000] {
            process.assert_refused(BreakError::PastLimit, &format!("sbrk({increment})"), |p| p.sbrk(increment));
        }
    }
    process.resize(0);
    process.resize(3 * PAGE_SIZE);
}

#[test]
fn a_sum_that_wraps_is_told_from_one_that_is_too_high_or_too_low() {
    let mut process = Process::with_room(3);
    process.resize(100);
    let far = process.end().wrapping_neg().cast_signed();
    for (increment, expected) in [
        (far - 1, BreakError::PastLimit),
        (far, BreakError::Wraps),
        (far + 1, BreakError::Wraps),
        (i32::MAX, BreakError::Wraps),
        (i32::MIN, BreakError::BelowStart),
    ] {
        process.assert_refused(expected, &format!("sbrk({increment})"), |p| p.sbrk(increment));
    }
    let mut process = Process::usual();
    process.resize(100);
    let down = -process.end().cast_signed();
    for (increment, expected) in [
        (down, BreakError::BelowStart),
        (down - 1, BreakError::Wraps),
        (i32::MIN + 1, BreakError::Wraps),
        (i32::MIN, BreakError::Wraps),
    ] {
        process.assert_refused(expected, &format!("sbrk({increment})"), |p| p.sbrk(increment));
    }
}

#[test]
fn growth_stops_at_what_somebody_else_has_mapped() {
    for (bytes, occupied) in [(0, 0), (0, 3), (100, 1), (5000, 4), (8192, 2)] {
        let mut process = Process::usual();
        process.resize(bytes);
        process.fill_heap(0x40);
        process.fill(process.spare(), 0x20);
        let place = START + occupied * PAGE_SIZE;
        process.pages.occupy(Page::containing(addr(place)));
        for reach in [1, PAGE_SIZE, 5 * PAGE_SIZE] {
            process.assert_refused(BreakError::Occupied, "brk() over somebody's page", |p| p.brk(place + reach));
        }
        process.resize((place - START).max(bytes));
    }
}

#[test]
fn growth_is_undone_where_the_frames_run_out() {
    for bytes in [0, 1, 5000, 8192] {
        let mut process = Process::usual();
        process.resize(bytes);
        process.fill_heap(0x40);
        process.fill(process.spare(), 0x20);
        let needed = 10 - bytes.div_ceil(PAGE_SIZE);
        for frames in 0..needed {
            process.pages.set_free_frames(Some(frames));
            process.assert_refused(BreakError::OutOfFrames, "brk() without frames", |p| p.brk(START + 10 * PAGE_SIZE));
        }
        process.pages.set_free_frames(Some(needed));
        process.resize(10 * PAGE_SIZE);
        process.assert_pattern(START..START + bytes, 0x40);
        process.assert_zero(START + bytes..process.end());
    }
}

#[test]
fn growth_within_a_page_and_shrinking_need_no_frame() {
    let mut process = Process::usual();
    process.resize(10_000);
    process.pages.set_free_frames(Some(0));
    for bytes in [10_001, 12_288, 12_287, 5000, 8192, 100, 4096, 0] {
        process.resize(bytes);
        process.assert_pages();
    }
}

#[test]
fn fork_copies_size_and_contents() {
    for bytes in SIZES {
        let mut parent = Process::usual();
        parent.resize(bytes);
        parent.fill_heap(0x40);
        let before = parent.pages.contents();
        let child = parent.fork();
        assert_eq!((child.start(), child.end()), (parent.start(), parent.end()));
        child.assert_pages();
        child.assert_pattern(START..START + bytes, 0x40);
        // The parent has not written past its break, so there is nothing to copy.
        child.assert_zero(child.spare());
        assert!(parent.pages.contents() == before, "fork() of {bytes} bytes changed the parent's pages");
    }
}

#[test]
fn both_heaps_go_their_own_ways_within_the_same_bounds() {
    let mut parent = Process::with_room(5);
    let start = parent.start();
    parent.resize(6000);
    parent.fill_heap(0x40);
    let mut child = parent.fork();
    child.fill_heap(0x20);
    child.resize(100);
    child.resize(15_000);
    parent.assert_pages();
    parent.assert_pattern(start..start + 6000, 0x40);
    parent.resize(9000);
    child.assert_pages();
    child.assert_pattern(start..start + 100, 0x20);
    child.assert_zero(start + 100..start + 15_000);
    child.assert_refused(BreakError::PastLimit, "brk(limit + 1) in a child", |p| p.brk(LIMIT + 1));
    child.assert_refused(BreakError::BelowStart, "brk(start - 1) in a child", |p| p.brk(start - 1));
    child.resize(5 * PAGE_SIZE);
}

#[test]
fn a_fork_that_fails_leaves_nothing_behind() {
    let mut parent = Process::usual();
    parent.resize(18_000);
    parent.fill_heap(0x40);
    let before = parent.pages.contents();
    let part = PageRange::between(addr(START), USER_STACK_GUARD);
    for frames in 0..5 {
        let mut pages = FakePages::new(part);
        pages.set_free_frames(Some(frames));
        let answer = parent.heap.fork(&parent.pages, &mut pages).map(|heap| heap.current());
        assert_eq!(answer, Err(BreakError::OutOfFrames), "fork() of 5 pages with {frames} frames");
        assert_eq!(pages.mapped(), [], "after fork() with {frames} frames");
    }
    for occupied in [0, 2, 4] {
        let mut pages = FakePages::new(part);
        pages.occupy(Page::containing(addr(START + occupied * PAGE_SIZE)));
        let answer = parent.heap.fork(&parent.pages, &mut pages).map(|heap| heap.current());
        assert_eq!(answer, Err(BreakError::Occupied), "fork() over somebody's page");
        assert_eq!(pages.mapped(), [], "after fork() over somebody's page");
    }
    assert!(parent.pages.contents() == before, "fork() changed the parent's pages");
    parent.resize(20_000);
}

#[test]
fn clear_empties_the_heap_and_it_can_grow_again() {
    let mut process = Process::usual();
    for bytes in SIZES {
        process.resize(bytes);
        process.fill_heap(0x40);
        process.heap.clear(&mut process.pages);
        assert_eq!(process.end(), process.start(), "the break after clear() of {bytes} bytes");
        assert_eq!(process.pages.mapped(), [], "after clear() of {bytes} bytes");
    }
    process.resize(6000);
    process.assert_zero(START..START + 6000);
}
