//! A fake memory management unit: it walks page tables as the processor does,
//! and remembers every translation until it is told to forget it.

use alloc::collections::BTreeMap;

use mm_api::{Entry, EntryFlags, Frame, Page, PhysAddr, Protection, TableIndex, VirtAddr};
use mm_oracle::walk::{self, Level, Walk};

use crate::ram::Ram;

/// An access to memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Whether the access is a write.
    pub write: bool,
    /// Whether code in ring 3 makes the access.
    pub user: bool,
}

impl Access {
    /// The kernel reads.
    pub const READ: Self = Self { write: false, user: false };
    /// The kernel writes.
    pub const WRITE: Self = Self { write: true, user: false };
    /// A user program reads.
    pub const USER_READ: Self = Self { write: false, user: true };
    /// A user program writes.
    pub const USER_WRITE: Self = Self { write: true, user: true };

    fn allowed_by(self, protection: Protection) -> bool {
        (protection.writable || !self.write) && (protection.user || !self.user)
    }
}

/// Why an access failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageFault {
    /// No directory is loaded.
    NoDirectory,
    /// The entry at this level is not present.
    NotPresent(Level),
    /// The page is mapped, but the access is not allowed.
    Protection,
    /// The page is mapped to memory that the machine does not have.
    NoMemory(Frame),
}

/// A translation that the processor remembers.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    frame: Frame,
    protection: Protection,
    global: bool,
}

/// The processor's side of paging: the loaded directory and the remembered translations.
///
/// Of the behaviours that the manual allows, it has the one that is hardest on page
/// tables with a forgotten flush:
/// - it remembers without limit, and never forgets by itself: only a flush, the load of
///   a directory, or a protection fault at the page removes a translation;
/// - it remembers the directory's entries apart from the tables' (Intel SDM
///   vol. 3A, section 4.10.3);
/// - just after it was told to forget a page it looks it up again, as a
///   processor may on speculation. So a flush that comes *before* the tables
///   are changed does not help.
#[derive(Default)]
pub(crate) struct Mmu {
    directory: Option<Frame>,
    pages: BTreeMap<Page, Remembered>,
    directory_entries: BTreeMap<TableIndex, Entry>,
}

impl Mmu {
    pub fn directory(&self) -> Option<Frame> {
        self.directory
    }

    /// Loads a directory and forgets every translation that is not global.
    pub fn load(&mut self, directory: Frame) {
        self.directory = Some(directory);
        self.directory_entries.clear();
        self.pages.retain(|_, remembered| remembered.global);
    }

    pub fn flush_all(&mut self) {
        self.pages.clear();
        self.directory_entries.clear();
    }

    pub fn flush(&mut self, page: Page, ram: &mut Ram) {
        self.pages.remove(&page);
        self.directory_entries.clear();
        if let Ok(walk) = self.walk(page.start(), ram) {
            self.remember(page, &walk);
        }
    }

    /// A page that is still translated to `frame`, or through a table in it.
    /// Large pages do not count: the direct map covers every frame.
    pub fn remembers(&self, frame: Frame) -> Option<Page> {
        let by_page = self.pages.iter().find(|(page, remembered)| remembered.frame == frame && !is_direct_map(**page));
        let by_table = || {
            let mut entries = self.directory_entries.iter();
            entries.find(|(_, entry)| entry.frame() == frame && !entry.has(EntryFlags::PAGE_SIZE))
        };
        let first_of = |index: TableIndex| Page::new(index.as_u32() * mm_api::TABLE_ENTRIES);
        by_page.map(|(page, _)| *page).or_else(|| by_table().and_then(|(index, _)| first_of(*index)))
    }

    /// Translates an address for an access, as the processor does.
    pub fn access(&mut self, address: VirtAddr, access: Access, ram: &mut Ram) -> Result<PhysAddr, PageFault> {
        let page = Page::containing(address);
        if let Some(remembered) = self.pages.get(&page).copied() {
            if !access.allowed_by(remembered.protection) {
                // The fault itself makes the processor forget the page.
                self.pages.remove(&page);
                return Err(PageFault::Protection);
            }
            if access.write {
                self.mark(address, EntryFlags::DIRTY, ram);
            }
            return Ok(PhysAddr::new(remembered.frame.start().as_u32() + address.page_offset()));
        }
        let walk = self.walk(address, ram)?;
        if !access.allowed_by(walk.protection()) {
            return Err(PageFault::Protection);
        }
        self.mark(
            address,
            if access.write { EntryFlags::ACCESSED | EntryFlags::DIRTY } else { EntryFlags::ACCESSED },
            ram,
        );
        self.remember(page, &walk);
        Ok(walk.address)
    }

    /// Walks the tables, from the remembered entry of the directory if there is one.
    fn walk(&mut self, address: VirtAddr, ram: &mut Ram) -> Result<Walk, PageFault> {
        let root = self.directory.ok_or(PageFault::NoDirectory)?;
        let index = Page::containing(address).directory_index();
        let mut beyond = None;
        let found = walk::walk(root, address, |frame, place| {
            let remembered = if frame == root && place == index { self.directory_entries.get(&index) } else { None };
            remembered.copied().unwrap_or_else(|| match ram.word(address_of(frame, place)) {
                Some(word) => Entry::from_bits(*word),
                None => {
                    beyond = Some(frame);
                    Entry::EMPTY
                }
            })
        });
        if let Some(frame) = beyond {
            return Err(PageFault::NoMemory(frame));
        }
        let directory = match &found {
            Ok(walk) => walk.directory,
            Err(missing) if missing.level == Level::Table => {
                Entry::from_bits(*ram.word(address_of(root, index)).unwrap())
            }
            Err(missing) => return Err(PageFault::NotPresent(missing.level)),
        };
        self.directory_entries.entry(index).or_insert(directory);
        found.map_err(|missing| PageFault::NotPresent(missing.level))
    }

    fn remember(&mut self, page: Page, walk: &Walk) {
        let remembered = Remembered {
            frame: Frame::containing(walk.address),
            protection: walk.protection(),
            global: walk.leaf().has(EntryFlags::GLOBAL),
        };
        self.pages.insert(page, remembered);
    }

    /// Sets bits in the entries for `address`: the accessed bit at both levels,
    /// the dirty bit where the page is mapped. If the tables do not lead to a
    /// page any more, nothing happens.
    fn mark(&self, address: VirtAddr, flags: EntryFlags, ram: &mut Ram) {
        let Some(root) = self.directory else { return };
        let page = Page::containing(address);
        let in_directory = address_of(root, page.directory_index());
        let Some(directory) = ram.word(in_directory) else { return };
        let entry = Entry::from_bits(*directory);
        if !entry.is_present() {
            return;
        }
        if entry.has(EntryFlags::PAGE_SIZE) {
            *directory |= flags.bits();
            return;
        }
        *directory |= (flags & EntryFlags::ACCESSED).bits();
        if let Some(word) = ram.word(address_of(entry.frame(), page.table_index()))
            && Entry::from_bits(*word).is_present()
        {
            *word |= flags.bits();
        }
    }
}

/// The address of the entry at `index` of the table in `frame`.
fn address_of(frame: Frame, index: TableIndex) -> PhysAddr {
    PhysAddr::new(frame.start().as_u32() + 4 * index.as_u32())
}

/// Whether the page is in the direct map, which translates to every frame.
fn is_direct_map(page: Page) -> bool {
    use mm_api::layout::{KERNEL_BASE, KERNEL_VIRTUAL_START};
    (KERNEL_BASE..KERNEL_VIRTUAL_START).contains(&page.start())
}
