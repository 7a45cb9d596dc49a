//! The contracts of lab 05, rule by rule, on fake pages.
//!
//! `cargo test -p stack` tests your files, `cargo test -p stack --features
//! stack/solution` the reference.

mod common;

use common::*;
use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START, PAGE_SIZE, USER_STACK_GUARD, USER_STACK_START};
use mm_api::{
    ARGUMENTS_MAX, Arguments, Auxiliary, KERNEL_STACK_PAGES, KernelStack, KernelStacks, PageRange, Pages, STACK_ALIGN,
    StackError, UserStack,
};
use mm_host::FakePages;
use stack::{ProcessStack, StackArea};

const AUXV: &[Auxiliary] =
    &[Auxiliary { kind: Auxiliary::PAGE_SIZE_KIND, value: PAGE_SIZE }, Auxiliary { kind: 9, value: 0x0804_8000 }];

const USUAL: Arguments<'_> =
    Arguments { argv: &[b"cat", b"-n", b"file"], envp: &[b"PATH=/bin", b"HOME=/"], auxv: AUXV };

// --- A process's stack.

#[test]
fn a_new_stack_is_the_topmost_page() {
    let (pages, stack) = with_stack();
    assert_pages(&pages, &stack, 1);
}

#[test]
fn pages_are_zero_when_they_come() {
    for _ in 0..2 {
        let (mut pages, mut stack) = with_stack();
        assert_eq!(pages.bytes(stack.bottom(), PAGE_SIZE), [0; PAGE_SIZE as usize]);
        stack.grow(&mut pages, address(END - 3 * PAGE_SIZE)).unwrap();
        stack.grow(&mut pages, USER_STACK_START).unwrap();
        for page in REGION.iter() {
            assert_eq!(pages.bytes(page.start(), PAGE_SIZE), [0; PAGE_SIZE as usize], "{page}");
        }
        scribble(&mut pages, 0xEE);
        stack.destroy(&mut pages);
        assert_eq!(pages.mapped(), []);
    }
}

#[test]
fn a_destroyed_stack_leaves_the_rest_of_the_process_alone() {
    for size in [1, 2, 16] {
        let (mut pages, stack) = with_stack_of(size);
        let others = [page(0x0804_8000), page(USER_STACK_GUARD.as_u32() - PAGE_SIZE)];
        for other in others {
            pages.map(other).unwrap();
        }
        stack.destroy(&mut pages);
        assert_eq!(pages.mapped(), others);
    }
}

#[test]
fn a_stack_grows_to_the_page_of_the_address() {
    for offset in [0, 1, 2048, 4095] {
        let (mut pages, mut stack) = with_stack();
        stack.grow(&mut pages, address(END - 2 * PAGE_SIZE + offset)).unwrap();
        assert_pages(&pages, &stack, 2);
    }
}

#[test]
fn every_page_on_the_way_is_mapped() {
    for (first, second) in [(2, 5), (7, 16), (15, 16), (3, 4)] {
        let (mut pages, mut stack) = with_stack_of(first);
        assert_pages(&pages, &stack, first);
        stack.grow(&mut pages, address(END - second * PAGE_SIZE + 77)).unwrap();
        assert_pages(&pages, &stack, second);
    }
}

#[test]
fn what_is_on_the_stack_stays_when_it_grows() {
    let (mut pages, mut stack) = with_stack();
    scribble(&mut pages, 0x77);
    stack.grow(&mut pages, USER_STACK_START).unwrap();
    assert_eq!(pages.bytes(address(END - PAGE_SIZE), PAGE_SIZE), [0x77; PAGE_SIZE as usize]);
}

#[test]
fn a_stack_grows_in_its_region_only() {
    for size in [1, 4, 16] {
        let (mut pages, mut stack) = with_stack_of(size);
        for outside in
            [END, END + 1, u32::MAX, 0, 0x0804_8000, USER_STACK_START.as_u32() - 1, USER_STACK_GUARD.as_u32()]
        {
            assert_eq!(stack.grow(&mut pages, address(outside)), Err(StackError::Outside), "{outside:#x}");
        }
        for inside in [END - 1, END - size * PAGE_SIZE] {
            assert_eq!(stack.grow(&mut pages, address(inside)), Err(StackError::AlreadyMapped), "{inside:#x}");
        }
        assert_pages(&pages, &stack, size);
    }
}

#[test]
fn the_region_can_be_filled() {
    let (pages, stack) = with_stack_of(REGION.len());
    assert_pages(&pages, &stack, 16);
    assert!(!pages.is_mapped(page(USER_STACK_GUARD.as_u32())));
}

// --- The arguments.

fn assert_set_up(size: u32, arguments: &Arguments<'_>) {
    let (mut pages, mut stack) = with_stack_of(size);
    scribble(&mut pages, 0xFF);
    let pointer = stack.set_up(&mut pages, arguments).unwrap();
    let now = count(&pages, &stack);
    assert!(now >= size, "{now} pages, before it {size}");
    assert!(stack.bottom() <= pointer);
    assert!(pointer.as_u32().is_multiple_of(STACK_ALIGN), "{pointer}");
    assert_eq!(read(&pages, pointer), Found::expected(arguments));
}

#[test]
fn a_program_finds_its_arguments() {
    assert_set_up(1, &USUAL);
    assert_set_up(5, &USUAL);
    assert_set_up(16, &USUAL);
}

#[test]
fn lists_and_strings_may_be_empty() {
    for argv in [&[][..], &[&b""[..]], &[b"a", b"", b"b"]] {
        for envp in [&[][..], &[&b""[..]], &[b"A=", b""]] {
            for auxv in [&[][..], AUXV] {
                assert_set_up(1, &Arguments { argv, envp, auxv });
            }
        }
    }
}

#[test]
fn the_stack_pointer_is_aligned() {
    for len in 0..40 {
        let text = vec![b'a'; len];
        for count in 0..6 {
            let argv = vec![&text[..]; count];
            assert_set_up(1, &Arguments { argv: &argv, envp: &[b"A=1"], auxv: AUXV });
            assert_set_up(1, &Arguments { argv: &[&text], envp: &argv, auxv: &AUXV[..1] });
        }
    }
}

#[test]
fn strings_are_whole_over_the_boundary_of_pages() {
    let text: Vec<u8> = (1..=255).cycle().take(10_000).collect();
    for len in [4000, 4094, 4095, 4096, 4097, 8192, 10_000] {
        assert_set_up(1, &Arguments { argv: &[b"x", &text[..len], b"y"], envp: &[&text[..5]], auxv: AUXV });
        assert_set_up(9, &Arguments { argv: &[b"x"], envp: &[&text[..5], &text[..len]], auxv: AUXV });
    }
}

#[test]
fn the_stack_grows_for_many_arguments() {
    let strings: Vec<Vec<u8>> = (0..1000).map(|number| format!("{number:07}").into_bytes()).collect();
    let strings: Vec<&[u8]> = strings.iter().map(|string| &string[..]).collect();
    for count in [200, 500, 1000] {
        assert_set_up(1, &Arguments { argv: &strings[..count], envp: &strings[..count], auxv: AUXV });
    }
}

#[test]
fn as_much_as_is_promised_fits() {
    let base = least(&Arguments { argv: &[b""], envp: &[], auxv: AUXV });
    let text = vec![b'x'; (u64::from(ARGUMENTS_MAX) - 64 - base) as usize];
    for less in 0..16 {
        assert_set_up(1, &Arguments { argv: &[&text[less..]], envp: &[], auxv: AUXV });
    }
}

fn assert_too_many(arguments: &Arguments<'_>) {
    for size in [1, 16] {
        for frames in [None, Some(0)] {
            let (mut pages, mut stack) = with_stack_of(size);
            scribble(&mut pages, 0x44);
            pages.set_free_frames(frames);
            let before = pages.contents();
            assert_eq!(stack.set_up(&mut pages, arguments), Err(StackError::TooManyArguments));
            assert_eq!(pages.contents(), before);
            assert_pages(&pages, &stack, size);
        }
    }
}

#[test]
fn what_can_not_fit_is_refused() {
    let base = least(&Arguments { argv: &[b""], envp: &[], auxv: AUXV });
    let text = vec![b'x'; (u64::from(ARGUMENTS_MAX) + 1 - base) as usize];
    assert_too_many(&Arguments { argv: &[&text], envp: &[], auxv: AUXV });
    assert_too_many(&Arguments { argv: &[], envp: &[&text], auxv: AUXV });
    assert_too_many(&Arguments { argv: &[&text[4..], b""], envp: &[], auxv: AUXV });
    assert_too_many(&Arguments { argv: &[], envp: &[], auxv: &[AUXV[0]; 4100] });
    assert_too_many(&Arguments { argv: &[&b""[..]; 6600], envp: &[], auxv: &[] });
}

#[test]
fn no_sum_wraps() {
    // Strings of 4 GiB together, whose sum is 0 in 32 bits. The vectors would fit.
    let text = vec![b'x'; 0xF_FFFF];
    let strings = vec![&text[..]; 0x1000];
    assert_too_many(&Arguments { argv: &strings, envp: &[], auxv: AUXV });
    assert_too_many(&Arguments { argv: &strings[..0x800], envp: &strings[..0x800], auxv: AUXV });
}

// --- Copying.

#[test]
fn a_copy_has_the_same_bytes_and_memory_of_its_own() {
    for size in [1, 2, 7, 16] {
        let (mut pages, stack) = with_stack_of(size);
        for (byte, page) in (1..).zip(pages.mapped()) {
            pages.write(page.start(), &[byte; PAGE_SIZE as usize]);
            pages.write(page.start(), b"first");
        }
        let before = pages.contents();
        let mut other = process();
        let copy = stack.fork(&pages, &mut other).unwrap();
        assert_pages(&other, &copy, size);
        assert_eq!(other.contents(), before);
        assert_eq!(pages.contents(), before);
        scribble(&mut other, 0);
        assert_eq!(pages.contents(), before);
        copy.destroy(&mut other);
        assert_eq!(other.mapped(), []);
        assert_pages(&pages, &stack, size);
    }
}

#[test]
fn a_copy_grows_on_its_own() {
    let (pages, stack) = with_stack_of(3);
    let mut other = process();
    let mut copy = stack.fork(&pages, &mut other).unwrap();
    copy.grow(&mut other, USER_STACK_START).unwrap();
    assert_pages(&other, &copy, 16);
    assert_pages(&pages, &stack, 3);
}

// --- Missing frames and mapped pages.

#[test]
fn no_stack_is_made_of_nothing() {
    let mut pages = process();
    pages.set_free_frames(Some(0));
    assert_eq!(ProcessStack::create(&mut pages).err(), Some(StackError::OutOfFrames));
    let mut pages = process();
    pages.occupy(page(END - 1));
    assert_eq!(ProcessStack::create(&mut pages).err(), Some(StackError::Occupied));
    assert_eq!(pages.mapped(), []);
}

/// Makes a call that needs more pages than can be had, and fails if it
/// changes anything; once for each way in which they cannot be had.
fn assert_undone(
    size: u32,
    needed: u32,
    mut work: impl FnMut(&mut FakePages, &mut ProcessStack) -> Result<(), StackError>,
) {
    for short in 0..needed {
        for expected in [StackError::OutOfFrames, StackError::Occupied] {
            let (mut pages, mut stack) = with_stack_of(size);
            scribble(&mut pages, 0x21);
            if expected == StackError::OutOfFrames {
                pages.set_free_frames(Some(short));
            } else {
                pages.occupy(page(END - (size + short + 1) * PAGE_SIZE));
            }
            let before = pages.contents();
            assert_eq!(work(&mut pages, &mut stack), Err(expected), "{short} of {needed} pages");
            assert_eq!(pages.contents(), before);
            assert_pages_in(&pages, &stack, size);
        }
    }
}

fn assert_pages_in(pages: &FakePages, stack: &ProcessStack, size: u32) {
    assert_eq!(pages.mapped(), topmost(size));
    assert_eq!(stack.bottom(), address(END - size * PAGE_SIZE));
}

#[test]
fn growth_is_undone() {
    for (size, target) in [(1, 2), (1, 6), (4, 16), (15, 16)] {
        assert_undone(size, target - size, |pages, stack| stack.grow(pages, address(END - target * PAGE_SIZE)));
    }
}

#[test]
fn setting_up_is_undone() {
    let text = [b'x'; 5 * PAGE_SIZE as usize];
    let arguments = Arguments { argv: &[&text], envp: &[b"A"], auxv: AUXV };
    assert_undone(1, 5, |pages, stack| stack.set_up(pages, &arguments).map(|_| ()));
    assert_undone(4, 2, |pages, stack| stack.set_up(pages, &arguments).map(|_| ()));
}

#[test]
fn copying_is_undone() {
    let (pages, stack) = with_stack_of(6);
    for short in 0..6 {
        let mut other = process();
        other.set_free_frames(Some(short));
        assert_eq!(stack.fork(&pages, &mut other).err(), Some(StackError::OutOfFrames));
        assert_eq!(other.mapped(), []);

        let mut other = process();
        other.occupy(page(END - (short + 1) * PAGE_SIZE));
        let before = other.contents();
        assert_eq!(stack.fork(&pages, &mut other).err(), Some(StackError::Occupied));
        assert_eq!(other.contents(), before);
    }
    assert_pages(&pages, &stack, 6);
}

// --- The kernel's stacks.

const PLACE: u32 = KERNEL_STACK_PAGES + 1;

fn area(pages: u32) -> PageRange {
    PageRange::new(page(KERNEL_STACKS_START.as_u32() + 0x3000), pages).unwrap()
}

/// Fails unless the stacks lie where they may, and no other page is mapped.
fn assert_apart(pages: &FakePages, area: PageRange, stacks: &[KernelStack]) {
    let mut expected = Vec::new();
    for stack in stacks {
        let guard = stack.guard().unwrap();
        assert_eq!(stack.pages().len(), KERNEL_STACK_PAGES);
        assert!(area.contains_range(stack.pages()) && area.contains(guard), "{stack:?} in {area:?}");
        assert!(!pages.is_mapped(guard), "the guard of {stack:?}");
        expected.extend(stack.pages().iter());
    }
    expected.sort();
    assert_eq!(pages.mapped(), expected);
}

fn fill(pages: &mut FakePages, stacks: &mut StackArea, count: u32) -> Vec<KernelStack> {
    (0..count).map(|_| stacks.create(pages).unwrap()).collect()
}

#[test]
fn the_area_has_room_for_so_many_kernel_stacks() {
    for count in [0, 1, 2, 31, 32, 33, 64, 100] {
        for rest in 0..PLACE {
            let area = area(count * PLACE + rest);
            let mut pages = FakePages::new(area);
            let mut stacks = StackArea::new(area);
            let all = fill(&mut pages, &mut stacks, count);
            assert_apart(&pages, area, &all);
            let before = pages.contents();
            assert_eq!(stacks.create(&mut pages), Err(StackError::NoRoom), "{count} in {area:?}");
            assert_eq!(pages.contents(), before);
            for stack in all {
                stacks.destroy(&mut pages, stack);
            }
            assert_eq!(pages.mapped(), []);
        }
    }
}

#[test]
fn the_largest_area_is_used_to_the_end() {
    let area = PageRange::between(KERNEL_STACKS_START, KERNEL_STACKS_END);
    let mut pages = FakePages::new(area);
    let mut stacks = StackArea::new(area);
    let all = fill(&mut pages, &mut stacks, area.len() / PLACE);
    assert_apart(&pages, area, &all);
    assert_eq!(stacks.create(&mut pages), Err(StackError::NoRoom));
    for stack in all {
        stacks.destroy(&mut pages, stack);
    }
    assert_eq!(pages.mapped(), []);
}

#[test]
fn a_kernel_stack_is_zero_also_in_a_place_that_was_used() {
    let area = area(2 * PLACE);
    let mut pages = FakePages::new(area);
    let mut stacks = StackArea::new(area);
    for _ in 0..3 {
        let all = fill(&mut pages, &mut stacks, 2);
        for page in all.iter().flat_map(|stack| stack.pages().iter()) {
            assert_eq!(pages.bytes(page.start(), PAGE_SIZE), [0; PAGE_SIZE as usize], "{page}");
        }
        scribble(&mut pages, 0xCC);
        for stack in all {
            stacks.destroy(&mut pages, stack);
        }
    }
}

#[test]
fn a_place_is_used_again() {
    let area = area(40 * PLACE);
    let mut pages = FakePages::new(area);
    let mut stacks = StackArea::new(area);
    let mut all = fill(&mut pages, &mut stacks, 40);
    for index in [0, 39, 17, 31, 31, 32, 5, 0, 0] {
        let stack = all.remove(index);
        stacks.destroy(&mut pages, stack);
        assert_apart(&pages, area, &all);
        all.push(stacks.create(&mut pages).unwrap());
        assert_apart(&pages, area, &all);
        assert_eq!(stacks.create(&mut pages), Err(StackError::NoRoom));
    }
}

#[test]
fn a_kernel_stack_that_could_not_be_made_takes_no_place() {
    let area = area(2 * PLACE);
    let mut pages = FakePages::new(area);
    let mut stacks = StackArea::new(area);
    let first = stacks.create(&mut pages).unwrap();
    for short in 0..KERNEL_STACK_PAGES {
        for _ in 0..3 {
            pages.set_free_frames(Some(short));
            let before = pages.contents();
            assert_eq!(stacks.create(&mut pages), Err(StackError::OutOfFrames));
            assert_eq!(pages.contents(), before);
        }
    }
    pages.set_free_frames(None);
    let second = stacks.create(&mut pages).unwrap();
    assert_apart(&pages, area, &[first, second]);
}
