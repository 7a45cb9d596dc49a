//! An alternative: tables of the kernel half on demand, in a chain of directories.
//!
//! No table is made before a page is mapped in it, not even in the kernel half,
//! and none is kept when it is empty. So a table of the kernel half
//! has to be entered into every directory, and taken out of every one. The
//! directories are chained: the last entry of each, which is not present, holds
//! the number of the next one's frame.
//!
//! Other choices that differ: the kernel's allocations go as high as possible,
//! both ends of each are marked, and the directory's entries allow programs no more
//! than necessary.

use mm_api::layout::{KERNEL_VIRTUAL_END, KERNEL_VIRTUAL_START, TEMPORARY_START};
use mm_api::{
    Directory, Entry, EntryFlags, Frame, KernelLayout, Machine, Page, PageRange, PhysAddr, Protection, Space,
    TableIndex, Translation, VirtAddr, VirtualMemory, VmmError,
};

/// The frame belongs to an allocation.
const OWNED: EntryFlags = EntryFlags::SOFTWARE_0;
/// An allocation of the kernel begins here …
const FIRST: EntryFlags = EntryFlags::SOFTWARE_1;
/// … and here is its last page.
const LAST: EntryFlags = EntryFlags::SOFTWARE_2;

const AREA: PageRange = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END);
const CHANGEABLE: PageRange = PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START);

/// The entry of a directory that holds the next one's frame.
const CHAIN: TableIndex = TableIndex::new(1023).unwrap();

/// The virtual memory manager.
pub struct Vmm<M> {
    machine: M,
    /// The kernel's directory, where the chain begins.
    kernel: Frame,
    current: Frame,
}

impl<M: Machine> Vmm<M> {
    /// The directory after `directory` in the chain.
    fn next(&self, directory: Frame) -> Option<Frame> {
        let link = self.machine.read(directory, CHAIN);
        (link != Entry::EMPTY).then(|| link.frame())
    }

    /// Chains `next` behind `directory`.
    fn link(&mut self, directory: Frame, next: Option<Frame>) {
        let link = next.map_or(Entry::EMPTY, |next| Entry::new(next, EntryFlags::empty()));
        self.machine.write(directory, CHAIN, link);
    }

    /// Sets a directory's entry; for the kernel half, in all directories.
    fn set_upper(&mut self, root: Frame, page: Page, entry: Entry) {
        if !page.is_kernel() {
            return self.machine.write(root, page.directory_index(), entry);
        }
        let mut each = Some(self.kernel);
        while let Some(directory) = each {
            self.machine.write(directory, page.directory_index(), entry);
            each = self.next(directory);
        }
    }

    fn upper(&self, root: Frame, page: Page) -> Entry {
        self.machine.read(root, page.directory_index())
    }

    fn lower(&self, root: Frame, page: Page) -> Entry {
        match self.upper(root, page) {
            upper if upper.is_present() => self.machine.read(upper.frame(), page.table_index()),
            _ => Entry::EMPTY,
        }
    }

    /// Sets the entry for `page`, and makes sure that there is a table, and that the directory
    /// allows as much.
    fn enter(&mut self, root: Frame, page: Page, entry: Entry) -> Result<(), VmmError> {
        let mut upper = self.upper(root, page);
        if !upper.is_present() {
            let table = self.machine.allocate().ok_or(VmmError::OutOfFrames)?;
            self.machine.clear(table);
            upper = Entry::new(table, EntryFlags::PRESENT | EntryFlags::WRITABLE);
            self.set_upper(root, page, upper);
        }
        self.machine.write(upper.frame(), page.table_index(), entry);
        if entry.has(EntryFlags::USER) && !upper.has(EntryFlags::USER) {
            self.set_upper(root, page, upper.with_flags(upper.flags() | EntryFlags::USER));
            // The processor may remember that programs had no right here.
            self.flush(root, page);
        }
        Ok(())
    }

    fn flush(&mut self, root: Frame, page: Page) {
        if page.is_kernel() || root == self.current {
            self.machine.flush(page);
        }
    }

    /// Takes out the entry for `page`, with its table if that is empty then,
    /// and returns the entry.
    fn take_out(&mut self, root: Frame, page: Page) -> Entry {
        let table = self.upper(root, page).frame();
        let entry = self.machine.read(table, page.table_index());
        self.machine.write(table, page.table_index(), Entry::EMPTY);
        let in_use = TableIndex::all().rev().any(|index| self.machine.read(table, index).is_present());
        if !in_use {
            self.set_upper(root, page, Entry::EMPTY);
        }
        self.flush(root, page);
        if !in_use {
            self.machine.free(table);
        }
        entry
    }

    /// Allocates a page.
    fn add(&mut self, root: Frame, page: Page, flags: EntryFlags, clear: bool) -> Result<(), VmmError> {
        let frame = self.machine.allocate().ok_or(VmmError::OutOfFrames)?;
        if clear {
            self.machine.clear(frame);
        }
        let entered = self.enter(root, page, Entry::new(frame, flags | OWNED));
        if entered.is_err() {
            self.machine.free(frame);
        }
        entered
    }

    fn release(&mut self, root: Frame, pages: impl Iterator<Item = Page>) {
        for page in pages {
            let frame = self.take_out(root, page).frame();
            self.machine.free(frame);
        }
    }

    /// Gives back the tables at `indices`, the frames allocated in them, and
    /// the directory.
    fn tear_down(&mut self, root: Frame, indices: impl Iterator<Item = TableIndex>) {
        for index in indices {
            let upper = self.machine.read(root, index);
            if upper.is_present() {
                for index in TableIndex::all() {
                    let lower = self.machine.read(upper.frame(), index);
                    if lower.has(EntryFlags::PRESENT | OWNED) {
                        self.machine.free(lower.frame());
                    }
                }
                self.machine.free(upper.frame());
            }
        }
        self.machine.free(root);
    }
}

impl<M: Machine> VirtualMemory<M> for Vmm<M> {
    fn new(mut machine: M, layout: &KernelLayout<'_>) -> Result<Self, VmmError> {
        let kernel = machine.allocate().ok_or(VmmError::OutOfFrames)?;
        machine.clear(kernel);
        let mut vmm = Self { machine, kernel, current: kernel };
        for mapping in layout.mappings {
            let flags = flags(mapping.pages.first(), Protection { writable: mapping.writable, user: false });
            let frames = (mapping.first_frame.number()..).map_while(Frame::new);
            for (page, frame) in mapping.pages.iter().zip(frames) {
                if let Err(error) = vmm.enter(kernel, page, Entry::new(frame, flags)) {
                    vmm.tear_down(kernel, TableIndex::kernel_half());
                    return Err(error);
                }
            }
        }
        let entry = Entry::new(layout.temporary_table, EntryFlags::PRESENT | EntryFlags::WRITABLE);
        vmm.set_upper(kernel, Page::containing(TEMPORARY_START), entry);
        Ok(vmm)
    }

    fn root(&self, space: Space<'_>) -> Frame {
        match space {
            Space::Current => self.current,
            Space::Kernel => self.kernel,
            Space::Of(directory) => directory.frame(),
        }
    }

    fn load(&mut self, space: Space<'_>) {
        self.current = self.root(space);
        self.machine.load(self.current);
    }

    fn map(&mut self, space: Space<'_>, page: Page, frame: Frame, protection: Protection) -> Result<(), VmmError> {
        if page == Page::NULL {
            return Err(VmmError::NullPage);
        }
        check(page, protection.user)?;
        let root = self.root(space);
        if self.lower(root, page).is_present() {
            return Err(VmmError::AlreadyMapped);
        }
        self.enter(root, page, Entry::new(frame, flags(page, protection)))
    }

    fn unmap(&mut self, space: Space<'_>, page: Page) -> Result<Frame, VmmError> {
        check(page, false)?;
        let root = self.root(space);
        match self.lower(root, page) {
            entry if !entry.is_present() => Err(VmmError::NotMapped),
            entry if entry.has(OWNED) => Err(VmmError::Allocated),
            _ => Ok(self.take_out(root, page).frame()),
        }
    }

    fn translate(&self, space: Space<'_>, address: VirtAddr) -> Option<Translation> {
        let (root, page) = (self.root(space), Page::containing(address));
        let lower = self.lower(root, page);
        let rights = lower.flags() & self.upper(root, page).flags();
        lower.is_present().then(|| Translation {
            address: PhysAddr::new(lower.frame().start().as_u32() | address.page_offset()),
            protection: Protection {
                writable: rights.contains(EntryFlags::WRITABLE),
                user: rights.contains(EntryFlags::USER),
            },
        })
    }

    fn protect(&mut self, space: Space<'_>, page: Page, protection: Protection) -> Result<(), VmmError> {
        check(page, protection.user)?;
        let root = self.root(space);
        let entry = self.lower(root, page);
        if !entry.is_present() {
            return Err(VmmError::NotMapped);
        }
        let upper = self.upper(root, page);
        if protection.user && !upper.has(EntryFlags::USER) {
            self.set_upper(root, page, upper.with_flags(upper.flags() | EntryFlags::USER));
        }
        let kept = entry.flags() - EntryFlags::WRITABLE - EntryFlags::USER;
        self.machine.write(upper.frame(), page.table_index(), entry.with_flags(kept | flags(page, protection)));
        self.flush(root, page);
        Ok(())
    }

    fn allocate(&mut self, pages: u32) -> Result<PageRange, VmmError> {
        if pages == 0 {
            return Err(VmmError::Empty);
        }
        // The highest gap, from the top.
        let mut gap = 0;
        let before = AREA.iter().rev().find(|page| {
            gap = if self.lower(self.kernel, *page).is_present() { 0 } else { gap + 1 };
            gap > 2 && gap - 2 == pages
        });
        let first = before.and_then(|before| before.checked_add(1)).ok_or(VmmError::NoRoom)?;
        let range = PageRange::new(first, pages).ok_or(VmmError::NoRoom)?;
        let flags = flags(first, Protection::KERNEL_WRITE);
        for page in range.iter() {
            let mut marks = EntryFlags::empty();
            marks.set(FIRST, page == first);
            marks.set(LAST, page.number() + 1 == range.end());
            if let Err(error) = self.add(self.kernel, page, flags | marks, false) {
                self.release(self.kernel, range.iter().take_while(|done| *done != page));
                return Err(error);
            }
        }
        Ok(range)
    }

    fn free(&mut self, pages: PageRange) -> Result<(), VmmError> {
        let marks_at = |page| {
            let entry = self.lower(self.kernel, page);
            if entry.is_present() { entry.flags() & (OWNED | FIRST | LAST) } else { EntryFlags::empty() }
        };
        let is_whole = AREA.contains_range(pages)
            && pages.iter().next().is_some_and(|first| marks_at(first).contains(FIRST))
            && pages.iter().all(|page| {
                let is_last = page.number() + 1 == pages.end();
                let is_first = page == pages.first();
                let marks = marks_at(page);
                marks.contains(OWNED) && marks.contains(LAST) == is_last && marks.contains(FIRST) == is_first
            });
        if !is_whole {
            return Err(VmmError::NotAllocated);
        }
        self.release(self.kernel, pages.iter());
        Ok(())
    }

    fn allocate_in(
        &mut self,
        space: Space<'_>,
        first: Page,
        pages: u32,
        protection: Protection,
    ) -> Result<(), VmmError> {
        let (root, range) = (self.root(space), user_range(first, pages)?);
        if range.iter().any(|page| self.lower(root, page).is_present()) {
            return Err(VmmError::AlreadyMapped);
        }
        for page in range.iter() {
            if let Err(error) = self.add(root, page, flags(page, protection), true) {
                self.release(root, range.iter().take_while(|done| *done != page));
                return Err(error);
            }
        }
        Ok(())
    }

    fn free_in(&mut self, space: Space<'_>, first: Page, pages: u32) -> Result<(), VmmError> {
        let (root, range) = (self.root(space), user_range(first, pages)?);
        let allocated = |page| self.lower(root, page).has(EntryFlags::PRESENT | OWNED);
        if !range.iter().all(allocated) {
            return Err(VmmError::NotAllocated);
        }
        self.release(root, range.iter());
        Ok(())
    }

    fn create_directory(&mut self) -> Result<Directory, VmmError> {
        let root = self.machine.allocate().ok_or(VmmError::OutOfFrames)?;
        self.machine.clear(root);
        for index in TableIndex::kernel_half().filter(|index| *index != CHAIN) {
            let entry = self.machine.read(self.kernel, index);
            self.machine.write(root, index, entry);
        }
        let next = self.next(self.kernel);
        self.link(root, next);
        self.link(self.kernel, Some(root));
        Ok(Directory::new(root))
    }

    fn destroy_directory(&mut self, directory: Directory) {
        let root = directory.frame();
        if self.current == root {
            self.load(Space::Kernel);
        }
        let mut before = self.kernel;
        while let Some(next) = self.next(before) {
            if next == root {
                let behind = self.next(root);
                self.link(before, behind);
                break;
            }
            before = next;
        }
        self.tear_down(root, TableIndex::user_half());
    }
}

fn flags(page: Page, protection: Protection) -> EntryFlags {
    let mut flags = EntryFlags::PRESENT;
    flags.set(EntryFlags::WRITABLE, protection.writable);
    flags.set(EntryFlags::USER, protection.user);
    flags.set(EntryFlags::GLOBAL, page.is_kernel());
    flags
}

fn check(page: Page, user: bool) -> Result<(), VmmError> {
    if !page.is_kernel() {
        Ok(())
    } else if !CHANGEABLE.contains(page) {
        Err(VmmError::Reserved)
    } else if user {
        Err(VmmError::UserInKernelHalf)
    } else {
        Ok(())
    }
}

fn user_range(first: Page, pages: u32) -> Result<PageRange, VmmError> {
    if pages == 0 {
        Err(VmmError::Empty)
    } else if first == Page::NULL {
        Err(VmmError::NullPage)
    } else {
        let range = PageRange::new(first, pages).ok_or(VmmError::PastEnd)?;
        if range.iter().any(Page::is_kernel) { Err(VmmError::KernelHalf) } else { Ok(range) }
    }
}
