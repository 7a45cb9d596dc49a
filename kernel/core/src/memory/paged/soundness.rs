//! The check of a directory before it is loaded: it must map everything that the kernel needs to go
//! on.

use core::fmt;
use core::ops::BitOr;

use mm_api::layout::{DIRECT_MAP_SIZE, KERNEL_BASE, KERNEL_VIRTUAL_START, PAGE_SIZE, TEMPORARY_END, TEMPORARY_START};
use mm_api::{Entry, EntryFlags, Frame, KernelMapping, Page, TABLE_ENTRIES, TableIndex};
use mm_oracle::walk::Walk;

use super::State;
use crate::arch::paging;

/// The directory's entries for the direct map.
pub(super) const DIRECT_MAP_ENTRIES: usize = (DIRECT_MAP_SIZE / (PAGE_SIZE * TABLE_ENTRIES)) as usize;
/// The first of them.
const FIRST_DIRECT_MAP_ENTRY: usize = Page::containing(KERNEL_BASE).directory_index().as_u32() as usize;

/// The direct map ends where the kernel's virtual allocations begin.
const _: () = assert!(KERNEL_BASE.as_u32() + DIRECT_MAP_SIZE == KERNEL_VIRTUAL_START.as_u32());

/// The page whose table is that of the temporary mappings.
const TEMPORARY: Page = Page::containing(TEMPORARY_START);

impl State {
    /// The first error of a directory in the parts of the kernel half that the kernel needs to go
    /// on.
    pub(super) fn find_unsound(&mut self, root: Frame) -> Option<Unsound> {
        if self.is_as_found_before(root) {
            return None;
        }
        let pieces = self.direct_map;
        for piece in pieces.iter().copied() {
            if let Some(unsound) = self.find_unsound_piece(root, piece) {
                return Some(unsound);
            }
        }
        if !is_temporary_table(self.peek(root, TEMPORARY.directory_index())) {
            let frame = paging::temporary_table();
            return Some(Unsound { root, page: TEMPORARY, frame, found: None, writable: true });
        }
        for (index, sound) in TableIndex::kernel_half().zip(0..DIRECT_MAP_ENTRIES) {
            let entry = untouched(self.peek(root, index));
            self.sound[sound] = entry;
            if names_table(entry) {
                self.ledger.note_direct_map_table(entry.frame());
            }
        }
        None
    }

    /// Whether a frame is a table of the direct map in the directory that was loaded last.
    pub(super) fn is_in_direct_map(&self, frame: Frame) -> bool {
        // Few frames ever are such tables, so the search is nearly always skipped.
        self.ledger.is_direct_map_table(frame)
            && self.sound.iter().any(|entry| names_table(*entry) && entry.frame() == frame)
    }

    /// Whether a table is a directory that could be loaded, by its entry for the temporary mappings.
    pub(super) fn is_directory(&self, table: Frame) -> bool {
        is_temporary_table(self.peek(table, TEMPORARY.directory_index()))
    }

    /// Whether a directory has the same entries for the kernel as the last one that was found
    /// right. This saves time: every switch to another process loads a directory.
    fn is_as_found_before(&self, root: Frame) -> bool {
        self.with_words(root, |words| {
            let direct_map = &words[FIRST_DIRECT_MAP_ENTRY..FIRST_DIRECT_MAP_ENTRY + DIRECT_MAP_ENTRIES];
            let temporary = Entry::from_bits(words[TEMPORARY.directory_index().as_u32() as usize]);
            self.sound[0].is_present() && is_temporary_table(temporary) && differences(direct_map, &self.sound) == 0
        })
    }

    /// The first error of a directory in a piece of the direct map.
    fn find_unsound_piece(&self, root: Frame, piece: KernelMapping) -> Option<Unsound> {
        let mut done = 0;
        while done < piece.pages.len() {
            let page = piece.pages.first().checked_add(done)?;
            let frame = Frame::new(piece.first_frame.number() + done)?;
            let left_in_table = (TABLE_ENTRIES - page.table_index().as_u32()).min(piece.pages.len() - done);
            // A table that was found right before needs no second check.
            let entry = untouched(self.peek(root, page.directory_index()));
            let index = (page.directory_index().as_u32() as usize) - FIRST_DIRECT_MAP_ENTRY;
            if entry.is_present() && entry == self.sound[index] {
                done += left_in_table;
                continue;
            }
            let found = self.walk(root, page.start()).ok();
            let right = found.is_some_and(|walk| {
                let protection = walk.protection();
                walk.address == frame.start() && (protection.writable || !piece.writable) && !protection.user
            });
            if !right {
                return Some(Unsound { root, page, frame, found, writable: piece.writable });
            }
            let is_large = found.is_some_and(|walk| walk.table.is_none());
            done += if is_large { left_in_table } else { 1 };
        }
        None
    }
}

/// The bits in which words differ from entries, except those that the processor sets. Compares all
/// without a branch for each: nearly always they are equal.
fn differences(words: &[u32], entries: &[Entry]) -> u32 {
    let differ = |(word, entry): (&u32, &Entry)| (word ^ entry.bits()) & !NOTED_BY_PROCESSOR.bits();
    words.iter().zip(entries).map(differ).fold(0, BitOr::bitor)
}

/// The bits of an entry that the processor sets.
const NOTED_BY_PROCESSOR: EntryFlags = EntryFlags::ACCESSED.union(EntryFlags::DIRTY);

/// Whether an entry names the table of the temporary mappings.
fn is_temporary_table(entry: Entry) -> bool {
    entry.is_present() && entry.frame() == paging::temporary_table() && entry.has(EntryFlags::WRITABLE)
}

/// Whether an entry of a directory names a table.
fn names_table(entry: Entry) -> bool {
    entry.is_present() && !entry.has(EntryFlags::PAGE_SIZE)
}

/// An entry without the bits that the processor sets.
fn untouched(entry: Entry) -> Entry {
    entry.with_flags(entry.flags() - NOTED_BY_PROCESSOR)
}

/// An error in a directory: `page` should be mapped to `frame`.
pub(super) struct Unsound {
    pub(super) root: Frame,
    pub(super) page: Page,
    pub(super) frame: Frame,
    pub(super) found: Option<Walk>,
    pub(super) writable: bool,
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { root, page, frame, found, writable } = self;
        write!(f, "the directory in {root} cannot be loaded, the kernel could not go on: ")?;
        if (TEMPORARY_START..TEMPORARY_END).contains(&page.start()) {
            return write!(f, "its entry for {page} does not name the table of the temporary mappings, in {frame}");
        }
        let rights = if *writable { "writable" } else { "readable" };
        write!(f, "{page} has to be {frame}, {rights} for the kernel alone, and is ")?;
        match found {
            Some(walk) => write!(f, "{}, {}", Frame::containing(walk.address), walk.protection()),
            None => f.write_str("not mapped"),
        }
    }
}
