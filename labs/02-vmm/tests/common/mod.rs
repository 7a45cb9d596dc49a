//! A manager on a fake machine, and the questions that the tests ask it.
#![allow(dead_code, reason = "each test file uses some of it")]

use mm_api::{
    Entry, Frame, FrameSource, Page, PageRange, PhysAddr, Protection, Space, Translation, VirtAddr, VirtualMemory,
};
use mm_host::{Access, FakeMachine, FlushLog, PageFault};
use vmm::Vmm;

pub type Manager = Vmm<FakeMachine>;

pub const KR: Protection = Protection::KERNEL_READ;
pub const KW: Protection = Protection::KERNEL_WRITE;
pub const UR: Protection = Protection::USER_READ;
pub const UW: Protection = Protection::USER_WRITE;

/// A fresh machine, and a manager whose kernel directory is loaded.
pub fn booted() -> (FakeMachine, Manager) {
    let machine = FakeMachine::new();
    let mut manager = built(&machine);
    manager.load(Space::Kernel);
    machine.take_flushes();
    (machine, manager)
}

/// A manager that has not loaded anything yet.
pub fn built(machine: &FakeMachine) -> Manager {
    let mappings = FakeMachine::mappings();
    Vmm::new(machine.clone(), &FakeMachine::layout(&mappings)).expect("16 MiB are enough for a kernel directory")
}

pub fn page(address: u32) -> Page {
    let address = VirtAddr::new(address);
    assert!(address.is_page_aligned());
    Page::containing(address)
}

pub fn addr(address: u32) -> VirtAddr {
    VirtAddr::new(address)
}

/// A frame that belongs to the caller.
pub fn frame(machine: &FakeMachine) -> Frame {
    machine.clone().allocate().expect("a frame is free")
}

/// The result of an access to `address`, by a walk from the loaded directory that
/// asks neither the manager nor the fake TLB.
pub fn truth(machine: &FakeMachine, root: Frame, address: VirtAddr) -> Option<Translation> {
    let walk = machine.walk(root, address).ok()?;
    Some(Translation { address: walk.address, protection: walk.protection() })
}

/// Asserts that an access to `page` succeeds exactly if `protection` allows it.
pub fn assert_rights(machine: &FakeMachine, page: Page, protection: Protection) {
    let result = |access| machine.access(page.start(), access).map(|_| ());
    let expected = |allowed| if allowed { Ok(()) } else { Err(PageFault::Protection) };
    assert_eq!(result(Access::READ), Ok(()), "the kernel reads {page}, {protection}");
    assert_eq!(result(Access::WRITE), expected(protection.writable), "the kernel writes to {page}, {protection}");
    assert_eq!(result(Access::USER_READ), expected(protection.user), "a user reads {page}, {protection}");
    let user_write = protection.user && protection.writable;
    assert_eq!(result(Access::USER_WRITE), expected(user_write), "a user writes to {page}, {protection}");
}

pub fn assert_unmapped(machine: &FakeMachine, page: Page) {
    let result = machine.access(page.start(), Access::READ);
    assert!(
        matches!(result, Err(PageFault::NotPresent(_))),
        "{page} should not be mapped, but reading gives {result:?}"
    );
}

/// Asserts that exactly `pages` were flushed since the last call, in any
/// order. Pages of a self-map do not count.
pub fn assert_flushed(machine: &FakeMachine, pages: &[Page]) {
    let FlushLog { pages: mut flushed, all } = machine.take_flushes();
    assert_eq!(all, 0, "everything was flushed");
    flushed.retain(|page| page.start() < mm_api::layout::SELF_MAP_START);
    flushed.sort_unstable();
    let mut expected = pages.to_vec();
    expected.sort_unstable();
    assert_eq!(flushed, expected);
}

/// All state that an operation could change: the tables' user half and changeable
/// kernel half, and how many frames are handed out.
pub fn snapshot(machine: &FakeMachine, roots: &[Frame]) -> (Vec<(Frame, Page, PhysAddr, Protection)>, u32) {
    let mut mappings = Vec::new();
    for root in roots {
        // A missing table is skipped as a whole.
        let mut number = 0;
        while let Some(page) = Page::new(number) {
            match machine.walk(*root, page.start()) {
                Ok(walk) if page.start() < mm_api::layout::TEMPORARY_START => {
                    mappings.push((*root, page, walk.address, walk.protection()));
                    number += 1;
                }
                Err(missing) if missing.level == mm_host::Level::Directory => number += mm_api::TABLE_ENTRIES,
                _ => number += 1,
            }
        }
    }
    (mappings, machine.allocated())
}

/// The raw entry of the directory in `root` for the table of `page`.
pub fn directory_entry(machine: &FakeMachine, root: Frame, page: Page) -> Entry {
    let place = root.start().as_u32() + 4 * page.directory_index().as_u32();
    Entry::from_bits(machine.physical_word(PhysAddr::new(place)).expect("the directory is in memory"))
}

pub fn range(address: u32, pages: u32) -> PageRange {
    PageRange::new(page(address), pages).expect("below 4 GiB")
}

/// Maps and unmaps a page in each 4 MiB of the changeable kernel half. A manager
/// that keeps the tables of the kernel half has all of them from then on, so that they
/// do not count as a change.
pub fn make_kernel_tables(machine: &FakeMachine, manager: &mut Manager) {
    use mm_api::layout::{KERNEL_VIRTUAL_START, TEMPORARY_START};
    let frame = frame(machine);
    for page in PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START).iter().step_by(1024) {
        manager.map(Space::Kernel, page, frame, KW).expect("nothing is mapped there");
        manager.unmap(Space::Kernel, page).expect("it was just mapped");
    }
    machine.clone().free(frame);
    machine.take_flushes();
}
