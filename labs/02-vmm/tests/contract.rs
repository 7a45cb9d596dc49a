//! The contract of lab 02, rule by rule, on a fake machine.
//!
//! `cargo test -p vmm` tests your file, `cargo test -p vmm --features
//! vmm/solution` the reference.

mod common;

use common::*;
use mm_api::layout::{
    KERNEL_BASE, KERNEL_HEAP_START, KERNEL_STACKS_END, KERNEL_VIRTUAL_END, KERNEL_VIRTUAL_START, SELF_MAP_START,
    TEMPORARY_START, USER_CODE_START,
};
use mm_api::{
    EntryFlags, FrameSource, Page, PageRange, Protection, Space, TABLE_ENTRIES, VirtAddr, VirtualMemory, VmmError,
};
use mm_host::{Access, FakeMachine, PageFault};

#[test]
fn the_kernel_directory_holds_the_layout() {
    let machine = FakeMachine::new();
    let manager = built(&machine);
    assert_eq!(machine.directory(), None, "new() must not load the directory");
    let root = manager.root(Space::Kernel);
    assert_eq!(manager.root(Space::Current), root, "the kernel's counts as the current one");
    for mapping in FakeMachine::mappings() {
        for (n, page) in (0..).zip(mapping.pages.iter()) {
            let found = truth(&machine, root, page.start()).unwrap_or_else(|| panic!("{page} is not mapped"));
            assert_eq!(found.address.as_u32(), (mapping.first_frame.number() + n) * 4096, "{page}");
            let protection = Protection { writable: mapping.writable, user: false };
            assert_eq!(found.protection, protection, "{page}");
        }
    }
}

#[test]
fn the_kernel_directory_holds_nothing_else() {
    let machine = FakeMachine::new();
    let manager = built(&machine);
    let root = manager.root(Space::Kernel);
    let mapped = |page: Page| truth(&machine, root, page.start()).is_some();
    let end = FakeMachine::mappings().iter().map(|mapping| mapping.pages.end()).max().unwrap();
    assert!(!PageRange::between(VirtAddr::new(0), KERNEL_BASE).iter().any(mapped), "the user half is empty");
    let after = PageRange::between(Page::new(end).unwrap().start(), TEMPORARY_START);
    assert_eq!(after.iter().find(|page| mapped(*page)), None, "after the direct map");
}

#[test]
fn the_table_for_temporary_mappings_is_named() {
    let (machine, mut manager) = booted();
    let directory = manager.create_directory().unwrap();
    let expected = FakeMachine::layout(&[]).temporary_table;
    for root in [manager.root(Space::Kernel), manager.root(Space::Of(&directory))] {
        let entry = directory_entry(&machine, root, Page::containing(TEMPORARY_START));
        assert_eq!(entry.frame(), expected);
        assert!(entry.has(EntryFlags::PRESENT | EntryFlags::WRITABLE) && !entry.has(EntryFlags::USER));
    }
    manager.destroy_directory(directory);
}

#[test]
fn making_the_kernel_directory_without_frames_gives_back_what_it_took() {
    let machine = FakeMachine::new();
    let mappings = FakeMachine::mappings();
    for frames in 0.. {
        machine.allow_frames(Some(frames));
        match vmm::Vmm::new(machine.clone(), &FakeMachine::layout(&mappings)) {
            Ok(_) => break,
            Err(error) => assert_eq!(error, VmmError::OutOfFrames),
        }
        assert_eq!(machine.allocated(), 0, "with {frames} frames");
    }
}

#[test]
fn a_mapped_page_is_its_frame() {
    let (machine, mut manager) = booted();
    for (page, protection) in [(page(0x0804_8000), UW), (page(0xF123_4000), KW), (page(0x0804_9000), KW)] {
        let frame = frame(&machine);
        assert_unmapped(&machine, page);
        assert_eq!(manager.map(Space::Current, page, frame, protection), Ok(()));
        machine.store_word(page.start(), 0x1234_5678).unwrap();
        assert_eq!(machine.physical_word(frame.start()), Some(0x1234_5678));
        let last = VirtAddr::new(page.start().as_u32() + 0xFFC);
        let translated = manager.translate(Space::Current, last).expect("it was just mapped");
        assert_eq!(translated.address.as_u32(), frame.start().as_u32() + 0xFFC);
        assert_eq!(translated.protection, protection);
    }
}

#[test]
fn one_frame_can_be_mapped_many_times() {
    let (machine, mut manager) = booted();
    let shared = frame(&machine);
    for n in 0..5 {
        manager.map(Space::Current, page(0x1000_0000 + n * 0x40_1000), shared, UW).unwrap();
    }
    machine.store_word(addr(0x1000_0000), 7).unwrap();
    assert_eq!(machine.load_word(addr(0x1000_0000 + 4 * 0x40_1000)), Ok(7));
}

#[test]
fn rights_are_those_asked_for_whatever_the_neighbours_are() {
    for order in [[KR, KW, UR, UW], [UW, UR, KW, KR], [UR, KW, KR, UW]] {
        let (machine, mut manager) = booted();
        for (n, protection) in (0..).zip(order) {
            manager.map(Space::Current, page(0x0800_0000 + n * 4096), frame(&machine), protection).unwrap();
        }
        for (n, protection) in (0..).zip(order) {
            assert_rights(&machine, page(0x0800_0000 + n * 4096), protection);
        }
    }
    let (machine, mut manager) = booted();
    for (n, protection) in (0..).zip([KR, KW]) {
        manager.map(Space::Current, page(0xF000_0000 + n * 4096), frame(&machine), protection).unwrap();
        assert_rights(&machine, page(0xF000_0000 + n * 4096), protection);
    }
}

#[test]
fn no_user_page_survives_the_loading_of_another_directory() {
    let (machine, mut manager) = booted();
    let (a, b) = (manager.create_directory().unwrap(), manager.create_directory().unwrap());
    manager.load(Space::Of(&a));
    for (n, protection) in (0..).zip([KR, KW, UR, UW]) {
        manager.map(Space::Current, page(0x0800_0000 + n * 4096), frame(&machine), protection).unwrap();
    }
    manager.allocate_in(Space::Current, page(0x0800_4000), 1, UW).unwrap();
    for n in 0..5 {
        machine.load_word(addr(0x0800_0000 + n * 4096)).unwrap();
    }
    manager.load(Space::Of(&b));
    for n in 0..5 {
        assert_unmapped(&machine, page(0x0800_0000 + n * 4096));
    }
    manager.destroy_directory(a);
    manager.destroy_directory(b);
}

#[test]
fn a_table_is_made_on_demand_and_cleared() {
    let (machine, mut manager) = booted();
    let (first, second) = (frame(&machine), frame(&machine));
    let before = machine.allocated();
    manager.map(Space::Current, page(0x0804_8000), first, UW).unwrap();
    assert_eq!(machine.allocated(), before + 1, "one table for the first page in it");
    manager.map(Space::Current, page(0x0804_9000), second, UW).unwrap();
    assert_eq!(machine.allocated(), before + 1, "no table for the second");
    for number in page(0x0800_0000).number()..page(0x0840_0000).number() {
        let page = Page::new(number).unwrap();
        if page != common::page(0x0804_8000) && page != common::page(0x0804_9000) {
            assert_unmapped(&machine, page);
        }
    }
}

#[test]
fn mapping_over_a_mapping_is_refused() {
    let (machine, mut manager) = booted();
    let (old, new) = (frame(&machine), frame(&machine));
    for (page, protection) in [(page(0x0804_8000), UR), (page(0xF000_5000), KW)] {
        manager.map(Space::Current, page, old, protection).unwrap();
        let before = snapshot(&machine, &[manager.root(Space::Current)]);
        assert_eq!(manager.map(Space::Current, page, new, KR), Err(VmmError::AlreadyMapped));
        assert_eq!(manager.map(Space::Current, page, old, protection), Err(VmmError::AlreadyMapped));
        assert_eq!(snapshot(&machine, &[manager.root(Space::Current)]), before);
    }
    // If two errors are true, the first of the list is returned.
    machine.allow_frames(Some(0));
    assert_eq!(manager.map(Space::Current, page(0x0804_8000), new, UR), Err(VmmError::AlreadyMapped));
}

#[test]
fn unmapping_returns_the_frame_and_flushes_that_page_alone() {
    let (machine, mut manager) = booted();
    for (page, protection) in [(page(0x0804_8000), UW), (page(0xF000_5000), KW)] {
        let (mine, other) = (frame(&machine), frame(&machine));
        let neighbour = page.checked_add(1).unwrap();
        manager.map(Space::Current, page, mine, protection).unwrap();
        manager.map(Space::Current, neighbour, other, protection).unwrap();
        machine.load_word(page.start()).unwrap();
        machine.take_flushes();

        let before = machine.allocated();
        assert_eq!(manager.unmap(Space::Current, page), Ok(mine));
        assert_flushed(&machine, &[page]);
        assert_unmapped(&machine, page);
        assert_eq!(manager.translate(Space::Current, page.start()), None);
        assert_eq!(machine.allocated(), before, "the frame is the caller's");
        assert!(machine.load_word(neighbour.start()).is_ok());
        assert_eq!(manager.unmap(Space::Current, page), Err(VmmError::NotMapped));
        machine.clone().free(mine);
    }
    assert_eq!(manager.unmap(Space::Current, page(0x2000_0000)), Err(VmmError::NotMapped));
    assert_eq!(manager.unmap(Space::Current, Page::NULL), Err(VmmError::NotMapped));
}

#[test]
fn a_page_can_be_mapped_again_after_it_was_unmapped() {
    let (machine, mut manager) = booted();
    let (a, b) = (frame(&machine), frame(&machine));
    for page in [page(0x0804_8000), page(0xF000_5000)] {
        manager.map(Space::Current, page, a, KW).unwrap();
        machine.store_word(page.start(), 1).unwrap();
        manager.unmap(Space::Current, page).unwrap();
        manager.map(Space::Current, page, b, KW).unwrap();
        machine.store_word(page.start(), 2).unwrap();
        assert_eq!((machine.physical_word(a.start()), machine.physical_word(b.start())), (Some(1), Some(2)));
        manager.unmap(Space::Current, page).unwrap();
    }
}

#[test]
fn a_changed_protection_takes_effect_at_once() {
    let (machine, mut manager) = booted();
    let user = page(0x0804_8000);
    manager.map(Space::Current, user, frame(&machine), UW).unwrap();
    manager.map(Space::Current, page(0x0804_9000), frame(&machine), UW).unwrap();
    assert_rights(&machine, user, UW);
    machine.take_flushes();
    for protection in [UR, KW, UW, KR, UR, UW] {
        assert_eq!(manager.protect(Space::Current, user, protection), Ok(()));
        assert_flushed(&machine, &[user]);
        assert_rights(&machine, user, protection);
        assert_eq!(manager.translate(Space::Current, user.start()).unwrap().protection, protection);
        assert_rights(&machine, page(0x0804_9000), UW);
    }
    let kernel = page(0xF000_0000);
    manager.map(Space::Current, kernel, frame(&machine), KW).unwrap();
    assert_rights(&machine, kernel, KW);
    for protection in [KR, KW] {
        manager.protect(Space::Current, kernel, protection).unwrap();
        assert_rights(&machine, kernel, protection);
    }
}

#[test]
fn a_changed_protection_keeps_the_frame_and_whose_it_is() {
    let (machine, mut manager) = booted();
    let before = machine.allocated();
    manager.allocate_in(Space::Current, page(0x0804_8000), 2, UW).unwrap();
    machine.store_word(addr(0x0804_8000), 77).unwrap();
    manager.protect(Space::Current, page(0x0804_8000), UR).unwrap();
    assert_eq!(machine.load_word(addr(0x0804_8000)), Ok(77));
    assert_eq!(manager.unmap(Space::Current, page(0x0804_8000)), Err(VmmError::Allocated));
    assert_eq!(manager.free_in(Space::Current, page(0x0804_8000), 2), Ok(()));
    assert_eq!(machine.allocated(), before);

    let allocation = manager.allocate(2).unwrap();
    manager.protect(Space::Current, allocation.first(), KR).unwrap();
    assert_eq!(manager.free(allocation), Ok(()));
    assert_eq!(manager.protect(Space::Current, allocation.first(), KR), Err(VmmError::NotMapped));
    assert_eq!(manager.protect(Space::Current, page(0x2000_0000), KR), Err(VmmError::NotMapped));
}

#[test]
fn another_directory_is_changed_without_a_flush() {
    let (machine, mut manager) = booted();
    let directory = manager.create_directory().unwrap();
    let other = || Space::Of(&directory);
    let (mine, theirs) = (frame(&machine), frame(&machine));
    let page = page(0x0804_8000);
    manager.map(Space::Current, page, mine, UW).unwrap();
    machine.store_word(page.start(), 1).unwrap();
    machine.take_flushes();

    assert_eq!(manager.map(other(), page, theirs, UR), Ok(()));
    assert_eq!(manager.translate(other(), page.start()).map(|t| t.address), Some(theirs.start()));
    assert_eq!(manager.protect(other(), page, UW), Ok(()));
    manager.allocate_in(other(), common::page(0x1000_0000), 3, UW).unwrap();
    manager.free_in(other(), common::page(0x1000_0000), 2).unwrap();
    assert_eq!(manager.unmap(other(), page), Ok(theirs));
    assert_eq!(manager.map(other(), page, theirs, UW), Ok(()));
    assert_flushed(&machine, &[]);
    assert_eq!(machine.load_word(page.start()), Ok(1), "the current directory is as it was");

    manager.load(other());
    assert_eq!(machine.directory(), Some(directory.frame()));
    assert_eq!(manager.root(Space::Current), directory.frame());
    machine.store_word(page.start(), 2).unwrap();
    assert_eq!(machine.physical_word(theirs.start()), Some(2));
    assert_eq!(machine.load_word(addr(0x1000_2000)), Ok(0));
    manager.load(Space::Kernel);
    assert_eq!(machine.load_word(page.start()), Ok(1));
    manager.destroy_directory(directory);
}

#[test]
fn the_kernel_half_is_shared_with_directories_made_earlier() {
    let (machine, mut manager) = booted();
    let (a, b) = (manager.create_directory().unwrap(), manager.create_directory().unwrap());
    let mapped = frame(&machine);
    // In every 4 MiB of the changeable kernel half, so in every table.
    let all = PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START);
    let pages: Vec<Page> = all.iter().step_by(TABLE_ENTRIES as usize).collect();
    for page in &pages {
        manager.map(Space::Current, *page, mapped, KW).unwrap();
    }
    let allocation = manager.allocate(3).unwrap();
    machine.store_word(allocation.first().start(), 42).unwrap();
    for space in [Space::Of(&a), Space::Of(&b), Space::Kernel] {
        manager.load(space);
        for page in &pages {
            assert_rights(&machine, *page, KW);
            assert_eq!(machine.load_word(page.start()).ok(), machine.physical_word(mapped.start()));
        }
        assert_eq!(machine.load_word(allocation.first().start()), Ok(42));
    }
    // Also from one directory to the others.
    manager.load(Space::Of(&a));
    assert_eq!(manager.unmap(Space::Of(&b), pages[5]), Ok(mapped));
    assert_unmapped(&machine, pages[5]);
    let late = manager.create_directory().unwrap();
    for space in [Space::Kernel, Space::Of(&b), Space::Of(&late)] {
        assert_eq!(manager.translate(space, pages[5].start()), None);
        assert!(manager.translate(space, pages[6].start()).is_some());
    }
    for directory in [a, b, late] {
        manager.destroy_directory(directory);
    }
    assert_eq!(machine.load_word(allocation.first().start()), Ok(42));
}

#[test]
fn a_change_to_the_kernel_half_is_flushed_in_every_space() {
    let (machine, mut manager) = booted();
    let directory = manager.create_directory().unwrap();
    let (page, frame) = (page(0xF000_7000), frame(&machine));
    for current in [Space::Kernel, Space::Of(&directory)] {
        for through in [Space::Kernel, Space::Of(&directory)] {
            manager.load(current);
            manager.map(through, page, frame, KW).unwrap();
            machine.store_word(page.start(), 5).unwrap();
            machine.take_flushes();
            manager.protect(through, page, KR).unwrap();
            assert_flushed(&machine, &[page]);
            assert_rights(&machine, page, KR);
            manager.unmap(through, page).unwrap();
            assert_flushed(&machine, &[page]);
            assert_unmapped(&machine, page);
        }
    }
}

#[test]
fn kernel_pages_are_allocated_writable_and_apart() {
    let (machine, mut manager) = booted();
    let area = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END);
    let taken: Vec<PageRange> = [1, 2, 7, 1, 300, 1024, 5].map(|pages| manager.allocate(pages).unwrap()).into();
    let lengths: Vec<u32> = taken.iter().map(|range| range.len()).collect();
    assert_eq!(lengths, [1, 2, 7, 1, 300, 1024, 5]);
    for (n, page) in (0..).zip(taken.iter().flat_map(|range| range.iter())) {
        assert!(area.contains(page));
        machine.store_word(page.start(), n).unwrap();
    }
    for (n, page) in (0..).zip(taken.iter().flat_map(|range| range.iter())) {
        assert_eq!(machine.load_word(page.start()), Ok(n));
        assert_rights(&machine, page, KW);
    }
}

#[test]
fn between_kernel_allocations_is_a_guard_gap() {
    let (machine, mut manager) = booted();
    let mut taken: Vec<PageRange> = (1..40).map(|n| manager.allocate(n % 5 + 1).unwrap()).collect();
    // Free every third allocation, so that gaps of several sizes have to be filled.
    for n in (0..13).rev() {
        manager.free(taken.remove(3 * n)).unwrap();
    }
    taken.extend((1..30).map(|n| manager.allocate(n % 4 + 1).unwrap()));
    for range in taken {
        let before = Page::new(range.first().number() - 1).unwrap();
        assert_unmapped(&machine, before);
        assert_unmapped(&machine, Page::new(range.end()).unwrap());
    }
}

#[test]
fn allocations_keep_clear_of_mapped_pages() {
    let (machine, mut manager) = booted();
    // All of the area except a hole of 8 pages, with a single frame.
    let (shared, hole) = (frame(&machine), range(0xF321_0000, 8));
    for page in PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END).iter() {
        if !hole.contains(page) {
            manager.map(Space::Kernel, page, shared, KR).unwrap();
        }
    }
    assert_eq!(manager.allocate(7), Err(VmmError::NoRoom));
    let found = manager.allocate(6).unwrap();
    assert_eq!(found, range(0xF321_1000, 6));
    assert_eq!(manager.allocate(1), Err(VmmError::NoRoom));
    manager.free(found).unwrap();
    assert_eq!(manager.allocate(3).map(PageRange::len), Ok(3));
}

#[test]
fn a_freed_allocation_is_unmapped_and_its_frames_return() {
    let (machine, mut manager) = booted();
    make_kernel_tables(&machine, &mut manager);
    let before = machine.allocated();
    for pages in [1, 3, 1025, 2000] {
        let range = manager.allocate(pages).unwrap();
        let taken = machine.allocated() - before;
        assert!((pages..=pages + 3).contains(&taken), "{pages} pages and their tables took {taken} frames");
        for page in range.iter() {
            machine.store_word(page.start(), 1).unwrap();
        }
        machine.take_flushes();
        manager.free(range).unwrap();
        assert_flushed(&machine, &range.iter().collect::<Vec<_>>());
        assert_eq!(machine.allocated(), before);
        for page in range.iter() {
            assert_unmapped(&machine, page);
        }
    }
}

#[test]
fn only_whole_allocations_can_be_freed() {
    let (machine, mut manager) = booted();
    let (a, b) = (manager.allocate(4).unwrap(), manager.allocate(4).unwrap());
    let mapped = page(0xF700_0000);
    manager.map(Space::Kernel, mapped, frame(&machine), KW).unwrap();
    manager.allocate_in(Space::Kernel, page(0x0804_8000), 4, UW).unwrap();
    let before = snapshot(&machine, &[manager.root(Space::Kernel)]);
    let second = a.first().checked_add(1).unwrap();
    let part = |first, len| PageRange::new(first, len).unwrap();
    let wrong = [
        part(a.first(), 3),
        part(a.first(), 5),
        part(a.first(), 0),
        part(second, 3),
        part(second, 1),
        part(Page::new(a.first().number() - 1).unwrap(), 5),
        part(a.first().min(b.first()), a.first().number().abs_diff(b.first().number()) + 4),
        part(mapped, 1),
        range(0xF6FF_0000, 1),
        range(0x0804_8000, 4),
        range(0xC000_0000, 1),
        range(0xFF80_0000, 1),
        range(0xFFFF_F000, 1),
        range(0x0000_0000, 1),
    ];
    for range in wrong {
        assert_eq!(manager.free(range), Err(VmmError::NotAllocated), "{range:?}");
    }
    assert_eq!(snapshot(&machine, &[manager.root(Space::Kernel)]), before);
    assert_eq!(manager.free(a), Ok(()));
    assert_eq!(manager.free(a), Err(VmmError::NotAllocated), "a second time");
    assert_eq!(manager.free(b), Ok(()));
}

#[test]
fn pages_of_an_allocation_cannot_be_unmapped() {
    let (machine, mut manager) = booted();
    let kernel = manager.allocate(3).unwrap();
    manager.allocate_in(Space::Current, page(0x0804_8000), 3, UW).unwrap();
    let before = snapshot(&machine, &[manager.root(Space::Current)]);
    for page in kernel.iter().chain(range(0x0804_8000, 3).iter()) {
        assert_eq!(manager.unmap(Space::Current, page), Err(VmmError::Allocated));
    }
    assert_eq!(snapshot(&machine, &[manager.root(Space::Current)]), before);
}

#[test]
fn user_memory_is_zero_and_has_its_rights() {
    let (machine, mut manager) = booted();
    let directory = manager.create_directory().unwrap();
    for (first, pages, protection) in
        [(0x0804_8000, 3, UR), (0x1000_0000, 1025, UW), (0xBFFF_F000, 1, UW), (0x1000, 1, KR)]
    {
        assert_eq!(manager.allocate_in(Space::Of(&directory), page(first), pages, protection), Ok(()));
    }
    manager.load(Space::Of(&directory));
    for (first, pages, protection) in
        [(0x0804_8000, 3, UR), (0x1000_0000, 1025, UW), (0xBFFF_F000, 1, UW), (0x1000, 1, KR)]
    {
        for page in range(first, pages).iter() {
            assert_rights(&machine, page, protection);
            for offset in (0..4096).step_by(4) {
                assert_eq!(machine.load_word(VirtAddr::new(page.start().as_u32() + offset)), Ok(0));
            }
        }
        assert_unmapped(&machine, Page::new(page(first).number() - 1).unwrap());
    }
    assert_unmapped(&machine, page(0x0804_B000));
}

#[test]
fn a_directory_is_freed_page_by_page_too() {
    let (machine, mut manager) = booted();
    let before = machine.allocated();
    manager.allocate_in(Space::Current, page(0x0804_8000), 10, UW).unwrap();
    manager.allocate_in(Space::Current, page(0x0805_2000), 10, UR).unwrap();
    for page in range(0x0804_8000, 20).iter() {
        machine.load_word(page.start()).unwrap();
    }
    machine.take_flushes();
    // A range that reaches over both allocations.
    assert_eq!(manager.free_in(Space::Current, page(0x0804_B000), 10), Ok(()));
    assert_flushed(&machine, &range(0x0804_B000, 10).iter().collect::<Vec<_>>());
    assert_eq!(machine.allocated(), before + 11, "ten pages and a table are left");
    for page in range(0x0804_8000, 20).iter() {
        if range(0x0804_B000, 10).contains(page) {
            assert_unmapped(&machine, page);
        } else {
            assert!(machine.load_word(page.start()).is_ok());
        }
    }
    // Some of these pages are no longer allocated: nothing happens.
    assert_eq!(manager.free_in(Space::Current, page(0x0804_8000), 4), Err(VmmError::NotAllocated));
    assert_eq!(machine.allocated(), before + 11);
    assert_eq!(manager.free_in(Space::Current, page(0x0804_8000), 3), Ok(()));
    assert_eq!(manager.free_in(Space::Current, page(0x0805_5000), 7), Ok(()));
    assert_eq!(machine.allocated(), before);
}

#[test]
fn empty_tables_return() {
    let (machine, mut manager) = booted();
    let directory = manager.create_directory().unwrap();
    let shared = frame(&machine);
    for space in [Space::Kernel, Space::Of(&directory)] {
        let before = machine.allocated();
        // The first, the last and a middle page of a table, in either order.
        for order in [[0, 1023, 512], [1023, 512, 0], [512, 0, 1023]] {
            for n in order {
                manager.map(space, page(0x0800_0000 + n * 4096), shared, UW).unwrap();
            }
            assert_eq!(machine.allocated(), before + 1);
            for n in order {
                assert_eq!(machine.allocated(), before + 1, "the table is still in use");
                assert_eq!(manager.unmap(space, page(0x0800_0000 + n * 4096)), Ok(shared));
            }
            assert_eq!(machine.allocated(), before);
        }
        // A range over parts of three tables.
        manager.allocate_in(space, page(0x083F_E000), 1028, UW).unwrap();
        assert_eq!(machine.allocated(), before + 1031);
        manager.free_in(space, page(0x083F_E000), 1028).unwrap();
        assert_eq!(machine.allocated(), before);
        // A mapped page keeps its table when the allocated ones go.
        manager.map(space, page(0x0800_5000), shared, UW).unwrap();
        manager.allocate_in(space, page(0x0800_6000), 4, UW).unwrap();
        manager.free_in(space, page(0x0800_6000), 4).unwrap();
        assert_eq!(machine.allocated(), before + 1);
        assert_eq!(manager.unmap(space, page(0x0800_5000)), Ok(shared));
        assert_eq!(machine.allocated(), before);
    }
    manager.destroy_directory(directory);
}

#[test]
fn a_destroyed_directory_returns_what_it_owned_and_nothing_else() {
    let (machine, mut manager) = booted();
    let kernel = manager.allocate(3).unwrap();
    machine.store_word(kernel.first().start(), 99).unwrap();
    let shared = frame(&machine);
    let survivor = manager.create_directory().unwrap();
    manager.map(Space::Of(&survivor), page(0x2000_0000), shared, UW).unwrap();
    manager.allocate_in(Space::Of(&survivor), page(0x2000_1000), 1, UW).unwrap();
    let kernel_before = snapshot(&machine, &[manager.root(Space::Kernel), survivor.frame()]);
    for loaded in [false, true] {
        let directory = manager.create_directory().unwrap();
        manager.allocate_in(Space::Of(&directory), page(0x0804_8000), 5, UR).unwrap();
        manager.allocate_in(Space::Of(&directory), page(0xBFFF_0000), 16, UW).unwrap();
        manager.allocate_in(Space::Of(&directory), page(0x103F_F000), 2, UW).unwrap();
        manager.map(Space::Of(&directory), page(0x2000_0000), shared, UW).unwrap();
        manager.map(Space::Of(&directory), page(0x0804_D000), shared, UW).unwrap();
        if loaded {
            manager.load(Space::Of(&directory));
            machine.store_word(addr(0x2000_0000), 0x5A5A).unwrap();
            machine.store_word(addr(0x103F_F000), 1).unwrap();
        }
        manager.destroy_directory(directory);
        assert_eq!(machine.directory(), Some(manager.root(Space::Kernel)));
        assert_eq!(manager.root(Space::Current), manager.root(Space::Kernel));
        assert_eq!(snapshot(&machine, &[manager.root(Space::Kernel), survivor.frame()]), kernel_before);
        assert_eq!(machine.load_word(kernel.first().start()), Ok(99));
    }
    assert_eq!(machine.physical_word(shared.start()), Some(0x5A5A), "a shared frame keeps its contents");
    // Another current directory stays current.
    let other = manager.create_directory().unwrap();
    manager.load(Space::Of(&survivor));
    manager.destroy_directory(other);
    assert_eq!(machine.directory(), Some(survivor.frame()));
}

#[test]
fn running_out_of_frames_half_way_undoes_the_half() {
    let (machine, mut manager) = booted();
    let directory = manager.create_directory().unwrap();
    let mapped = frame(&machine);
    let roots = [manager.root(Space::Kernel), directory.frame()];
    make_kernel_tables(&machine, &mut manager);
    let before = snapshot(&machine, &roots);
    for frames in 0..8 {
        machine.allow_frames(Some(frames));
        assert_eq!(manager.allocate(8), Err(VmmError::OutOfFrames));
        assert_eq!(snapshot(&machine, &roots), before, "allocate(8) with {frames} frames");
    }
    for space in [Space::Kernel, Space::Of(&directory)] {
        for frames in 0..6 {
            machine.allow_frames(Some(frames));
            // Two tables and four pages.
            let result = manager.allocate_in(space, page(0x083F_E000), 4, UW);
            assert_eq!(result, Err(VmmError::OutOfFrames));
            assert_eq!(snapshot(&machine, &roots), before, "allocate_in({space:?}) with {frames} frames");
        }
        machine.allow_frames(Some(0));
        assert_eq!(manager.map(space, page(0x0804_8000), mapped, UW), Err(VmmError::OutOfFrames));
        assert_eq!(snapshot(&machine, &roots), before);
        machine.allow_frames(Some(6));
        assert_eq!(manager.allocate_in(space, page(0x083F_E000), 4, UW), Ok(()));
        manager.free_in(space, page(0x083F_E000), 4).unwrap();
    }
    machine.allow_frames(Some(0));
    assert_eq!(manager.create_directory(), Err(VmmError::OutOfFrames));
    machine.allow_frames(None);
    assert_eq!(snapshot(&machine, &roots), before);
    assert_eq!(manager.allocate(30_000), Err(VmmError::OutOfFrames), "more than this machine has");
    assert_eq!(snapshot(&machine, &roots), before);
    manager.destroy_directory(directory);
}

#[test]
fn bad_ranges_are_named_errors() {
    let (machine, mut manager) = booted();
    let last = Page::new(0xF_FFFF).unwrap();
    let before = snapshot(&machine, &[manager.root(Space::Current)]);
    let cases = [
        (page(0x0804_8000), 0, VmmError::Empty),
        (Page::NULL, 0, VmmError::Empty),
        (Page::NULL, 1, VmmError::NullPage),
        (Page::NULL, u32::MAX, VmmError::NullPage),
        (page(0x0804_8000), u32::MAX, VmmError::PastEnd),
        (page(0x0804_8000), 0xF_FFFF, VmmError::PastEnd),
        (last, 2, VmmError::PastEnd),
        (last, 1, VmmError::KernelHalf),
        (page(0xBFFF_F000), 2, VmmError::KernelHalf),
        (page(0x1000), 0xC_0000, VmmError::KernelHalf),
        (page(0xC000_0000), 1, VmmError::KernelHalf),
        (page(0xF000_0000), 1, VmmError::KernelHalf),
    ];
    for (first, pages, error) in cases {
        assert_eq!(manager.allocate_in(Space::Current, first, pages, UW), Err(error), "{first}, {pages} pages");
        assert_eq!(manager.free_in(Space::Current, first, pages), Err(error), "{first}, {pages} pages");
    }
    for pages in [32_768, 63_488, u32::MAX - 1, u32::MAX] {
        assert_eq!(manager.allocate(pages), Err(VmmError::NoRoom), "{pages} pages");
    }
    assert_eq!(manager.allocate(0), Err(VmmError::Empty));
    assert_eq!(manager.free_in(Space::Current, page(0x0804_8000), 1), Err(VmmError::NotAllocated));
    assert_eq!(snapshot(&machine, &[manager.root(Space::Current)]), before);
}

#[test]
fn an_allocation_over_a_mapping_is_refused() {
    let (machine, mut manager) = booted();
    let mine = frame(&machine);
    manager.map(Space::Current, page(0x0840_0000), mine, UW).unwrap();
    manager.allocate_in(Space::Current, page(0x0900_0000), 2, UW).unwrap();
    let before = snapshot(&machine, &[manager.root(Space::Current)]);
    for (first, pages) in [(0x083F_0000, 17), (0x0840_0000, 1), (0x083F_0000, 40), (0x08FF_F000, 2), (0x0900_1000, 9)] {
        let result = manager.allocate_in(Space::Current, page(first), pages, UW);
        assert_eq!(result, Err(VmmError::AlreadyMapped));
    }
    assert_eq!(manager.free_in(Space::Current, page(0x0840_0000), 1), Err(VmmError::NotAllocated), "it is mapped only");
    assert_eq!(snapshot(&machine, &[manager.root(Space::Current)]), before);
}

#[test]
fn the_rest_of_the_kernel_half_is_reserved() {
    let (machine, mut manager) = booted();
    let mine = frame(&machine);
    let before = snapshot(&machine, &[manager.root(Space::Current)]);
    for address in
        [KERNEL_BASE, TEMPORARY_START, SELF_MAP_START, VirtAddr::new(0xEFFF_F000), VirtAddr::new(0xC010_0000)]
    {
        let page = Page::containing(address);
        assert_eq!(manager.map(Space::Current, page, mine, KW), Err(VmmError::Reserved), "{page}");
        assert_eq!(manager.map(Space::Current, page, mine, UW), Err(VmmError::Reserved), "{page}");
        assert_eq!(manager.unmap(Space::Current, page), Err(VmmError::Reserved), "{page}");
        assert_eq!(manager.protect(Space::Current, page, KW), Err(VmmError::Reserved), "{page}");
    }
    assert_eq!(manager.map(Space::Current, Page::NULL, mine, KW), Err(VmmError::NullPage));
    for address in [KERNEL_VIRTUAL_START, KERNEL_HEAP_START] {
        let page = Page::containing(address);
        assert_eq!(manager.map(Space::Current, page, mine, UR), Err(VmmError::UserInKernelHalf));
        assert_eq!(manager.protect(Space::Current, page, UR), Err(VmmError::UserInKernelHalf));
    }
    assert_eq!(snapshot(&machine, &[manager.root(Space::Current)]), before);
    // The first and the last page that can be mapped, and the last of the user half.
    for address in
        [KERNEL_VIRTUAL_START.as_u32(), KERNEL_STACKS_END.as_u32() - 4096, KERNEL_BASE.as_u32() - 4096, 0x1000]
    {
        assert_eq!(manager.map(Space::Current, page(address), mine, KW), Ok(()));
    }
}

#[test]
fn translate_tells_the_truth_about_every_part() {
    let (machine, mut manager) = booted();
    manager.map(Space::Current, Page::containing(USER_CODE_START), frame(&machine), UR).unwrap();
    let range = manager.allocate(2).unwrap();
    let directory = manager.create_directory().unwrap();
    let addresses = [0, 0x1000, 0x0804_8123, 0x0804_9000, 0xBFFF_FFFF, 0xC000_0001, 0xC010_0004, 0xC012_FFFF];
    let more = [0xC013_0000, 0xC040_0000, 0xC0FF_FFFF, 0xC100_0000, 0xEFFF_FFFF, range.first().start().as_u32() + 5];
    for address in addresses.into_iter().chain(more).map(VirtAddr::new) {
        for space in [Space::Current, Space::Kernel, Space::Of(&directory)] {
            assert_eq!(manager.translate(space, address), truth(&machine, manager.root(space), address), "{address}");
        }
    }
}

#[test]
fn the_null_page_faults() {
    let (machine, mut manager) = booted();
    let mine = frame(&machine);
    assert_eq!(manager.map(Space::Current, Page::NULL, mine, UW), Err(VmmError::NullPage));
    assert_eq!(machine.access(VirtAddr::new(4), Access::WRITE), Err(PageFault::NotPresent(mm_host::Level::Directory)));
}
