//! An alternative: directories that map themselves.
//!
//! The last entry of each directory names the directory itself. So the tables of the
//! loaded one appear in the last 4 MiB of virtual memory, all entries
//! in a row, and the entry for a page is found by the page's number alone. Directories
//! that are not loaded are reached through their frames.
//!
//! Other choices that differ: no 4 MiB pages; and two bitmaps for the kernel's area,
//! one of mapped pages, one of pages at which an allocation begins.

use mm_api::layout::{KERNEL_VIRTUAL_END, KERNEL_VIRTUAL_START, PAGE_SIZE, SELF_MAP_START, TEMPORARY_START};
use mm_api::{
    Directory, Entry, EntryFlags, Frame, KernelLayout, Machine, Page, PageRange, PhysAddr, Protection, Space,
    TABLE_ENTRIES, TableIndex, Translation, VirtAddr, VirtualMemory, VmmError,
};

/// The frame belongs to an allocation.
const OWNED: EntryFlags = EntryFlags::SOFTWARE_2;

const AREA: PageRange = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END);
const CHANGEABLE: PageRange = PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START);

/// One bit for each page of the kernel's area.
struct Bits([u32; (AREA.len() / u32::BITS) as usize]);

impl Bits {
    fn get(&self, page: Page) -> bool {
        let bit = page.number() - AREA.first().number();
        self.0[(bit / u32::BITS) as usize] & 1 << (bit % u32::BITS) != 0
    }

    fn set(&mut self, page: Page, value: bool) {
        if AREA.contains(page) {
            let bit = page.number() - AREA.first().number();
            let word = &mut self.0[(bit / u32::BITS) as usize];
            *word = *word & !(1 << (bit % u32::BITS)) | u32::from(value) << (bit % u32::BITS);
        }
    }
}

/// The virtual memory manager.
pub struct Vmm<M> {
    machine: M,
    kernel: Frame,
    current: Frame,
    /// Whether a directory has been loaded yet: before that, the last 4 MiB show
    /// nothing.
    is_loaded: bool,
    mapped: Bits,
    begins: Bits,
}

/// The address of the entry for `page`, in the loaded directory.
fn seen_at(page: Page) -> VirtAddr {
    SELF_MAP_START + 4 * page.number()
}

/// The page at which the table of `page` appears.
fn window(page: Page) -> Page {
    Page::containing(seen_at(page))
}

impl<M: Machine> Vmm<M> {
    fn is_visible(&self, root: Frame) -> bool {
        self.is_loaded && root == self.current
    }

    /// The directory's entry for the table of `page`: it maps the window.
    fn upper(&self, root: Frame, page: Page) -> Entry {
        if self.is_visible(root) {
            self.machine.read_at(seen_at(window(page)))
        } else {
            self.machine.read(root, page.directory_index())
        }
    }

    fn set_upper(&mut self, root: Frame, page: Page, entry: Entry) {
        if self.is_visible(root) {
            self.machine.write_at(seen_at(window(page)), entry);
        } else {
            self.machine.write(root, page.directory_index(), entry);
        }
    }

    /// The table's entry for `page`, or an empty one if there is no table.
    fn lower(&self, root: Frame, page: Page) -> Entry {
        let upper = self.upper(root, page);
        match upper.is_present() {
            false => Entry::EMPTY,
            true if self.is_visible(root) => self.machine.read_at(seen_at(page)),
            true => self.machine.read(upper.frame(), page.table_index()),
        }
    }

    /// Sets the entry for `page`, whose table exists.
    fn set_lower(&mut self, root: Frame, page: Page, entry: Entry) {
        if self.is_visible(root) {
            self.machine.write_at(seen_at(page), entry);
        } else {
            let table = self.machine.read(root, page.directory_index()).frame();
            self.machine.write(table, page.table_index(), entry);
        }
    }

    fn make_table(&mut self, root: Frame, page: Page) -> Result<(), VmmError> {
        if !self.upper(root, page).is_present() {
            let table = self.machine.allocate().ok_or(VmmError::OutOfFrames)?;
            self.machine.clear(table);
            let user = if page.is_kernel() { EntryFlags::empty() } else { EntryFlags::USER };
            self.set_upper(root, page, Entry::new(table, EntryFlags::PRESENT | EntryFlags::WRITABLE | user));
        }
        Ok(())
    }

    fn enter(&mut self, root: Frame, page: Page, entry: Entry) -> Result<(), VmmError> {
        self.make_table(root, page)?;
        self.set_lower(root, page, entry);
        self.mapped.set(page, true);
        Ok(())
    }

    fn flush(&mut self, root: Frame, page: Page) {
        if page.is_kernel() || root == self.current {
            self.machine.flush(page);
        }
    }

    /// Takes out the entry for `page`, and its table if that was the last one.
    fn take_out(&mut self, root: Frame, page: Page) -> Entry {
        let entry = self.lower(root, page);
        self.set_lower(root, page, Entry::EMPTY);
        self.mapped.set(page, false);
        let all = || TableIndex::all().map(|index| Page::from_indices(page.directory_index(), index));
        if page.is_kernel() || all().any(|page| self.lower(root, page).is_present()) {
            self.flush(root, page);
            return entry;
        }
        let table = self.upper(root, page).frame();
        self.set_upper(root, page, Entry::EMPTY);
        self.flush(root, page);
        // The table's own page is not mapped any more.
        if self.is_visible(root) {
            self.machine.flush(window(page));
        }
        self.machine.free(table);
        entry
    }

    /// Allocates all of `range`, or nothing.
    fn fill(&mut self, root: Frame, range: PageRange, protection: Protection, clear: bool) -> Result<(), VmmError> {
        for page in range.iter() {
            let Some(frame) = self.machine.allocate() else {
                return self.undo(root, range.first(), page);
            };
            if clear {
                self.machine.clear(frame);
            }
            if self.enter(root, page, Entry::new(frame, flags(page, protection) | OWNED)).is_err() {
                self.machine.free(frame);
                return self.undo(root, range.first(), page);
            }
        }
        Ok(())
    }

    fn undo(&mut self, root: Frame, first: Page, end: Page) -> Result<(), VmmError> {
        self.release(root, PageRange::between(first.start(), end.start()));
        Err(VmmError::OutOfFrames)
    }

    fn release(&mut self, root: Frame, range: PageRange) {
        // From the back: then a table's first entry is the last one to go, and
        // one look shows that others are still in use.
        for page in range.iter().rev() {
            let frame = self.take_out(root, page).frame();
            self.machine.free(frame);
        }
    }
}

impl<M: Machine> VirtualMemory<M> for Vmm<M> {
    fn new(mut machine: M, layout: &KernelLayout<'_>) -> Result<Self, VmmError> {
        let kernel = machine.allocate().ok_or(VmmError::OutOfFrames)?;
        machine.clear(kernel);
        let none = || Bits([0; (AREA.len() / u32::BITS) as usize]);
        let mut vmm = Self { machine, kernel, current: kernel, is_loaded: false, mapped: none(), begins: none() };
        let mut made = Ok(());
        for mapping in layout.mappings {
            let protection = Protection { writable: mapping.writable, user: false };
            let frames = (mapping.first_frame.number()..).map_while(Frame::new);
            for (page, frame) in mapping.pages.iter().zip(frames) {
                made = made.and_then(|()| vmm.enter(kernel, page, Entry::new(frame, flags(page, protection))));
            }
        }
        for page in CHANGEABLE.iter().step_by(TABLE_ENTRIES as usize) {
            made = made.and_then(|()| vmm.make_table(kernel, page));
        }
        if let Err(error) = made {
            for index in TableIndex::kernel_half() {
                let entry = vmm.machine.read(kernel, index);
                if entry.is_present() {
                    vmm.machine.free(entry.frame());
                }
            }
            vmm.machine.free(kernel);
            return Err(error);
        }
        let table = EntryFlags::PRESENT | EntryFlags::WRITABLE;
        let temporary = Page::containing(TEMPORARY_START).directory_index();
        vmm.machine.write(kernel, temporary, Entry::new(layout.temporary_table, table));
        let last = Page::containing(SELF_MAP_START).directory_index();
        vmm.machine.write(kernel, last, Entry::new(kernel, table));
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
        let root = self.root(space);
        self.machine.load(root);
        self.current = root;
        self.is_loaded = true;
    }

    fn map(&mut self, space: Space<'_>, page: Page, frame: Frame, protection: Protection) -> Result<(), VmmError> {
        if page == Page::NULL {
            return Err(VmmError::NullPage);
        }
        check(page, protection)?;
        let root = self.root(space);
        match self.lower(root, page).is_present() {
            true => Err(VmmError::AlreadyMapped),
            false => self.enter(root, page, Entry::new(frame, flags(page, protection))),
        }
    }

    fn unmap(&mut self, space: Space<'_>, page: Page) -> Result<Frame, VmmError> {
        check(page, Protection::KERNEL_READ)?;
        let root = self.root(space);
        let entry = self.lower(root, page);
        if !entry.is_present() {
            Err(VmmError::NotMapped)
        } else if entry.has(OWNED) {
            Err(VmmError::Allocated)
        } else {
            Ok(self.take_out(root, page).frame())
        }
    }

    fn translate(&self, space: Space<'_>, address: VirtAddr) -> Option<Translation> {
        let (root, page) = (self.root(space), Page::containing(address));
        let (upper, lower) = (self.upper(root, page), self.lower(root, page));
        let both = |flag| upper.has(flag) && lower.has(flag);
        both(EntryFlags::PRESENT).then(|| Translation {
            address: PhysAddr::new(lower.frame().start().as_u32() + address.page_offset()),
            protection: Protection { writable: both(EntryFlags::WRITABLE), user: both(EntryFlags::USER) },
        })
    }

    fn protect(&mut self, space: Space<'_>, page: Page, protection: Protection) -> Result<(), VmmError> {
        check(page, protection)?;
        let root = self.root(space);
        let entry = self.lower(root, page);
        if !entry.is_present() {
            return Err(VmmError::NotMapped);
        }
        let kept = entry.flags() - EntryFlags::WRITABLE - EntryFlags::USER;
        self.set_lower(root, page, entry.with_flags(flags(page, protection) | kept));
        self.flush(root, page);
        Ok(())
    }

    fn allocate(&mut self, pages: u32) -> Result<PageRange, VmmError> {
        if pages == 0 {
            return Err(VmmError::Empty);
        }
        // The first gap from the bottom.
        let mut gap = 0;
        let guard = AREA.iter().find(|page| {
            gap = if self.mapped.get(*page) { 0 } else { gap + 1 };
            gap > 2 && gap - 2 == pages
        });
        let guard = guard.ok_or(VmmError::NoRoom)?;
        let start = VirtAddr::new(guard.start().as_u32() - pages * PAGE_SIZE);
        let range = PageRange::between(start, guard.start());
        self.fill(self.kernel, range, Protection::KERNEL_WRITE, false)?;
        self.begins.set(range.first(), true);
        Ok(range)
    }

    fn free(&mut self, pages: PageRange) -> Result<(), VmmError> {
        if pages.is_empty() || !AREA.contains_range(pages) || !self.begins.get(pages.first()) {
            return Err(VmmError::NotAllocated);
        }
        let owned = |page| self.lower(self.kernel, page).has(EntryFlags::PRESENT | OWNED);
        let rest = (pages.first().number() + 1..).map_while(Page::new).take_while(|page| AREA.contains(*page));
        let length = 1 + rest.take_while(|page| owned(*page) && !self.begins.get(*page)).count();
        if length != pages.len() as usize {
            return Err(VmmError::NotAllocated);
        }
        self.begins.set(pages.first(), false);
        self.release(self.kernel, pages);
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
        self.fill(root, range, protection, true)
    }

    fn free_in(&mut self, space: Space<'_>, first: Page, pages: u32) -> Result<(), VmmError> {
        let (root, range) = (self.root(space), user_range(first, pages)?);
        if !range.iter().all(|page| self.lower(root, page).has(EntryFlags::PRESENT | OWNED)) {
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
        let last = Page::containing(SELF_MAP_START).directory_index();
        self.machine.write(root, last, Entry::new(root, EntryFlags::PRESENT | EntryFlags::WRITABLE));
        Ok(Directory::new(root))
    }

    fn destroy_directory(&mut self, directory: Directory) {
        let root = directory.frame();
        if root == self.current {
            self.load(Space::Kernel);
        }
        for upper in TableIndex::user_half() {
            let upper = self.machine.read(root, upper);
            if !upper.is_present() {
                continue;
            }
            for index in TableIndex::all() {
                let lower = self.machine.read(upper.frame(), index);
                if lower.has(EntryFlags::PRESENT | OWNED) {
                    self.machine.free(lower.frame());
                }
            }
            self.machine.free(upper.frame());
        }
        self.machine.free(root);
    }
}

fn flags(page: Page, protection: Protection) -> EntryFlags {
    let mut flags = EntryFlags::PRESENT;
    flags.set(EntryFlags::WRITABLE, protection.writable);
    flags.set(EntryFlags::USER, protection.user);
    flags.set(EntryFlags::GLOBAL, page.is_kernel());
    flags
}

fn check(page: Page, protection: Protection) -> Result<(), VmmError> {
    match page.is_kernel() {
        true if !CHANGEABLE.contains(page) => Err(VmmError::Reserved),
        true if protection.user => Err(VmmError::UserInKernelHalf),
        _ => Ok(()),
    }
}

fn user_range(first: Page, pages: u32) -> Result<PageRange, VmmError> {
    match (first, pages) {
        (_, 0) => Err(VmmError::Empty),
        (Page::NULL, _) => Err(VmmError::NullPage),
        _ => {
            let range = PageRange::new(first, pages).ok_or(VmmError::PastEnd)?;
            let kernel = Page::containing(mm_api::layout::KERNEL_BASE);
            if range.end() > kernel.number() { Err(VmmError::KernelHalf) } else { Ok(range) }
        }
    }
}
