//! Translates an address with a page directory as the processor does
//! (Intel SDM vol. 3A, section 4.3), with CR0.WP and CR4.PSE set.

use core::fmt;

use mm_api::{Entry, EntryFlags, Frame, Page, PhysAddr, Protection, TableIndex, VirtAddr};

/// One of the two levels of tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The page directory.
    Directory,
    /// The page table.
    Table,
}

/// The translation of an address, with the entries on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// The byte of physical memory that the address means.
    pub address: PhysAddr,
    /// The directory's entry.
    pub directory: Entry,
    /// The table's entry, or `None` if the directory's entry maps a 4 MiB page.
    pub table: Option<Entry>,
}

/// Why an address has no translation: an entry is not present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotPresent {
    /// The level at which the walk ended.
    pub level: Level,
    /// The entry found there.
    pub entry: Entry,
}

/// Translates `address` with the directory in `root`. `read` returns the entry at
/// an index of the table in a frame.
///
/// # Errors
/// The first entry on the way that is not present.
pub fn walk(
    root: Frame,
    address: VirtAddr,
    mut read: impl FnMut(Frame, TableIndex) -> Entry,
) -> Result<Walk, NotPresent> {
    let page = Page::containing(address);
    let directory = read(root, page.directory_index());
    if !directory.is_present() {
        return Err(NotPresent { level: Level::Directory, entry: directory });
    }
    if directory.has(EntryFlags::PAGE_SIZE) {
        // The upper ten bits are the frame's, the other 22 the offset's.
        let offset = address.as_u32() % LARGE_PAGE_SIZE;
        let base = directory.bits() - directory.bits() % LARGE_PAGE_SIZE;
        return Ok(Walk { address: PhysAddr::new(base + offset), directory, table: None });
    }
    let table = read(directory.frame(), page.table_index());
    if !table.is_present() {
        return Err(NotPresent { level: Level::Table, entry: table });
    }
    let address = PhysAddr::new(table.frame().start().as_u32() + address.page_offset());
    Ok(Walk { address, directory, table: Some(table) })
}

/// Bytes that an entry of a page directory covers.
const LARGE_PAGE_SIZE: u32 = 4 << 20;

impl Walk {
    /// The entry that maps the page: the table's, or the directory's for a 4 MiB page.
    #[must_use]
    #[inline]
    pub fn leaf(&self) -> Entry {
        self.table.unwrap_or(self.directory)
    }

    /// The protection that both levels together give the page.
    #[must_use]
    #[inline]
    pub fn protection(&self) -> Protection {
        let both = |flag| self.directory.has(flag) && self.leaf().has(flag);
        Protection { writable: both(EntryFlags::WRITABLE), user: both(EntryFlags::USER) }
    }

    /// The first level that lacks `flag`, or `None` if both have it.
    #[must_use]
    pub fn denied_by(&self, flag: EntryFlags) -> Option<Level> {
        if !self.directory.has(flag) {
            Some(Level::Directory)
        } else if !self.leaf().has(flag) {
            Some(Level::Table)
        } else {
            None
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "page directory",
            Self::Table => "page table",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: EntryFlags = EntryFlags::PRESENT;
    const W: EntryFlags = EntryFlags::WRITABLE;
    const U: EntryFlags = EntryFlags::USER;

    /// A directory in frame 1 with entries 2 (a table in frame 2) and 3 (a 4 MiB page).
    fn read(frame: Frame, index: TableIndex) -> Entry {
        match (frame.number(), index.as_u32()) {
            (1, 2) => Entry::new(Frame::new(2).unwrap(), P.union(U)),
            (1, 3) => Entry::new(Frame::new(0x400).unwrap(), P.union(W).union(EntryFlags::PAGE_SIZE)),
            (2, 5) => Entry::new(Frame::new(7).unwrap(), P.union(W).union(U)),
            _ => Entry::EMPTY,
        }
    }

    fn at(address: u32) -> Result<Walk, NotPresent> {
        walk(Frame::new(1).unwrap(), VirtAddr::new(address), read)
    }

    #[test]
    fn both_levels_are_read_and_the_offset_is_kept() {
        let found = at(0x0080_5123).unwrap();
        assert_eq!(found.address, PhysAddr::new(0x7123));
        assert_eq!(found.protection(), Protection::USER_READ);
        assert_eq!(found.denied_by(W), Some(Level::Directory));
        assert_eq!(found.denied_by(U), None);
    }

    #[test]
    fn a_large_page_ends_the_walk_at_the_directory() {
        let found = at(0x00C1_2345).unwrap();
        assert_eq!((found.address, found.table), (PhysAddr::new(0x0041_2345), None));
        assert_eq!(found.protection(), Protection::KERNEL_WRITE);
        assert_eq!(found.denied_by(U), Some(Level::Directory));
    }

    #[test]
    fn the_level_that_is_missing_is_named() {
        assert_eq!(at(0x0040_0000).unwrap_err().level, Level::Directory);
        assert_eq!(at(0x0080_4000).unwrap_err().level, Level::Table);
    }
}
