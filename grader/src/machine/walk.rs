//! The machine's page tables, read from outside and walked by the grader.
//!
//! No code in the machine takes part: the frames that hold the tables are copied
//! out of its memory while it stands still. Their format is in the Intel SDM,
//! volume 3A, section 4.3, "32-bit paging".

use std::collections::BTreeMap;
use std::fmt;

/// Entries in a page directory or a page table.
pub const ENTRIES: u32 = 1024;

/// Bytes in a page.
pub(super) const PAGE: u32 = 4096;
/// Bytes that an entry of a page directory covers.
pub(super) const LARGE_PAGE: u32 = PAGE * ENTRIES;

pub(super) const PRESENT: u32 = 1 << 0;
const WRITABLE: u32 = 1 << 1;
const USER: u32 = 1 << 2;
pub(super) const LARGE: u32 = 1 << 7;
/// In the entry of a 4 MiB page: bits 32 to 39 of its physical address.
const LARGE_PAGE_BEYOND: u32 = 0xFF << 13;

/// A frame's words, as the processor reads them.
pub type Words = [u32; ENTRIES as usize];

/// The memory from which a walk reads its frames.
pub trait Memory {
    /// The words of the frame with this number, or `None` if there is no such memory.
    fn frame(&mut self, number: u32) -> Option<Words>;
}

/// Frames that were copied from a machine that stood still, and the directory that
/// was loaded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// The register that names the directory.
    pub cr3: u32,
    /// Frames by their number.
    pub frames: BTreeMap<u32, Words>,
}

impl Memory for Snapshot {
    fn frame(&mut self, number: u32) -> Option<Words> {
        self.frames.get(&number).copied()
    }
}

impl Snapshot {
    /// Copies the frames that are needed to translate these addresses; with `None`, to
    /// translate all addresses.
    pub fn take(cr3: u32, addresses: Option<&[u32]>, memory: &mut impl Memory) -> Self {
        let mut snapshot = Self { cr3, frames: BTreeMap::new() };
        let Some(directory) = memory.frame(cr3 / PAGE) else { return snapshot };
        snapshot.frames.insert(cr3 / PAGE, directory);
        let needed = |index: u32| addresses.is_none_or(|all| all.iter().any(|address| address / LARGE_PAGE == index));
        for (index, entry) in (0..).zip(directory) {
            let number = entry / PAGE;
            if entry & PRESENT != 0 && entry & LARGE == 0 && needed(index) && !snapshot.frames.contains_key(&number) {
                snapshot.frames.extend(memory.frame(number).map(|words| (number, words)));
            }
        }
        snapshot
    }
}

/// The rights that both levels together give.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rights {
    /// Writing is allowed.
    pub writable: bool,
    /// Ring 3 may use the page.
    pub user: bool,
}

impl Rights {
    /// `r--`, `rw-`, `r-u` or `rwu`, as the kernel writes them.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [(false, false), (true, false), (false, true), (true, true)];
        all.into_iter().map(|(writable, user)| Self { writable, user }).find(|rights| rights.to_string() == text)
    }

    /// What an entry allows.
    pub(super) fn of(entry: u32) -> Self {
        Self { writable: entry & WRITABLE != 0, user: entry & USER != 0 }
    }

    /// What both allow.
    pub(super) fn and(self, other: Self) -> Self {
        Self { writable: self.writable && other.writable, user: self.user && other.user }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}{}", if self.writable { 'w' } else { '-' }, if self.user { 'u' } else { '-' })
    }
}

/// Where an address leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Translation {
    /// The byte of physical memory.
    pub physical: u32,
    /// What may be done with it.
    pub rights: Rights,
    /// Whether it is in a 4 MiB page.
    pub large: bool,
}

/// Why an address leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// The frame that CR3 names is no memory.
    NoDirectory,
    /// The directory's entry at this index is not present.
    InDirectory {
        /// The index.
        index: u32,
        /// The entry's bits.
        entry: u32,
    },
    /// The directory's entry names a table that is no memory.
    NoTable {
        /// The number of the frame that is named.
        frame: u32,
    },
    /// The table's entry at this index is not present.
    InTable {
        /// The table's frame.
        frame: u32,
        /// The index.
        index: u32,
        /// The entry's bits.
        entry: u32,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory => write!(f, "the register CR3 names no memory"),
            Self::InDirectory { index, entry } => {
                write!(f, "entry {index} of the page directory is not present ({entry:#010x})")
            }
            Self::NoTable { frame } => write!(f, "the page directory names frame {frame:#x}, which is no memory"),
            Self::InTable { frame, index, entry } => {
                write!(f, "entry {index} of the page table in frame {frame:#x} is not present ({entry:#010x})")
            }
        }
    }
}

/// Translates an address as the processor does.
///
/// # Errors
/// The entry or frame that is missing on the way.
pub fn translate(memory: &mut impl Memory, cr3: u32, address: u32) -> Result<Translation, Missing> {
    let index = address / LARGE_PAGE;
    let upper = memory.frame(cr3 / PAGE).ok_or(Missing::NoDirectory)?[index as usize];
    if upper & PRESENT == 0 {
        return Err(Missing::InDirectory { index, entry: upper });
    }
    if upper & LARGE != 0 {
        let physical = upper / LARGE_PAGE * LARGE_PAGE + address % LARGE_PAGE;
        return Ok(Translation { physical, rights: Rights::of(upper), large: true });
    }
    let frame = upper / PAGE;
    let index = address / PAGE % ENTRIES;
    let lower = memory.frame(frame).ok_or(Missing::NoTable { frame })?[index as usize];
    if lower & PRESENT == 0 {
        return Err(Missing::InTable { frame, index, entry: lower });
    }
    let physical = lower / PAGE * PAGE + address % PAGE;
    Ok(Translation { physical, rights: Rights::of(upper).and(Rights::of(lower)), large: false })
}

/// Pages that follow each other and have the same rights and size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The first page's number.
    pub first: u32,
    /// How many pages there are.
    pub pages: u32,
    /// The number of the first page's frame.
    pub frame: u32,
    /// Whether the frames follow each other as well.
    pub contiguous: bool,
    /// What may be done with each of them.
    pub rights: Rights,
    /// Whether they are 4 MiB pages.
    pub large: bool,
}

/// Everything that a directory maps, from the lowest address to the highest, in
/// few runs.
pub fn runs(memory: &mut impl Memory, cr3: u32) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let Some(directory) = memory.frame(cr3 / PAGE) else { return runs };
    for (index, upper) in (0..).zip(directory) {
        let first = index * ENTRIES;
        if upper & PRESENT == 0 {
            continue;
        }
        if upper & LARGE != 0 {
            let frame = upper / LARGE_PAGE * ENTRIES;
            add(
                &mut runs,
                Run { first, pages: ENTRIES, frame, contiguous: true, rights: Rights::of(upper), large: true },
            );
            continue;
        }
        for (number, lower) in (first..).zip(memory.frame(upper / PAGE).into_iter().flatten()) {
            if lower & PRESENT != 0 {
                let rights = Rights::of(upper).and(Rights::of(lower));
                let frame = lower / PAGE;
                add(&mut runs, Run { first: number, pages: 1, frame, contiguous: true, rights, large: false });
            }
        }
    }
    runs
}

/// Whether a directory maps anything from this physical address on.
pub fn reaches(memory: &mut impl Memory, cr3: u32, physical: u32) -> bool {
    let Some(directory) = memory.frame(cr3 / PAGE) else { return false };
    directory.into_iter().filter(|upper| upper & PRESENT != 0).any(|upper| {
        if upper & LARGE != 0 {
            // Bits of a physical address beyond 4 GiB are in the lower ones of the entry.
            return upper & LARGE_PAGE_BEYOND != 0 || upper / LARGE_PAGE >= physical / LARGE_PAGE;
        }
        let mut lower = memory.frame(upper / PAGE).into_iter().flatten();
        upper / PAGE >= physical / PAGE || lower.any(|lower| lower & PRESENT != 0 && lower / PAGE >= physical / PAGE)
    })
}

/// The kinds of entries of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// Not present.
    Empty,
    /// It maps a 4 MiB page.
    LargePage,
    /// It names a table with this many pages in it.
    Table(u32),
    /// It names a table that is no memory.
    NoMemory,
}

/// All entries of a directory, in order.
pub fn slots(memory: &mut impl Memory, cr3: u32) -> Vec<Slot> {
    let directory = memory.frame(cr3 / PAGE).unwrap_or([0; ENTRIES as usize]);
    let slot = |entry: u32| match memory.frame(entry / PAGE) {
        _ if entry & PRESENT == 0 => Slot::Empty,
        _ if entry & LARGE != 0 => Slot::LargePage,
        Some(words) => Slot::Table(words.iter().filter(|lower| *lower & PRESENT != 0).count() as u32),
        None => Slot::NoMemory,
    };
    directory.into_iter().map(slot).collect()
}

/// Adds a run. If it continues the last run, it becomes part of that.
fn add(runs: &mut Vec<Run>, run: Run) {
    if !runs.last_mut().is_some_and(|last| last.take_in(&run)) {
        runs.push(run);
    }
}

impl Run {
    /// Takes another run in, if it continues this one. Returns whether it does.
    pub(super) fn take_in(&mut self, next: &Self) -> bool {
        if self.first + self.pages != next.first || self.rights != next.rights || self.large != next.large {
            return false;
        }
        let goes_on = self.frame + self.pages == next.frame;
        // Two pages are no pattern yet: a run of scattered frames may begin with
        // two that happen to be neighbours, or the other way round.
        if self.contiguous != goes_on && self.pages != 1 {
            return false;
        }
        self.contiguous = goes_on;
        self.pages += next.pages;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An image of physical memory: so many frames, poisoned.
    struct Image(Vec<u32>);

    impl Image {
        fn new(frames: usize) -> Self {
            Self(vec![0xDEAD_BEEF; frames * 1024])
        }

        fn clear(&mut self, frame: u32) {
            self.0[frame as usize * 1024..][..1024].fill(0);
        }

        fn set(&mut self, frame: u32, index: u32, entry: u32) {
            self.0[(frame * 1024 + index) as usize] = entry;
        }
    }

    impl Memory for Image {
        fn frame(&mut self, number: u32) -> Option<Words> {
            self.0.get(number as usize * 1024..)?.first_chunk().copied()
        }
    }

    const KR: Rights = Rights { writable: false, user: false };
    const KW: Rights = Rights { writable: true, user: false };
    const UW: Rights = Rights { writable: true, user: true };
    const CR3: u32 = 0x1000;

    /// A directory in frame 1, a table in frame 2 for 0x0800_0000, a table that is
    /// no memory for 0x1000_0000, and a 4 MiB page for 0xC040_0000.
    fn image() -> Image {
        let mut image = Image::new(8);
        image.clear(1);
        image.clear(2);
        image.set(1, 0x20, 0x2000 | PRESENT | WRITABLE | USER);
        image.set(1, 0x40, 0x7777_7000 | PRESENT);
        image.set(1, 0x301, 0x0040_0000 | PRESENT | WRITABLE | LARGE);
        image.set(2, 0x48, 0x0005_0000 | PRESENT | WRITABLE | USER);
        image.set(2, 0x49, 0x0005_1000 | PRESENT | USER);
        image.set(2, 0x4A, 0x0005_2000 | WRITABLE | USER);
        image
    }

    #[test]
    fn addresses_lead_where_the_tables_say() {
        let mut image = image();
        let mut at = |address| translate(&mut image, CR3, address);
        assert_eq!(at(0x0804_8123), Ok(Translation { physical: 0x5_0123, rights: UW, large: false }));
        assert_eq!(at(0x0804_9FFF).unwrap().rights, Rights { writable: false, user: true });
        assert_eq!(at(0xC052_3456), Ok(Translation { physical: 0x52_3456, rights: KW, large: true }));
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut image = image();
        let mut at = |cr3, address| translate(&mut image, cr3, address).unwrap_err();
        assert_eq!(at(CR3, 0x0400_0000), Missing::InDirectory { index: 0x10, entry: 0 });
        let entry = 0x0005_2000 | WRITABLE | USER;
        assert_eq!(at(CR3, 0x0804_A000), Missing::InTable { frame: 2, index: 0x4A, entry });
        assert_eq!(at(CR3, 0x1000_0000), Missing::NoTable { frame: 0x77777 });
        assert_eq!(at(0x7777_7000, 0), Missing::NoDirectory);
    }

    #[test]
    fn both_levels_have_to_allow() {
        let mut image = image();
        image.set(1, 0x20, 0x2000 | PRESENT);
        assert_eq!(translate(&mut image, CR3, 0x0804_8000).unwrap().rights, KR);
    }

    #[test]
    fn the_low_bits_of_cr3_do_not_count() {
        let mut image = image();
        assert!(translate(&mut image, CR3 | 0x18, 0x0804_8000).is_ok());
    }

    #[test]
    fn a_snapshot_has_what_its_addresses_need() {
        let mut image = image();
        let snapshot = Snapshot::take(CR3, Some(&[0x0804_8000, 0xC040_0000]), &mut image);
        assert_eq!(snapshot.frames.keys().copied().collect::<Vec<_>>(), [1, 2]);
        let snapshot = Snapshot::take(CR3, Some(&[0x0040_0000]), &mut image);
        assert_eq!(snapshot.frames.keys().copied().collect::<Vec<_>>(), [1]);
        assert!(Snapshot::take(0x7777_7000, None, &mut image).frames.is_empty());
    }

    #[test]
    fn a_directory_that_maps_itself_is_no_endless_walk() {
        let mut image = image();
        image.set(1, 1023, CR3 | PRESENT | WRITABLE);
        let mut snapshot = Snapshot::take(CR3, None, &mut image);
        assert_eq!(translate(&mut snapshot, CR3, 0xFFFF_F004).unwrap().physical, 0x1004);
    }

    #[test]
    fn neighbours_of_one_sort_are_one_run() {
        let mut image = Image::new(4);
        image.clear(1);
        image.clear(2);
        image.set(1, 0, 0x2000 | PRESENT | WRITABLE);
        // Three in a row, two scattered, one read-only, a gap, and one more.
        for (index, entry) in [(1, 0x10), (2, 0x11), (3, 0x12), (4, 0x20), (5, 0x18)] {
            image.set(2, index, entry << 12 | PRESENT | WRITABLE);
        }
        image.set(2, 6, 0x19_000 | PRESENT);
        image.set(2, 8, 0x1A_000 | PRESENT);
        image.set(1, 1, 0x0040_0000 | PRESENT | LARGE);
        let run =
            |first, pages, frame, contiguous, rights, large| Run { first, pages, frame, contiguous, rights, large };
        assert_eq!(
            runs(&mut image, CR3),
            [
                run(1, 3, 0x10, true, KW, false),
                run(4, 2, 0x20, false, KW, false),
                run(6, 1, 0x19, true, KR, false),
                run(8, 1, 0x1A, true, KR, false),
                run(1024, 1024, 0x400, true, KR, true),
            ]
        );
    }

    #[test]
    fn rights_are_read_as_they_are_written() {
        for text in ["r--", "rw-", "r-u", "rwu"] {
            assert_eq!(Rights::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Rights::parse("rwx"), None);
        assert_eq!(Rights::parse(""), None);
    }

    proptest! {
        /// Whatever is in memory: no walk panics, a snapshot says what memory
        /// says, and the runs cover exactly the pages that are mapped.
        #[test]
        fn any_memory_can_be_walked(
            entries in proptest::collection::vec((0..4u32, 0..1024u32, any::<u32>()), 0..60),
            narrow in any::<bool>(),
            cr3 in 0..0x5000u32,
        ) {
            let mut image = Image::new(4);
            (0..4).for_each(|frame| image.clear(frame));
            for (frame, index, entry) in entries {
                // Mostly frames that are there, so that walks get far.
                image.set(frame, index, if narrow { entry & 0x3FFF } else { entry });
            }
            let mut snapshot = Snapshot::take(cr3, None, &mut image);
            let runs = runs(&mut snapshot, cr3);
            let covered = |page: u32| runs.iter().find(|run| (run.first..run.first + run.pages).contains(&page));
            for page in (0..1 << 20).step_by(37) {
                let found = translate(&mut image, cr3, page << 12);
                prop_assert_eq!(translate(&mut snapshot, cr3, page << 12), found);
                prop_assert_eq!(covered(page).map(|run| run.rights), found.ok().map(|found| found.rights));
            }
        }
    }
}
