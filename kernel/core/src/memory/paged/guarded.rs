//! Guards the entries of tables: which ones a virtual memory manager may change, and which frames
//! they may name.
//!
//! The kernel runs in the tables that the manager writes: by the direct map, where its code and its
//! data are, on its heap and on its stacks. An entry that put another frame in the place of one of
//! these pages would decide what the kernel executes. So the entries of these pages do not change
//! while they are loaded, no directory that maps these pages differently is loaded, and ring 3
//! never reaches them.

use mm_api::layout::{DIRECT_MAP_SIZE, KERNEL_BASE, KERNEL_VIRTUAL_START, PAGE_SIZE, TEMPORARY_START};
use mm_api::{Entry, EntryFlags, Frame, Page, Protection, TABLE_ENTRIES, TableIndex};

use super::soundness::Unsound;
use super::{Owner, POISON, State};
use crate::arch::paging;

const FIRST_OF_DIRECT_MAP: TableIndex = Page::containing(KERNEL_BASE).directory_index();
const FIRST_OF_ALLOCATIONS: TableIndex = Page::containing(KERNEL_VIRTUAL_START).directory_index();
const TEMPORARY: TableIndex = Page::containing(TEMPORARY_START).directory_index();

/// The most tables between the direct map and the temporary mappings.
const MOST_TABLES: usize = (TEMPORARY.as_u32() - FIRST_OF_ALLOCATIONS.as_u32()) as usize;

/// A frame that belongs neither to the manager nor to a process, and the manager's present
/// permission to map or unmap it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrusted {
    Nothing,
    ToMap(Frame),
    ToUnmap(Frame),
}

/// The tables that map pages of the kernel's own, by their place in every directory.
pub(super) struct KernelTables {
    tables: [Option<(TableIndex, Frame)>; MOST_TABLES],
    count: usize,
}

impl KernelTables {
    pub(super) const NONE: Self = Self { tables: [None; MOST_TABLES], count: 0 };

    fn iter(&self) -> impl Iterator<Item = (TableIndex, Frame)> {
        self.tables[..self.count].iter().copied().flatten()
    }

    fn contains(&self, table: Frame) -> bool {
        self.iter().any(|(_, known)| known == table)
    }

    fn note(&mut self, index: TableIndex, table: Frame) {
        let known = self.tables[..self.count].iter_mut().flatten().find(|(known, _)| *known == index);
        if let Some((_, known)) = known {
            *known = table;
        } else if let Some(place) = self.tables.get_mut(self.count) {
            *place = Some((index, table));
            self.count += 1;
        }
    }
}

impl State {
    /// Notes that the tables from `root` on map `page` to a frame of the kernel's own.
    pub(super) fn note_kernel_page(&mut self, root: Frame, page: Page) {
        let entry = self.peek(root, page.directory_index());
        if entry.is_present() && !entry.has(EntryFlags::PAGE_SIZE) {
            self.kernel_tables.note(page.directory_index(), entry.frame());
            let frame = self.peek(entry.frame(), page.table_index()).frame();
            self.reached.put(frame, entry.frame(), page.table_index());
        }
    }

    /// Panics unless the manager may put `new` in the place of `old`.
    #[track_caller]
    #[inline]
    pub(super) fn ensure_may_change(&self, table: Frame, index: TableIndex, old: Entry, new: Entry) {
        if meaning(old) == meaning(new) {
            return;
        }
        self.ensure_may_go(table, index, old, new);
        let is_same = old.is_present() && old.frame() == new.frame();
        let opens = new.has(EntryFlags::USER) && !old.has(EntryFlags::USER);
        if new.is_present() && (!is_same || opens || new.has(EntryFlags::PAGE_SIZE)) {
            self.ensure_may_come(table, index, new);
        }
    }

    /// Panics if the kernel needs the old entry as it is.
    #[track_caller]
    fn ensure_may_go(&self, table: Frame, index: TableIndex, old: Entry, new: Entry) {
        if !old.is_present() || old.bits() == POISON {
            return;
        }
        assert!(
            !self.is_in_direct_map(table),
            "entry {} of {table} is changed, but that is a table of the direct map, which the kernel runs in",
            index.as_u32()
        );
        if table == paging::current_directory() {
            let is_direct_map = (FIRST_OF_DIRECT_MAP..FIRST_OF_ALLOCATIONS).contains(&index);
            assert!(
                !is_direct_map && index != TEMPORARY,
                "entry {} of the directory that is loaded is changed, but the kernel runs in what it shows",
                index.as_u32()
            );
            let is_same = new.is_present() && old.frame() == new.frame();
            assert!(
                is_same || !self.holds_kernel_pages(old.frame()),
                "entry {} of the directory that is loaded is changed, but pages that the kernel uses are there",
                index.as_u32()
            );
        }
        let frame = old.frame();
        if self.ledger.owner(frame) == Owner::Kernel && self.reached.is_at(frame, table, index) {
            let is_meant = self.entrusted == Entrusted::ToUnmap(frame) && !new.is_present();
            assert!(
                is_meant,
                "entry {} of {table} is changed, but the kernel uses {frame} by that page",
                index.as_u32()
            );
        }
    }

    /// Panics if the new entry names a frame that it must not name.
    #[track_caller]
    fn ensure_may_come(&self, table: Frame, index: TableIndex, new: Entry) {
        let frame = new.frame();
        if self.ensure_direct_map_alone(index, new) {
            return;
        }
        match self.ledger.owner(frame) {
            Owner::Tables => {}
            Owner::User => assert!(
                !self.is_loadable(table),
                "entry {} of the directory in {table} names {frame} as a table, which belongs to the caller of \
                 map()",
                index.as_u32()
            ),
            Owner::Kernel => assert!(
                self.entrusted == Entrusted::ToMap(frame) && !self.is_in_place(frame),
                "entry {} of {table} names {frame}, which is in use by the kernel",
                index.as_u32()
            ),
            Owner::Free if self.entrusted == Entrusted::ToMap(frame) => {}
            Owner::Free if index == TEMPORARY && frame == paging::temporary_table() => {
                self.ensure_can_be_directory(table);
            }
            Owner::Free => assert!(
                is_identity(index, frame) && !new.has(EntryFlags::USER) && !self.is_loadable(table),
                "entry {} of {table} names {frame}, which is not the manager's, and nobody asked to map it \
                 there: it is free, the kernel's, or no memory at all",
                index.as_u32()
            ),
        }
    }

    /// Whether an entry maps 4 MiB at once. Panics if it does so outside the direct map.
    #[track_caller]
    fn ensure_direct_map_alone(&self, index: TableIndex, new: Entry) -> bool {
        if !new.has(EntryFlags::PAGE_SIZE) {
            return false;
        }
        let first = index.as_u32().wrapping_sub(FIRST_OF_DIRECT_MAP.as_u32()).wrapping_mul(TABLE_ENTRIES);
        assert!(
            new.frame().number() == first && first < DIRECT_MAP_FRAMES && !new.has(EntryFlags::USER),
            "entry {} maps 4 MiB from {} on at once: only the direct map may be mapped so, for the kernel alone",
            index.as_u32(),
            new.frame()
        );
        true
    }

    /// Whether a table is a directory that is loaded, or could be.
    fn is_loadable(&self, table: Frame) -> bool {
        table == paging::current_directory() || self.is_directory(table)
    }

    /// Panics if a table that becomes a directory has entries that no directory may have.
    #[track_caller]
    fn ensure_can_be_directory(&self, table: Frame) {
        let misfit = self.with_table(table, "used", |words| {
            let mut entries = TableIndex::all().zip(words.iter().map(|&bits| Entry::from_bits(bits)));
            entries.find(|&(index, entry)| index != TEMPORARY && !self.is_fit_for_directory(entry))
        });
        if let Some((index, entry)) = misfit {
            panic!(
                "{table} becomes a directory, but its entry {} ({:#010x}) names no table of the manager's",
                index.as_u32(),
                entry.bits()
            );
        }
    }

    /// Whether an entry names nothing, a table of the manager's, or 4 MiB at once.
    #[inline]
    fn is_fit_for_directory(&self, entry: Entry) -> bool {
        !entry.is_present()
            || self.ledger.owner(entry.frame()) == Owner::Tables
            || entry.has(EntryFlags::PAGE_SIZE) && entry.bits() != POISON
    }

    /// Whether the place where a frame was put last still names it.
    fn is_in_place(&self, frame: Frame) -> bool {
        self.reached.put_at(frame).is_some_and(|(table, index)| {
            let entry = self.peek(table, index);
            self.ledger.owner(table) == Owner::Tables && entry.is_present() && entry.frame() == frame
        })
    }

    /// Whether a table maps pages that the kernel uses by their address.
    fn holds_kernel_pages(&self, table: Frame) -> bool {
        self.kernel_tables.contains(table) && self.kernel_frames(table).next().is_some()
    }

    /// The frames of the kernel's own that a noted table maps, with their places in the table.
    fn kernel_frames(&self, table: Frame) -> impl Iterator<Item = (TableIndex, Frame)> {
        TableIndex::all().filter_map(move |index| {
            let entry = self.peek(table, index);
            let frame = entry.frame();
            let is_kernel = entry.is_present() && self.ledger.owner(frame) == Owner::Kernel;
            (is_kernel && self.reached.is_at(frame, table, index)).then_some((index, frame))
        })
    }

    /// Panics if the kernel needs the contents of a frame of the manager's; `action` completes "is
    /// … ".
    #[track_caller]
    pub(super) fn ensure_dispensable(&self, frame: Frame, action: &str) {
        assert!(frame != paging::current_directory(), "{frame} is {action}, but it is the current directory");
        assert!(!self.is_in_direct_map(frame), "{frame} is {action}, but it is a table of the direct map");
        assert!(
            !self.holds_kernel_pages(frame),
            "{frame} is {action}, but it is a table of pages that the kernel uses"
        );
    }

    /// A page of the kernel's own that a directory does not map as the kernel's current tables do.
    pub(super) fn find_lost(&self, root: Frame) -> Option<Unsound> {
        self.kernel_tables.iter().find_map(|(upper, table)| {
            let entry = self.peek(root, upper);
            if entry.is_present() && entry.frame() == table && !entry.has(EntryFlags::PAGE_SIZE) {
                return None;
            }
            self.kernel_frames(table).find_map(|(lower, frame)| {
                let page = Page::from_indices(upper, lower);
                let found = self.walk(root, page.start()).ok();
                let is_right = found
                    .is_some_and(|walk| walk.address == frame.start() && walk.protection() == Protection::KERNEL_WRITE);
                (!is_right).then_some(Unsound { root, page, frame, found, writable: true })
            })
        })
    }
}

/// What an entry means to the processor: the frame and the rights, without the bits that the
/// processor sets and those for software.
fn meaning(entry: Entry) -> Entry {
    const MEANS: EntryFlags =
        EntryFlags::PRESENT.union(EntryFlags::WRITABLE).union(EntryFlags::USER).union(EntryFlags::PAGE_SIZE);

    entry.with_flags(entry.flags() & MEANS)
}

/// Frames that the direct map can show.
const DIRECT_MAP_FRAMES: u32 = DIRECT_MAP_SIZE / PAGE_SIZE;

/// Whether an entry of the direct map that names `frame` is at this place in its table.
fn is_identity(index: TableIndex, frame: Frame) -> bool {
    frame.number() < DIRECT_MAP_FRAMES && frame.number() % TABLE_ENTRIES == index.as_u32()
}
