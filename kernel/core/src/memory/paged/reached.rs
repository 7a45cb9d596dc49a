//! Finds out which of the manager's frames the processor can still reach.
//!
//! A frame is removed in three steps, in this order: its entry is changed, the translation that the
//! processor may remember is flushed, and the frame is given back. The tables do not show
//! afterwards whether the order was right. So every change is noted.

use core::fmt;

use mm_api::layout::SELF_MAP_START;
use mm_api::{Entry, EntryFlags, Frame, Page, TableIndex};

use super::{Owner, POISON, State};
use crate::arch::paging;
use crate::memory::scratch;

/// The most entries that are noted as removed and not flushed yet. If there are more, the oldest is
/// forgotten.
const NOTED: usize = 128;

/// The place of an entry, in 30 bits of a word: the frame of its table, and its index there. No
/// table is in frame 0, so zero stands for no place.
#[derive(Clone, Copy)]
struct Place(u32);

impl Place {
    fn new(table: Frame, index: TableIndex) -> Self {
        Self(table.number() << 10 | index.as_u32())
    }

    fn table(self) -> Option<Frame> {
        Frame::new(self.0 >> 10).filter(|_| self.0 != 0)
    }

    fn index(self) -> Option<TableIndex> {
        TableIndex::new(self.0 & 0x3FF)
    }
}

/// A translation that the processor may remember, though the tables differ by now.
#[derive(Clone, Copy)]
struct Stale {
    frame: Frame,
    /// The page that was mapped to the frame, or the first page of the table that the frame was.
    page: Page,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The translation of a page.
    Page,
    /// The translation of a page that survives loading another directory.
    GlobalPage,
    /// The address of a table.
    Table,
}

/// The last place in a table of each frame of the manager's, and the stale translations.
pub(super) struct Reached {
    places: &'static mut [u32],
    /// The first `count` entries are in use, in any order.
    stale: [Option<Stale>; NOTED],
    /// How many entries of `stale` are in use: mostly none, or one.
    count: usize,
    /// The entry that is replaced next, if all are in use.
    oldest: usize,
}

impl Reached {
    /// For frames up to number `end`; `None` if the memory put aside does not suffice.
    pub(super) fn new(end: u32) -> Option<Self> {
        Some(Self { places: scratch::take(end)?, stale: [None; NOTED], count: 0, oldest: 0 })
    }

    fn place(&self, frame: Frame) -> Place {
        Place(self.places.get(frame.number() as usize).copied().unwrap_or(0))
    }

    fn set_place(&mut self, frame: Frame, place: Place) {
        if let Some(word) = self.places.get_mut(frame.number() as usize) {
            *word = place.0;
        }
    }

    /// Notes where a frame was put.
    pub(super) fn put(&mut self, frame: Frame, table: Frame, index: TableIndex) {
        self.set_place(frame, Place::new(table, index));
    }

    /// Where a frame was put last: the table, and the index there.
    pub(super) fn put_at(&self, frame: Frame) -> Option<(Frame, TableIndex)> {
        let place = self.place(frame);
        Some((place.table()?, place.index()?))
    }

    /// Whether a frame was put there last.
    pub(super) fn is_at(&self, frame: Frame, table: Frame, index: TableIndex) -> bool {
        self.place(frame).0 == Place::new(table, index).0
    }

    fn note(&mut self, stale: Stale) {
        if let Some(place) = self.stale.get_mut(self.count) {
            *place = Some(stale);
            self.count += 1;
        } else {
            self.stale[self.oldest] = Some(stale);
            self.oldest = (self.oldest + 1) % NOTED;
        }
    }

    fn forget(&mut self, is_meant: impl Fn(&Stale) -> bool) {
        let mut index = 0;
        while index < self.count {
            if self.stale[index].as_ref().is_some_and(&is_meant) {
                self.count -= 1;
                self.stale[index] = self.stale[self.count].take();
            } else {
                index += 1;
            }
        }
    }

    /// Notes that `page` was flushed, and with it the addresses of all tables.
    pub(super) fn flushed(&mut self, page: Page) {
        self.forget(|stale| stale.page == page || stale.kind == Kind::Table);
    }

    /// Notes that all translations were flushed.
    pub(super) fn flushed_all(&mut self) {
        self.forget(|_| true);
    }

    /// Notes that a directory was loaded.
    pub(super) fn loaded(&mut self) {
        self.forget(|stale| stale.kind != Kind::GlobalPage);
    }

    fn stale(&self, frame: Frame) -> Option<Stale> {
        self.stale[..self.count].iter().flatten().find(|stale| stale.frame == frame).copied()
    }

    /// Forgets all notes on a frame that is handed out.
    pub(super) fn forget_frame(&mut self, frame: Frame) {
        self.set_place(frame, Place(0));
        self.forget(|stale| stale.frame == frame);
    }
}

impl State {
    /// Notes that an entry of a table changes.
    #[track_caller]
    #[inline]
    pub(super) fn note_change(&mut self, table: Frame, index: TableIndex, old: Entry, new: Entry) {
        if old.is_present() && new.is_present() && old.frame() == new.frame() {
            return;
        }
        if old.is_present() {
            self.note_removal(table, index, old);
        }
        if new.is_present() && matches!(self.ledger.owner(new.frame()), Owner::Tables | Owner::Kernel) {
            self.reached.set_place(new.frame(), Place::new(table, index));
        }
    }

    /// Notes that a present entry is taken out.
    #[track_caller]
    fn note_removal(&mut self, table: Frame, index: TableIndex, old: Entry) {
        if old.bits() == POISON {
            assert!(
                !self.is_named_by_directory(table),
                "{table} is cleared as a table, but the directory names it already: clear it first"
            );
            return;
        }
        if self.ledger.owner(old.frame()) != Owner::Tables {
            return;
        }
        let (frame, current) = (old.frame(), paging::current_directory());
        if table == current {
            let Some(page) = page_at(index, FIRST) else { return };
            self.reached.note(Stale { frame, page, kind: Kind::Table });
            if self.peek(current, LAST).frame() == current
                && let Some(window) = page_at(LAST, Some(index))
            {
                self.reached.note(Stale { frame, page: window, kind: Kind::Page });
            }
        } else if let Some(upper) = self.index_in_current(table)
            && let Some(page) = page_at(upper, Some(index))
        {
            let kind = if old.has(EntryFlags::GLOBAL) { Kind::GlobalPage } else { Kind::Page };
            self.reached.note(Stale { frame, page, kind });
        }
    }

    /// The index at which the loaded directory names a table, or did until just now.
    fn index_in_current(&self, table: Frame) -> Option<TableIndex> {
        let index = self.reached.place(table).index()?;
        if self.names_at(index, table) {
            return Some(index);
        }
        let stale = self.reached.stale(table).filter(|stale| stale.kind == Kind::Table)?;
        Some(stale.page.directory_index())
    }

    /// Whether the loaded directory names `table` at `index`.
    fn names_at(&self, index: TableIndex, table: Frame) -> bool {
        let current = paging::current_directory();
        // Until a directory is loaded, the current one is the kernel's own.
        if self.ledger.owner(current) != Owner::Tables {
            return false;
        }
        let entry = self.peek(current, index);
        entry.is_present() && entry.frame() == table && !entry.has(EntryFlags::PAGE_SIZE)
    }

    /// Whether a directory names this table: the loaded directory, or one that could be loaded.
    fn is_named_by_directory(&self, table: Frame) -> bool {
        let place = self.reached.place(table);
        let (Some(directory), Some(index)) = (place.table(), place.index()) else { return false };
        let entry = self.peek(directory, index);
        self.is_directory(directory) && entry.is_present() && entry.frame() == table
    }

    /// Panics if a table with old contents is cleared only after a directory named it.
    #[track_caller]
    pub(super) fn ensure_cleared_in_time(&self, frame: Frame) {
        let is_old = [FIRST, Some(LAST)].into_iter().flatten().any(|index| self.peek(frame, index).bits() == POISON);
        assert!(
            !is_old || !self.is_named_by_directory(frame),
            "{frame} is cleared, but a directory names it as a table already: clear it first"
        );
    }

    /// How the processor can still reach a frame; `None` if it cannot.
    pub(super) fn find_reach(&self, frame: Frame) -> Option<Reach> {
        if let Some(stale) = self.reached.stale(frame) {
            return Some(match stale.kind {
                Kind::Table => Reach::RemembersTable(stale.page),
                Kind::Page | Kind::GlobalPage => Reach::RemembersPage(stale.page),
            });
        }
        let place = self.reached.place(frame);
        let (table, index) = (place.table()?, place.index()?);
        if self.names_at(index, frame) {
            return page_at(index, FIRST).map(Reach::Table);
        }
        let entry = self.peek(table, index);
        if !entry.is_present() || entry.frame() != frame || self.ledger.owner(table) != Owner::Tables {
            return None;
        }
        let upper = self.reached.place(table).index()?;
        let is_used = self.names_at(upper, table);
        page_at(upper, Some(index)).filter(|_| is_used).map(Reach::Page)
    }
}

/// The first entry of a table, and the last one.
const FIRST: Option<TableIndex> = TableIndex::new(0);
const LAST: TableIndex = Page::containing(SELF_MAP_START).directory_index();

fn page_at(upper: TableIndex, lower: Option<TableIndex>) -> Option<Page> {
    Some(Page::from_indices(upper, lower?))
}

/// How the processor can still reach a frame that is given back.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    /// The loaded directory names the frame as the table for this page and the following ones.
    Table(Page),
    /// The loaded tables map this page to the frame.
    Page(Page),
    /// The frame was the table for this page, which was not flushed since.
    RemembersTable(Page),
    /// This page was mapped to the frame, and was not flushed since.
    RemembersPage(Page),
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(page) => write!(f, "the directory that is loaded still names it as the table for {page}"),
            Self::Page(page) => write!(f, "{page} is still mapped to it in the directory that is loaded"),
            Self::RemembersTable(page) => {
                write!(f, "the processor may remember it as the table for {page}: flush first")
            }
            Self::RemembersPage(page) => write!(f, "the processor may remember it as the frame of {page}: flush first"),
        }
    }
}
