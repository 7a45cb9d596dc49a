//! The fake machine is as hard on page tables as a processor may be.

use mm_api::{Entry, EntryFlags, Frame, FrameSource, Page, PhysAddr, PhysMemory, SelfMap, Tlb, VirtAddr};
use mm_host::{Access, FakeMachine, Level, PageFault};

const P: EntryFlags = EntryFlags::PRESENT;
const W: EntryFlags = EntryFlags::WRITABLE;

const ADDRESS: VirtAddr = VirtAddr::new(0x0804_8010);

/// A loaded directory with a table, and in it a page.
struct Mapped {
    machine: FakeMachine,
    directory: Frame,
    table: Frame,
    frame: Frame,
}

fn cleared(machine: &mut FakeMachine) -> Frame {
    let frame = machine.allocate().unwrap();
    machine.clear(frame);
    frame
}

fn page() -> Page {
    Page::containing(ADDRESS)
}

fn mapped(flags: EntryFlags) -> Mapped {
    let mut machine = FakeMachine::new();
    let (directory, table, frame) = (cleared(&mut machine), cleared(&mut machine), cleared(&mut machine));
    machine.write(directory, page().directory_index(), Entry::new(table, P | W));
    machine.write(table, page().table_index(), Entry::new(frame, flags));
    machine.load(directory);
    Mapped { machine, directory, table, frame }
}

#[test]
fn an_access_goes_where_the_tables_say() {
    let Mapped { machine, frame, .. } = mapped(P | W);
    assert_eq!(machine.store_word(ADDRESS, 7), Ok(()));
    assert_eq!(machine.physical_word(PhysAddr::new(frame.start().as_u32() + 0x10)), Some(7));
    assert_eq!(machine.access(ADDRESS, Access::USER_READ), Err(PageFault::Protection));
    assert_eq!(machine.load_word(VirtAddr::new(0x0804_9000)), Err(PageFault::NotPresent(Level::Table)));
    assert_eq!(machine.load_word(VirtAddr::new(0x0840_0000)), Err(PageFault::NotPresent(Level::Directory)));
    assert_eq!(FakeMachine::new().load_word(ADDRESS), Err(PageFault::NoDirectory));
}

#[test]
fn the_kernel_cannot_write_to_a_page_that_is_not_writable() {
    let Mapped { machine, .. } = mapped(P);
    assert_eq!(machine.load_word(ADDRESS), Ok(0));
    assert_eq!(machine.store_word(ADDRESS, 1), Err(PageFault::Protection));
}

#[test]
fn the_processor_notes_what_it_used() {
    let Mapped { machine, directory, table, .. } = mapped(P | W);
    machine.load_word(ADDRESS).unwrap();
    let entry = |frame, index| machine.read(frame, index);
    assert!(entry(directory, page().directory_index()).has(EntryFlags::ACCESSED));
    assert!(entry(table, page().table_index()).has(EntryFlags::ACCESSED));
    assert!(!entry(table, page().table_index()).has(EntryFlags::DIRTY));
    machine.store_word(ADDRESS, 1).unwrap();
    assert!(entry(table, page().table_index()).has(EntryFlags::DIRTY));
    assert!(!entry(directory, page().directory_index()).has(EntryFlags::DIRTY));
}

#[test]
fn a_translation_stays_until_it_is_flushed() {
    let Mapped { mut machine, table, .. } = mapped(P | W);
    machine.load_word(ADDRESS).unwrap();
    machine.write(table, page().table_index(), Entry::EMPTY);
    assert_eq!(machine.load_word(ADDRESS), Ok(0), "still remembered");
    machine.flush(Page::new(page().number() + 1).unwrap());
    assert_eq!(machine.load_word(ADDRESS), Ok(0), "another page was flushed");
    machine.flush(page());
    assert_eq!(machine.load_word(ADDRESS), Err(PageFault::NotPresent(Level::Table)));
}

#[test]
fn a_flush_before_the_change_does_not_help() {
    let Mapped { mut machine, table, .. } = mapped(P | W);
    machine.flush(page());
    machine.write(table, page().table_index(), Entry::EMPTY);
    assert_eq!(machine.load_word(ADDRESS), Ok(0));
}

#[test]
fn more_rights_need_a_flush_too() {
    let Mapped { mut machine, table, frame, .. } = mapped(P);
    machine.load_word(ADDRESS).unwrap();
    machine.write(table, page().table_index(), Entry::new(frame, P | W));
    assert_eq!(machine.store_word(ADDRESS, 1), Err(PageFault::Protection));
    assert_eq!(machine.store_word(ADDRESS, 1), Ok(()), "the fault made it forget");
}

#[test]
fn that_a_page_is_missing_is_not_remembered() {
    let Mapped { mut machine, table, frame, .. } = mapped(P);
    let next = VirtAddr::new(0x0804_9000);
    assert!(machine.load_word(next).is_err());
    machine.write(table, Page::containing(next).table_index(), Entry::new(frame, P));
    assert_eq!(machine.load_word(next), Ok(0));
}

#[test]
fn the_directorys_entries_are_remembered_apart() {
    let Mapped { mut machine, directory, table, frame } = mapped(P | W);
    machine.load_word(ADDRESS).unwrap();
    machine.write(directory, page().directory_index(), Entry::EMPTY);
    // Another page of the same table, through the entry that is gone.
    let next = Page::new(page().number() + 1).unwrap();
    machine.write(table, next.table_index(), Entry::new(frame, P));
    assert_eq!(machine.load_word(next.start()), Ok(0));
    machine.flush(page());
    let fault = Err(PageFault::NotPresent(Level::Directory));
    assert_eq!(machine.load_word(ADDRESS), fault);
    machine.flush(next);
    assert_eq!(machine.load_word(next.start()), fault);
}

#[test]
fn loading_forgets_all_but_global_pages() {
    for (flags, survives) in [(P, false), (P | EntryFlags::GLOBAL, true)] {
        let Mapped { mut machine, .. } = mapped(flags);
        machine.load_word(ADDRESS).unwrap();
        let other = cleared(&mut machine);
        machine.load(other);
        assert_eq!(machine.load_word(ADDRESS).is_ok(), survives);
        machine.flush_all();
        assert!(machine.load_word(ADDRESS).is_err());
    }
}

#[test]
fn flushes_are_counted() {
    let Mapped { mut machine, .. } = mapped(P);
    machine.flush(page());
    machine.flush_all();
    let log = machine.take_flushes();
    assert_eq!((log.pages, log.all), (vec![page()], 1));
    assert_eq!(machine.take_flushes().all, 0);
}

#[test]
fn a_directory_that_maps_itself_shows_its_tables() {
    let Mapped { mut machine, directory, table, frame } = mapped(P | W);
    let last = Page::new(0xF_FFFF).unwrap();
    machine.write(directory, last.directory_index(), Entry::new(directory, P | W));
    let in_table = VirtAddr::new(0xFFC0_0000 + 4 * page().number());
    assert_eq!(machine.read_at(in_table).frame(), frame);
    machine.write_at(in_table, Entry::EMPTY);
    assert_eq!(machine.read(table, page().table_index()), Entry::EMPTY);
    let in_directory = VirtAddr::new(0xFFFF_F000 + 4 * page().directory_index().as_u32());
    assert_eq!(machine.read_at(in_directory).frame(), table);
}

#[test]
#[should_panic(expected = "flush first")]
fn a_frame_that_is_still_translated_to_cannot_be_given_back() {
    let Mapped { mut machine, table, frame, .. } = mapped(P);
    machine.load_word(ADDRESS).unwrap();
    machine.write(table, page().table_index(), Entry::EMPTY);
    machine.free(frame);
}

#[test]
#[should_panic(expected = "flush first")]
fn a_table_that_is_still_remembered_cannot_be_given_back() {
    let Mapped { mut machine, directory, table, .. } = mapped(P);
    machine.load_word(ADDRESS).unwrap();
    machine.write(table, page().table_index(), Entry::EMPTY);
    machine.flush(page());
    machine.write(directory, page().directory_index(), Entry::EMPTY);
    machine.free(table);
}

#[test]
#[should_panic(expected = "is the current directory")]
fn the_current_directory_cannot_be_given_back() {
    let Mapped { mut machine, directory, .. } = mapped(P);
    machine.free(directory);
}

#[test]
#[should_panic(expected = "holds part of the kernel")]
fn the_kernels_frames_are_no_tables() {
    let machine = FakeMachine::new();
    let _ = machine.read(Frame::new(0x100).unwrap(), page().table_index());
}

#[test]
#[should_panic(expected = "where a directory may map itself")]
fn only_the_last_four_mib_can_be_read_as_entries() {
    let Mapped { machine, .. } = mapped(P);
    let _ = machine.read_at(ADDRESS);
}
