//! The reference of lab 02: page directories and page tables.
//!
//! All records are in the tables themselves. The processor leaves three bits of
//! each entry to software. They say which frames belong to an allocation and
//! where an allocation begins, and they count the entries of the table that are
//! in use (`put`). The entries that are not present show which virtual memory
//! is free.
//!
//! The 62 tables for mappings and allocations in the kernel half are all made
//! at the start, before the first directory for a process. Every directory names
//! the same tables there, so a change to them is seen in every address space, and
//! no list of directories is needed.

use mm_api::layout::{KERNEL_VIRTUAL_END, KERNEL_VIRTUAL_START, TEMPORARY_START};
use mm_api::{
    Directory, Entry, EntryFlags, Frame, KernelLayout, KernelMapping, Machine, Page, PageRange, PhysAddr, Protection,
    Space, TABLE_ENTRIES, TableIndex, Translation, VirtAddr, VirtualMemory, VmmError,
};

/// In an entry of a table: the frame belongs to an allocation.
const OWNED: EntryFlags = EntryFlags::SOFTWARE_0;

/// In an entry of a table in the kernel half: an allocation begins here.
const FIRST: EntryFlags = EntryFlags::SOFTWARE_1;

/// In one of a table's first entries, present or not: a digit of the number of
/// entries that are in use.
const DIGIT: EntryFlags = EntryFlags::SOFTWARE_2;

/// How many digits that number has. They are binary, the lowest is in entry 0.
const DIGITS: usize = TABLE_ENTRIES.ilog2() as usize + 1;

/// What an entry of a directory allows in the user half: everything, so that
/// the entries of the tables decide.
const USER_TABLE: EntryFlags = EntryFlags::PRESENT.union(EntryFlags::WRITABLE).union(EntryFlags::USER);

/// What an entry of a directory allows in the kernel half.
const KERNEL_TABLE: EntryFlags = EntryFlags::PRESENT.union(EntryFlags::WRITABLE);

/// Where the kernel's allocations go.
const ALLOCATIONS: PageRange = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END);

/// The part of the kernel half where pages can be mapped.
const CHANGEABLE: PageRange = PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START);

/// The virtual memory manager.
pub struct Vmm<M> {
    machine: M,
    /// The kernel's own directory.
    kernel: Frame,
    /// The directory that is loaded.
    current: Frame,
    /// Where the search for the next allocation of the kernel begins: after the
    /// last one, since what is before it is mostly taken.
    search_from: Page,
}

impl<M: Machine> VirtualMemory<M> for Vmm<M> {
    fn new(mut machine: M, layout: &KernelLayout<'_>) -> Result<Self, VmmError> {
        let kernel = machine.allocate().ok_or(VmmError::OutOfFrames)?;
        machine.clear(kernel);
        let mut vmm = Self { machine, kernel, current: kernel, search_from: ALLOCATIONS.first() };
        match vmm.fill_kernel_half(layout) {
            Ok(()) => {
                // Last, because this table is the kernel's and not ours to free.
                let entry = Entry::new(layout.temporary_table, KERNEL_TABLE);
                vmm.machine.write(kernel, Page::containing(TEMPORARY_START).directory_index(), entry);
                Ok(vmm)
            }
            Err(error) => {
                vmm.free_directory(kernel, TableIndex::kernel_half());
                Err(error)
            }
        }
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
        check_changeable(page)?;
        check_rights(page, protection)?;
        let root = self.root(space);
        if self.entry(root, page).is_present() {
            return Err(VmmError::AlreadyMapped);
        }
        self.set(root, page, Entry::new(frame, flags(page, protection)))
    }

    fn unmap(&mut self, space: Space<'_>, page: Page) -> Result<Frame, VmmError> {
        check_changeable(page)?;
        let root = self.root(space);
        let entry = self.entry(root, page);
        if !entry.is_present() {
            return Err(VmmError::NotMapped);
        }
        if entry.has(OWNED) {
            return Err(VmmError::Allocated);
        }
        self.remove(root, page);
        Ok(entry.frame())
    }

    fn translate(&self, space: Space<'_>, address: VirtAddr) -> Option<Translation> {
        let page = Page::containing(address);
        let upper = self.machine.read(self.root(space), page.directory_index());
        if !upper.is_present() {
            return None;
        }
        let (frame, lower) = if upper.has(EntryFlags::PAGE_SIZE) {
            (upper.frame().number() + page.table_index().as_u32(), upper)
        } else {
            let lower = self.machine.read(upper.frame(), page.table_index());
            (lower.frame().number(), lower)
        };
        if !lower.is_present() {
            return None;
        }
        let both = |flag| upper.has(flag) && lower.has(flag);
        Some(Translation {
            address: PhysAddr::new(Frame::new(frame)?.start().as_u32() + address.page_offset()),
            protection: Protection { writable: both(EntryFlags::WRITABLE), user: both(EntryFlags::USER) },
        })
    }

    fn protect(&mut self, space: Space<'_>, page: Page, protection: Protection) -> Result<(), VmmError> {
        check_changeable(page)?;
        check_rights(page, protection)?;
        let root = self.root(space);
        let entry = self.entry(root, page);
        if !entry.is_present() {
            return Err(VmmError::NotMapped);
        }
        // All other bits stay: whose frame it is, and what the processor noted.
        let kept = entry.flags() - EntryFlags::WRITABLE - EntryFlags::USER;
        self.set(root, page, entry.with_flags(kept | flags(page, protection)))?;
        self.flush(root, page);
        Ok(())
    }

    fn allocate(&mut self, pages: u32) -> Result<PageRange, VmmError> {
        if pages == 0 {
            return Err(VmmError::Empty);
        }
        let found = self.find_room(pages).ok_or(VmmError::NoRoom)?;
        let flags = flags(found.first(), Protection::KERNEL_WRITE) | OWNED;
        self.fill(self.kernel, found, |vmm, page| {
            let frame = vmm.machine.allocate()?;
            let first = if page == found.first() { FIRST } else { EntryFlags::empty() };
            Some(Entry::new(frame, flags | first))
        })?;
        // The page after the last one, which stays free.
        self.search_from = Page::new(found.end()).unwrap_or(ALLOCATIONS.first());
        Ok(found)
    }

    fn free(&mut self, pages: PageRange) -> Result<(), VmmError> {
        let root = self.kernel;
        // Within an allocation, all entries but the first are owned and not FIRST.
        let continues = |entry: Entry| entry.is_present() && entry.has(OWNED) && !entry.has(FIRST);
        let is_whole = !pages.is_empty()
            && ALLOCATIONS.contains_range(pages)
            && self.entry(root, pages.first()).has(EntryFlags::PRESENT | OWNED | FIRST)
            && pages.iter().skip(1).all(|page| continues(self.entry(root, page)))
            && !Page::new(pages.end()).is_some_and(|next| continues(self.entry(root, next)));
        if !is_whole {
            return Err(VmmError::NotAllocated);
        }
        self.release(root, pages);
        Ok(())
    }

    fn allocate_in(
        &mut self,
        space: Space<'_>,
        first: Page,
        pages: u32,
        protection: Protection,
    ) -> Result<(), VmmError> {
        let range = user_range(first, pages)?;
        let root = self.root(space);
        if range.iter().any(|page| self.entry(root, page).is_present()) {
            return Err(VmmError::AlreadyMapped);
        }
        self.fill(root, range, |vmm, page| {
            let frame = vmm.machine.allocate()?;
            vmm.machine.clear(frame);
            Some(Entry::new(frame, flags(page, protection) | OWNED))
        })
    }

    fn free_in(&mut self, space: Space<'_>, first: Page, pages: u32) -> Result<(), VmmError> {
        let range = user_range(first, pages)?;
        let root = self.root(space);
        if !range.iter().all(|page| self.entry(root, page).has(EntryFlags::PRESENT | OWNED)) {
            return Err(VmmError::NotAllocated);
        }
        self.release(root, range);
        Ok(())
    }

    fn create_directory(&mut self) -> Result<Directory, VmmError> {
        let root = self.machine.allocate().ok_or(VmmError::OutOfFrames)?;
        self.machine.clear(root);
        for index in TableIndex::kernel_half() {
            let entry = self.machine.read(self.kernel, index);
            self.machine.write(root, index, entry);
        }
        Ok(Directory::new(root))
    }

    fn destroy_directory(&mut self, directory: Directory) {
        let root = directory.frame();
        if self.current == root {
            self.load(Space::Kernel);
        }
        self.free_directory(root, TableIndex::user_half());
    }
}

impl<M: Machine> Vmm<M> {
    /// Maps what the layout asks for, and makes the tables in which pages of
    /// the kernel half can be mapped later.
    fn fill_kernel_half(&mut self, layout: &KernelLayout<'_>) -> Result<(), VmmError> {
        for mapping in layout.mappings {
            self.map_piece(mapping)?;
        }
        for page in CHANGEABLE.iter().step_by(TABLE_ENTRIES as usize) {
            self.table_for(self.kernel, page)?;
        }
        Ok(())
    }

    /// Maps a piece of the direct map, with 4 MiB pages where they fit: one of
    /// them takes the place of a whole table.
    fn map_piece(&mut self, mapping: &KernelMapping) -> Result<(), VmmError> {
        let flags = flags(mapping.pages.first(), Protection { writable: mapping.writable, user: false });
        let mut done = 0;
        while done < mapping.pages.len() {
            // Neither fails: the layout names pages and frames that exist.
            let Some(page) = mapping.pages.first().checked_add(done) else { break };
            let Some(frame) = Frame::new(mapping.first_frame.number() + done) else { break };
            let fits = page.number().is_multiple_of(TABLE_ENTRIES)
                && frame.number().is_multiple_of(TABLE_ENTRIES)
                && mapping.pages.len() - done >= TABLE_ENTRIES;
            if fits {
                let entry = Entry::new(frame, flags | EntryFlags::PAGE_SIZE);
                self.put(self.kernel, page.directory_index(), entry);
                done += TABLE_ENTRIES;
            } else {
                self.set(self.kernel, page, Entry::new(frame, flags))?;
                done += 1;
            }
        }
        Ok(())
    }

    /// The entry for `page`, which is not in a 4 MiB page. Empty if it has no table.
    fn entry(&self, root: Frame, page: Page) -> Entry {
        let upper = self.machine.read(root, page.directory_index());
        if upper.is_present() { self.machine.read(upper.frame(), page.table_index()) } else { Entry::EMPTY }
    }

    /// Sets the entry for `page`, in a table that is made if there is none.
    fn set(&mut self, root: Frame, page: Page, entry: Entry) -> Result<(), VmmError> {
        let table = self.table_for(root, page)?;
        self.put(table, page.table_index(), entry);
        Ok(())
    }

    /// The table for `page`, made if there is none.
    fn table_for(&mut self, root: Frame, page: Page) -> Result<Frame, VmmError> {
        let upper = self.machine.read(root, page.directory_index());
        if upper.is_present() {
            return Ok(upper.frame());
        }
        let table = self.machine.allocate().ok_or(VmmError::OutOfFrames)?;
        self.machine.clear(table);
        let flags = if page.is_kernel() { KERNEL_TABLE } else { USER_TABLE };
        self.put(root, page.directory_index(), Entry::new(table, flags));
        Ok(table)
    }

    /// Writes an entry of a table or a directory, and counts those that are in use.
    fn put(&mut self, table: Frame, index: TableIndex, entry: Entry) {
        let old = self.machine.read(table, index);
        // The digit is the table's, so it stays.
        let digit = old.flags() & DIGIT;
        self.machine.write(table, index, entry.with_flags(entry.flags() | digit));
        match (old.is_present(), entry.is_present()) {
            (false, true) => self.count_up(table),
            (true, false) => self.count_down(table),
            _ => {}
        }
    }

    /// One entry more of a table is in use: ones become zeros, up to the first zero.
    /// Every second time that is the lowest digit, so it is two digits on average.
    fn count_up(&mut self, table: Frame) {
        for digit in digits() {
            if !self.flip(table, digit) {
                break;
            }
        }
    }

    /// One entry less is in use: zeros become ones, up to the first one.
    fn count_down(&mut self, table: Frame) {
        for digit in digits() {
            if self.flip(table, digit) {
                break;
            }
        }
    }

    /// Changes a digit, and returns whether it was a one.
    fn flip(&mut self, table: Frame, digit: TableIndex) -> bool {
        let entry = self.machine.read(table, digit);
        self.machine.write(table, digit, entry.with_flags(entry.flags() ^ DIGIT));
        entry.has(DIGIT)
    }

    /// How many entries of a table are in use.
    fn in_use(&self, table: Frame) -> u32 {
        digits().rev().fold(0, |number, digit| 2 * number + u32::from(self.machine.read(table, digit).has(DIGIT)))
    }

    /// Whether no entry of a table is in use. Mostly the first digit says that some are.
    fn is_empty(&self, table: Frame) -> bool {
        digits().all(|digit| !self.machine.read(table, digit).has(DIGIT))
    }

    /// Fills the entries of `pages`, none of which is present. `make` takes a
    /// frame and makes the entry; when it or a table cannot be had, what was
    /// done so far is undone.
    fn fill(
        &mut self,
        root: Frame,
        pages: PageRange,
        mut make: impl FnMut(&mut Self, Page) -> Option<Entry>,
    ) -> Result<(), VmmError> {
        for (done, page) in (0..).zip(pages.iter()) {
            // The frame before the table: a table is never made for nothing.
            let Some(entry) = make(self, page) else {
                return self.undo(root, pages.first(), done);
            };
            if self.set(root, page, entry).is_err() {
                self.machine.free(entry.frame());
                return self.undo(root, pages.first(), done);
            }
        }
        Ok(())
    }

    /// Releases the first pages of an allocation for which there were not enough frames.
    fn undo(&mut self, root: Frame, first: Page, pages: u32) -> Result<(), VmmError> {
        if let Some(done) = PageRange::new(first, pages) {
            self.release(root, done);
        }
        Err(VmmError::OutOfFrames)
    }

    /// Ends the mappings of pages that are all allocated, and gives back their frames.
    fn release(&mut self, root: Frame, pages: PageRange) {
        for page in pages.iter() {
            let frame = self.entry(root, page).frame();
            self.remove(root, page);
            self.machine.free(frame);
        }
    }

    /// Clears the entry for `page`. The table goes too, if it is empty by now and
    /// belongs to the user half.
    fn remove(&mut self, root: Frame, page: Page) {
        let table = self.machine.read(root, page.directory_index()).frame();
        self.put(table, page.table_index(), Entry::EMPTY);
        let goes = !page.is_kernel() && self.is_empty(table);
        if goes {
            self.put(root, page.directory_index(), Entry::EMPTY);
        }
        // After both changes, and before a frame can be used for something
        // else: the processor remembers entries of either level.
        self.flush(root, page);
        if goes {
            self.machine.free(table);
        }
    }

    /// Makes the processor forget `page`, if it can remember it: pages of the
    /// kernel half from any directory, those of the user half from the current one.
    fn flush(&mut self, root: Frame, page: Page) {
        if page.is_kernel() || root == self.current {
            self.machine.flush(page);
        }
    }

    /// Room for so many pages of the kernel, with a page that is not mapped
    /// before and after them.
    fn find_room(&self, pages: u32) -> Option<PageRange> {
        let with_gaps = pages.checked_add(2).filter(|pages| *pages <= ALLOCATIONS.len())?;
        let behind = ALLOCATIONS.end() - self.search_from.number();
        let after = self.find_gap(PageRange::new(self.search_from, behind)?, with_gaps);
        let gap = after.or_else(|| self.find_gap(ALLOCATIONS, with_gaps))?;
        PageRange::new(gap.checked_add(1)?, pages)
    }

    /// The first of so many pages in `within` that follow each other and are not mapped.
    fn find_gap(&self, within: PageRange, pages: u32) -> Option<Page> {
        let (mut page, mut gap) = (within.first(), 0);
        while within.contains(page) {
            let (alike, mapped) = self.alike(page);
            gap = if mapped { 0 } else { gap + alike };
            page = page.checked_add(alike)?;
            if gap >= pages {
                return Page::new(page.number() - gap);
            }
        }
        None
    }

    /// How many pages of the kernel from `page` on are mapped or not as `page` is, and
    /// whether they are: a whole table of them where all or none are, or else this one.
    fn alike(&self, page: Page) -> (u32, bool) {
        let upper = self.machine.read(self.kernel, page.directory_index());
        if page.table_index().as_u32() == 0 {
            match self.in_use(upper.frame()) {
                0 => return (TABLE_ENTRIES, false),
                TABLE_ENTRIES => return (TABLE_ENTRIES, true),
                _ => {}
            }
        }
        (1, self.machine.read(upper.frame(), page.table_index()).is_present())
    }

    /// Gives back a directory, its tables at `indices`, and what is allocated in them.
    fn free_directory(&mut self, root: Frame, indices: impl Iterator<Item = TableIndex>) {
        // Mostly there are few tables, or none any more: so the search ends with the last.
        let mut left = self.in_use(root);
        for index in indices {
            if left == 0 {
                break;
            }
            let upper = self.machine.read(root, index);
            if !upper.is_present() {
                continue;
            }
            left -= 1;
            if upper.has(EntryFlags::PAGE_SIZE) {
                continue;
            }
            for lower in TableIndex::all() {
                let entry = self.machine.read(upper.frame(), lower);
                if entry.has(EntryFlags::PRESENT | OWNED) {
                    self.machine.free(entry.frame());
                }
            }
            self.machine.free(upper.frame());
        }
        self.machine.free(root);
    }
}

/// The flags of an entry that maps `page`. Those of the kernel half are the same
/// in every address space, so the processor may keep them when another directory
/// is loaded.
fn flags(page: Page, protection: Protection) -> EntryFlags {
    let mut flags = EntryFlags::PRESENT;
    flags.set(EntryFlags::WRITABLE, protection.writable);
    flags.set(EntryFlags::USER, protection.user);
    flags.set(EntryFlags::GLOBAL, page.is_kernel());
    flags
}

/// Where the digits are, the lowest first.
fn digits() -> impl DoubleEndedIterator<Item = TableIndex> {
    TableIndex::all().take(DIGITS)
}

/// Whether pages can be mapped where `page` is.
fn check_changeable(page: Page) -> Result<(), VmmError> {
    if page.is_kernel() && !CHANGEABLE.contains(page) { Err(VmmError::Reserved) } else { Ok(()) }
}

fn check_rights(page: Page, protection: Protection) -> Result<(), VmmError> {
    if page.is_kernel() && protection.user { Err(VmmError::UserInKernelHalf) } else { Ok(()) }
}

/// The pages of a range that lies wholly in the user half.
fn user_range(first: Page, pages: u32) -> Result<PageRange, VmmError> {
    if pages == 0 {
        return Err(VmmError::Empty);
    }
    if first == Page::NULL {
        return Err(VmmError::NullPage);
    }
    let range = PageRange::new(first, pages).ok_or(VmmError::PastEnd)?;
    if range.iter().next_back().is_some_and(Page::is_kernel) {
        return Err(VmmError::KernelHalf);
    }
    Ok(range)
}
