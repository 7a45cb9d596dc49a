//! An alternative: nothing is counted, and nothing is remembered.
//!
//! A pass over all entries finds out whether a table is empty, and where there is room, each time
//! anew. Tables are cleared entry by entry, and the search for room goes
//! from page to page, from the beginning. It is the slowest manager that a student would write, and every
//! check that is not about cost has to wait for it.
//!
//! Other choices that differ: no 4 MiB pages; an allocation is marked at its last page.

use mm_api::layout::{KERNEL_VIRTUAL_END, KERNEL_VIRTUAL_START, TEMPORARY_START};
use mm_api::{
    Directory, Entry, EntryFlags, Frame, KernelLayout, KernelMapping, Machine, Page, PageRange, PhysAddr, Protection,
    Space, TABLE_ENTRIES, TableIndex, Translation, VirtAddr, VirtualMemory, VmmError,
};

/// In an entry of a table: the frame belongs to an allocation.
const OWNED: EntryFlags = EntryFlags::SOFTWARE_0;

/// In an entry of a table in the kernel half: an allocation ends here.
const LAST: EntryFlags = EntryFlags::SOFTWARE_1;

/// The rights of a directory's entry in the user half: all of them, so that
/// the entries of the tables decide.
const USER_TABLE: EntryFlags = EntryFlags::PRESENT.union(EntryFlags::WRITABLE).union(EntryFlags::USER);

/// The rights of a directory's entry in the kernel half.
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
}

impl<M: Machine> VirtualMemory<M> for Vmm<M> {
    fn new(mut machine: M, layout: &KernelLayout<'_>) -> Result<Self, VmmError> {
        let kernel = machine.allocate().ok_or(VmmError::OutOfFrames)?;
        clear(&mut machine, kernel);
        let mut vmm = Self { machine, kernel, current: kernel };
        match vmm.fill_kernel_half(layout) {
            Ok(()) => {
                // Last, because this table is the kernel's, and not the directory's to free.
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
        let lower = self.machine.read(upper.frame(), page.table_index());
        if !lower.is_present() {
            return None;
        }
        let both = |flag| upper.has(flag) && lower.has(flag);
        Some(Translation {
            address: PhysAddr::new(lower.frame().start().as_u32() + address.page_offset()),
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
        // All other bits stay: the frame's owner, and the processor's notes.
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
            let last = if page.number() + 1 == found.end() { LAST } else { EntryFlags::empty() };
            Some(Entry::new(frame, flags | last))
        })?;
        Ok(found)
    }

    fn free(&mut self, pages: PageRange) -> Result<(), VmmError> {
        let root = self.kernel;
        // Within an allocation, all entries but the last are owned and not LAST.
        let goes_on = |entry: Entry| entry.has(EntryFlags::PRESENT | OWNED) && !entry.has(LAST);
        let is_last = |page: Page| page.number() + 1 == pages.end();
        let before = pages.first().number().checked_sub(1).and_then(Page::new);
        let is_whole = !pages.is_empty()
            && ALLOCATIONS.contains_range(pages)
            && pages.iter().all(|page| match is_last(page) {
                true => self.entry(root, page).has(EntryFlags::PRESENT | OWNED | LAST),
                false => goes_on(self.entry(root, page)),
            })
            && !before.is_some_and(|before| ALLOCATIONS.contains(before) && goes_on(self.entry(root, before)));
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
            clear(&mut vmm.machine, frame);
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
        clear(&mut self.machine, root);
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
    /// Maps the layout, and makes the tables in which pages of
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

    /// Maps a piece of the direct map, page by page.
    fn map_piece(&mut self, mapping: &KernelMapping) -> Result<(), VmmError> {
        let flags = flags(mapping.pages.first(), Protection { writable: mapping.writable, user: false });
        for (number, page) in (mapping.first_frame.number()..).zip(mapping.pages.iter()) {
            // This cannot fail: the layout names frames that exist.
            let Some(frame) = Frame::new(number) else { break };
            self.set(self.kernel, page, Entry::new(frame, flags))?;
        }
        Ok(())
    }

    /// The entry for `page`. Empty if it has no table.
    fn entry(&self, root: Frame, page: Page) -> Entry {
        let upper = self.machine.read(root, page.directory_index());
        if upper.is_present() { self.machine.read(upper.frame(), page.table_index()) } else { Entry::EMPTY }
    }

    /// Sets the entry for `page`, in a table that is made if there is none.
    fn set(&mut self, root: Frame, page: Page, entry: Entry) -> Result<(), VmmError> {
        let table = self.table_for(root, page)?;
        self.machine.write(table, page.table_index(), entry);
        Ok(())
    }

    /// The table for `page`, made if there is none.
    fn table_for(&mut self, root: Frame, page: Page) -> Result<Frame, VmmError> {
        let upper = self.machine.read(root, page.directory_index());
        if upper.is_present() {
            return Ok(upper.frame());
        }
        let table = self.machine.allocate().ok_or(VmmError::OutOfFrames)?;
        clear(&mut self.machine, table);
        let flags = if page.is_kernel() { KERNEL_TABLE } else { USER_TABLE };
        self.machine.write(root, page.directory_index(), Entry::new(table, flags));
        Ok(table)
    }

    /// Whether no entry of a table is in use.
    fn is_empty(&self, table: Frame) -> bool {
        TableIndex::all().all(|index| !self.machine.read(table, index).is_present())
    }

    /// Fills the entries of `pages`, none of which is present. `make` takes a
    /// frame and makes the entry. If it or a table cannot be had, the entries made
    /// so far are removed again.
    fn fill(
        &mut self,
        root: Frame,
        pages: PageRange,
        mut make: impl FnMut(&mut Self, Page) -> Option<Entry>,
    ) -> Result<(), VmmError> {
        for (done, page) in (0..).zip(pages.iter()) {
            // The frame before the table: then no table is made in vain.
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

    /// Clears the entry for `page`. Its table goes too, if it is empty then and
    /// belongs to the user half.
    fn remove(&mut self, root: Frame, page: Page) {
        let table = self.machine.read(root, page.directory_index()).frame();
        self.machine.write(table, page.table_index(), Entry::EMPTY);
        let goes = !page.is_kernel() && self.is_empty(table);
        if goes {
            self.machine.write(root, page.directory_index(), Entry::EMPTY);
        }
        // After both changes, and before a frame can be used for anything
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

    /// The lowest room for this many pages of the kernel, with an unmapped page
    /// before and after them.
    fn find_room(&self, pages: u32) -> Option<PageRange> {
        let with_gaps = pages.checked_add(2).filter(|pages| *pages <= ALLOCATIONS.len())?;
        let mut gap = 0;
        for page in ALLOCATIONS.iter() {
            gap = if self.entry(self.kernel, page).is_present() { 0 } else { gap + 1 };
            if gap == with_gaps {
                return PageRange::new(Page::new(page.number() - pages)?, pages);
            }
        }
        None
    }

    /// Gives back a directory, its tables at `indices`, and the frames allocated in them.
    fn free_directory(&mut self, root: Frame, indices: impl Iterator<Item = TableIndex>) {
        for index in indices {
            let upper = self.machine.read(root, index);
            if !upper.is_present() {
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

/// Clears a table or a page, entry by entry.
fn clear(machine: &mut impl Machine, frame: Frame) {
    TableIndex::all().for_each(|index| machine.write(frame, index, Entry::EMPTY));
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
