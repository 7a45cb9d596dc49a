//! Builds the manager of a check, and asks the questions that the
//! checks have in common.

use core::fmt;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::circumstances;
use kernel_core::labs::Manager;
use kernel_core::memory::paged::{Fault, NoWrite, Owner, PagedMachine};
use kernel_core::words::{Words, told};
use mm_api::layout::{KERNEL_VIRTUAL_START, PAGE_SHIFT, SELF_MAP_START, TEMPORARY_START};
use mm_api::{
    Directory, Entry, EntryFlags, Frame, Page, PageRange, PhysAddr, Protection, Space, TABLE_ENTRIES, TableIndex,
    Translation, VirtAddr, VmmError,
};

pub const KR: Protection = Protection::KERNEL_READ;
pub const KW: Protection = Protection::KERNEL_WRITE;
pub const UR: Protection = Protection::USER_READ;
pub const UW: Protection = Protection::USER_WRITE;

/// Where the code for ring 3 is mapped: a table of its own.
const RING_3_CODE: u32 = 0x7FC0_0000;

/// The manager, the machine under it, and the check's context.
pub struct Subject<'m> {
    /// The lab's manager.
    pub vmm: Manager,
    /// The machine.
    pub machine: &'static PagedMachine,
    /// The check's context.
    pub context: &'m mut Context,
}

/// Runs a check on a manager that has not loaded any directory yet.
pub fn built(context: &mut Context, work: impl FnOnce(&mut Subject<'_>) -> Outcome) -> Outcome {
    let map = context.machine_map();
    let labs = context.labs();
    let frames = match labs.frames(&map, context.machine_lender()) {
        Ok(frames) => frames,
        Err(error) => fail!(expected: ("a frame allocator for this machine"), saw: ("{error}")),
    };
    let machine = context.paged_machine(frames)?;
    let mappings = machine.mappings();
    let vmm = match labs.manager(machine.handle(), &machine.layout(&mappings)) {
        Ok(vmm) => vmm,
        Err(error) => fail!(expected: ("new() to make the kernel's directory"), saw: ("{}", told(&error))),
    };
    work(&mut Subject { vmm, machine, context })
}

/// Runs a check on a manager whose kernel directory is loaded.
pub fn booted(context: &mut Context, work: impl FnOnce(&mut Subject<'_>) -> Outcome) -> Outcome {
    built(context, |subject| {
        subject.load(Space::Kernel)?;
        work(subject)
    })
}

impl Subject<'_> {
    /// Loads a space, and makes sure that it is the one that was loaded.
    pub fn load(&mut self, space: Space<'_>) -> Outcome {
        let root = self.vmm.root(space);
        circumstances::during(format_args!("load({})", Named(space)), || self.vmm.load(space));
        let loaded = self.machine.directory();
        ensure!(loaded == root, expected: ("load({}) to load {root}", Named(space)), saw: ("{loaded} in CR3"));
        let current = self.vmm.root(Space::Current);
        ensure!(
            current == root,
            expected: ("root(Current) to be {root} after load({})", Named(space)),
            saw: ("{current}")
        );
        Ok(())
    }

    /// A frame for the check itself.
    pub fn frame(&mut self) -> Result<Frame, Failed> {
        match self.machine.take_frame() {
            Some(frame) => Ok(frame),
            None => fail!(expected: ("a free frame for the check"), saw: ("none is left")),
        }
    }

    /// A page of the user half that the seed chooses. Each slot, from 0 to 15, has 16 MiB that no
    /// check uses for anything else.
    pub fn user_page(&mut self, slot: u32) -> Page {
        page(0x9000_0000 + slot * 0x0100_0000 + self.context.rng().below(0x1000) * 0x1000)
    }

    /// A page of the kernel half that the seed chooses: each slot, from 0 to 7, has 4 MiB.
    pub fn kernel_page(&mut self, slot: u32) -> Page {
        page(0xF900_0000 + slot * 0x0040_0000 + self.context.rng().below(0x400) * 0x1000)
    }

    /// A protection that the seed chooses.
    pub fn protection(&mut self) -> Protection {
        [KR, KW, UR, UW][self.context.rng().below(4) as usize]
    }

    /// A directory for a process.
    pub fn directory(&mut self) -> Result<Directory, Failed> {
        match self.vmm.create_directory() {
            Ok(directory) => {
                let owner = self.machine.owner(directory.frame());
                ensure!(
                    owner == Owner::Tables,
                    expected: ("create_directory() to answer with a frame that it took"),
                    saw: ("{}", directory.frame())
                );
                Ok(directory)
            }
            Err(error) => fail!(expected: ("create_directory() to make a directory"), saw: ("{}", told(&error))),
        }
    }

    /// Maps a page, which has to succeed.
    pub fn map(&mut self, space: Space<'_>, page: Page, frame: Frame, protection: Protection) -> Outcome {
        let call = format_args!("map({}, {page}, {frame}, {protection})", Named(space));
        let mapping = || self.machine.while_mapping(frame, || self.vmm.map(space, page, frame, protection));
        let answer = circumstances::during(call, mapping);
        ensure_answer(answer, Ok(()), call)
    }

    /// Maps a page to a new frame of the check's.
    pub fn map_new(&mut self, space: Space<'_>, page: Page, protection: Protection) -> Result<Frame, Failed> {
        let frame = self.frame()?;
        self.map(space, page, frame, protection)?;
        Ok(frame)
    }

    /// Unmaps a page, which has to return `frame`.
    pub fn unmap(&mut self, space: Space<'_>, page: Page, frame: Frame) -> Outcome {
        let call = format_args!("unmap({}, {page})", Named(space));
        let answer = circumstances::during(call, || self.vmm.unmap(space, page));
        ensure_answer(answer, Ok(frame), call)
    }

    /// Changes a protection, which has to succeed.
    pub fn protect(&mut self, space: Space<'_>, page: Page, protection: Protection) -> Outcome {
        let call = format_args!("protect({}, {page}, {protection})", Named(space));
        let answer = circumstances::during(call, || self.vmm.protect(space, page, protection));
        ensure_answer(answer, Ok(()), call)
    }

    /// Allocates pages for the kernel, which has to succeed.
    pub fn allocate(&mut self, pages: u32) -> Result<PageRange, Failed> {
        let answer = circumstances::during(format_args!("allocate({pages})"), || self.vmm.allocate(pages));
        let range = match answer {
            Ok(range) => range,
            Err(error) => fail!(expected: ("allocate({pages}) to find {pages} pages"), saw: ("{}", told(&error))),
        };
        ensure!(range.len() == pages, expected: ("allocate({pages}) to answer with {pages} pages"), saw: ("{}", told(&range)));
        Ok(range)
    }

    /// Frees pages of the kernel, which has to succeed.
    pub fn free(&mut self, range: PageRange) -> Outcome {
        let call = format_args!("free({range})", range = told(&range));
        ensure_answer(circumstances::during(call, || self.vmm.free(range)), Ok(()), call)
    }

    /// Allocates pages of a space, which has to succeed.
    pub fn allocate_in(&mut self, space: Space<'_>, range: PageRange, protection: Protection) -> Outcome {
        let (first, pages) = (range.first(), range.len());
        let call = format_args!("allocate_in({}, {first}, {pages}, {protection})", Named(space));
        let answer = circumstances::during(call, || self.vmm.allocate_in(space, first, pages, protection));
        ensure_answer(answer, Ok(()), call)
    }

    /// Frees pages of a space, which has to succeed.
    pub fn free_in(&mut self, space: Space<'_>, range: PageRange) -> Outcome {
        let (first, pages) = (range.first(), range.len());
        let call = format_args!("free_in({}, {first}, {pages})", Named(space));
        let answer = circumstances::during(call, || self.vmm.free_in(space, first, pages));
        ensure_answer(answer, Ok(()), call)
    }

    /// What the tables of a space say, by a walk that does not ask the manager.
    pub fn truth(&self, space: Space<'_>, address: VirtAddr) -> Option<Translation> {
        let walk = self.machine.walk(self.vmm.root(space), address).ok()?;
        Some(Translation { address: walk.address, protection: walk.protection() })
    }

    /// Claims what the manager says about an address of the loaded space, for
    /// the grader to compare at the next checkpoint.
    pub fn claim(&self, address: VirtAddr) {
        self.context.claim(address, self.vmm.translate(Space::Current, address));
    }

    /// Fails unless the tables of a space map `page` to `frame` with this protection.
    pub fn ensure_mapped(&self, space: Space<'_>, page: Page, frame: Frame, protection: Protection) -> Outcome {
        let expected = Some(Translation { address: frame.start(), protection });
        let saw = self.truth(space, page.start());
        ensure!(
            saw == expected,
            expected: ("{page} in the tables of {} to be {}", Named(space), Shown(expected)),
            saw: ("{}", Shown(saw))
        );
        let walk = self.machine.walk(self.vmm.root(space), page.start());
        ensure!(
            page.is_kernel() || !walk.is_ok_and(|walk| walk.leaf().has(EntryFlags::GLOBAL)),
            expected: ("{page} not to be global, so that loading another directory forgets it"),
            saw: ("the global bit in its entry, in the tables of {}", Named(space))
        );
        Ok(())
    }

    /// Fails unless the tables of a space do not map `page`.
    pub fn ensure_not_mapped(&self, space: Space<'_>, page: Page, when: &str) -> Outcome {
        let saw = self.truth(space, page.start());
        ensure!(
            saw.is_none(),
            expected: ("{page} not to be mapped in the tables of {}, {when}", Named(space)),
            saw: ("{}", Shown(saw))
        );
        Ok(())
    }

    /// Fails unless the processor reads this word at `address`.
    pub fn ensure_reads(&self, address: VirtAddr, word: u32, when: &str) -> Outcome {
        let saw = self.machine.read(address);
        ensure!(
            saw == Ok(word),
            expected: ("the processor to read {word:#010x} at {address}, {when}"),
            saw: ("{}", Access(saw))
        );
        Ok(())
    }

    /// Writes a word to memory that the kernel must be able to write.
    pub fn write(&self, address: VirtAddr, word: u32) -> Outcome {
        let saw = self.machine.write(address, word);
        ensure!(saw.is_ok(), expected: ("the kernel to write to {address}"), saw: ("{}", Access(saw)));
        Ok(())
    }

    /// Fails unless reading from `page` is a page fault because it is not mapped.
    pub fn ensure_faults(&self, page: Page, when: &str) -> Outcome {
        let saw = self.machine.read(page.start());
        ensure!(
            saw == Err(Fault { denied: false, write: false, user: false, execute: false }),
            expected: ("a read from {page} to be a page fault, {when}"),
            saw: ("{}", Access(saw))
        );
        Ok(())
    }

    /// Makes ring 3 usable in a space, for [`ensure_rights`](Self::ensure_rights).
    pub fn prepare_ring_3(&mut self, space: Space<'_>) -> Outcome {
        let page = page(RING_3_CODE);
        let frame = self.map_new(space, page, UR)?;
        self.ensure_mapped(space, page, frame, UR)?;
        self.machine.put_user_code(frame, page);
        Ok(())
    }

    /// Tries all four accesses to a page of the loaded space. Each of them has
    /// to succeed exactly if `protection` allows it.
    pub fn ensure_rights(&self, page: Page, protection: Protection, when: &str) -> Outcome {
        let address = page.start();
        let tries = [
            ("the kernel to read", self.machine.read(address).map(|_| ()).map_err(NoWrite::Fault), true, false, false),
            ("the kernel to write", self.machine.write(address, 0), protection.writable, true, false),
            (
                "ring 3 to read",
                self.machine.read_as_user(address).map(|_| ()).map_err(NoWrite::Fault),
                protection.user,
                false,
                true,
            ),
            (
                "ring 3 to write",
                self.machine.write_as_user(address, 0),
                protection.user && protection.writable,
                true,
                true,
            ),
        ];
        for (what, saw, allowed, write, user) in tries {
            let expected =
                if allowed { Ok(()) } else { Err(NoWrite::Fault(Fault { denied: true, write, user, execute: false })) };
            ensure!(
                saw == expected,
                expected: ("{what} at {page}, which is {protection}, {when}: {}", Access(expected)),
                saw: ("{}", Access(saw))
            );
        }
        Ok(())
    }

    /// Fails unless exactly these pages were flushed since the last call, once
    /// each and in any order. Pages of a self-map do not count.
    pub fn ensure_flushed(&self, pages: &[Page], when: fmt::Arguments<'_>) -> Outcome {
        let flushes = self.machine.take_flushes();
        ensure!(
            flushes.all() == 0,
            expected: ("{when} to flush {} pages one by one", pages.len()),
            saw: ("all translations flushed, {} times", flushes.all())
        );
        let noted = || flushes.pages().iter().filter(|page| page.start() < SELF_MAP_START);
        if let Some(other) = noted().find(|page| !pages.contains(page)) {
            fail!(expected: ("{when} to flush {}", Pages(pages)), saw: ("a flush of {other}"));
        }
        for page in pages {
            let count = noted().filter(|noted| *noted == page).count();
            ensure!(count == 1, expected: ("{when} to flush {page} once"), saw: ("{count} flushes of it"));
        }
        Ok(())
    }

    /// Forgets the flushes so far.
    pub fn forget_flushes(&self) {
        self.machine.take_flushes();
    }

    /// All state that an operation could change: the mappings in the user half and in
    /// the changeable kernel half of some spaces, and how many frames are taken.
    pub fn state_of(&self, spaces: &[Space<'_>]) -> State {
        let mut state = State { mappings: 0, digest: 0, frames: self.machine.managers_frames() };
        for space in spaces {
            let root = self.vmm.root(*space);
            let changeable = PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START);
            for index in TableIndex::all() {
                let first = Page::from_indices(index, FIRST);
                if first.is_kernel() && !changeable.contains(first) {
                    continue;
                }
                let upper = self.machine.with_words(root, |words| words[index.as_u32() as usize]).unwrap_or(0);
                let upper = Entry::from_bits(upper);
                if upper.is_present() {
                    self.machine.with_words(upper.frame(), |words| state.add_table(first, upper, words));
                }
            }
        }
        state
    }

    /// Fails unless all of it is as before.
    pub fn ensure_unchanged(&self, spaces: &[Space<'_>], before: &State, when: fmt::Arguments<'_>) -> Outcome {
        let after = self.state_of(spaces);
        ensure!(
            after.frames == before.frames,
            expected: ("{when} to leave the manager with its {} frames", before.frames),
            saw: ("it has {}", after.frames)
        );
        ensure!(
            after.mappings == before.mappings,
            expected: ("{when} to change no mapping"),
            saw: ("{} pages mapped, before it {}", after.mappings, before.mappings)
        );
        ensure!(
            after.digest == before.digest,
            expected: ("{when} to change no mapping"),
            saw: ("some page's frame or protection changed")
        );
        Ok(())
    }

    /// Maps and unmaps a page in each 4 MiB of the changeable kernel half. A manager
    /// that keeps its tables there has all of them from then on, so that they do not
    /// count as a change.
    pub fn make_kernel_tables(&mut self) -> Outcome {
        let frame = self.frame()?;
        for page in kernel_tables() {
            self.map(Space::Kernel, page, frame, KW)?;
            self.unmap(Space::Kernel, page, frame)?;
        }
        self.machine.give_back(frame);
        self.forget_flushes();
        Ok(())
    }
}

/// The first page in each table.
const FIRST: TableIndex = TableIndex::new(0).unwrap();

/// The first page of each table in the changeable kernel half.
pub fn kernel_tables() -> impl Iterator<Item = Page> {
    PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START).iter().step_by(TABLE_ENTRIES as usize)
}

/// The result of [`Subject::state_of`].
pub struct State {
    mappings: u32,
    digest: u32,
    /// Frames that the manager has.
    pub frames: u32,
}

impl State {
    fn add_table(&mut self, first: Page, upper: Entry, words: &[u32; 1024]) {
        const RIGHTS: EntryFlags = EntryFlags::WRITABLE.union(EntryFlags::USER);
        for (number, word) in (first.number()..).zip(words) {
            let entry = Entry::from_bits(*word);
            if entry.is_present() {
                let rights = entry.flags() & upper.flags() & RIGHTS;
                self.mappings += 1;
                for part in [number, entry.frame().number(), rights.bits()] {
                    // FNV-1a, a word at a time.
                    self.digest = (self.digest ^ part).wrapping_mul(0x0100_0193);
                }
            }
        }
    }
}

/// Fails unless `answer` is the expected one; `call` names the call.
pub fn ensure_answer<T: PartialEq + Words>(
    saw: Result<T, VmmError>,
    expected: Result<T, VmmError>,
    call: fmt::Arguments<'_>,
) -> Outcome {
    ensure!(saw == expected, expected: ("{call} to answer {expected}", expected = told(&expected)), saw: ("{}", told(&saw)));
    Ok(())
}

/// The page at an address that is written in a check.
pub fn page(address: u32) -> Page {
    Page::containing(VirtAddr::new(address))
}

/// `len` pages from an address that is written in a check.
pub fn range(address: u32, pages: u32) -> PageRange {
    PageRange::between(VirtAddr::new(address), VirtAddr::new(address + pages * mm_api::layout::PAGE_SIZE))
}

/// Frames that a page may be mapped to, memory or not: their numbers have up to 20 bits.
pub fn any_frames() -> impl Iterator<Item = Frame> {
    let numbers = [0, 0xB8, 0x1_0000, 0x4_3210, 0x8_0000, 0xF_EE00, 0xF_FFFF];
    numbers.into_iter().map(|number| Frame::containing(PhysAddr::new(number << PAGE_SHIFT)))
}

/// A word of memory, in words.
pub struct Word(pub Option<u32>);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(word) => write!(f, "{word:#010x}"),
            None => f.write_str("a frame that nobody was given"),
        }
    }
}

/// A space in words.
pub struct Named<'a>(pub Space<'a>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Space::Current => f.write_str("Current"),
            Space::Kernel => f.write_str("Kernel"),
            Space::Of(directory) => write!(f, "the directory in {}", directory.frame()),
        }
    }
}

/// A translation in words.
pub struct Shown(pub Option<Translation>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("not mapped"),
            Some(Translation { address, protection }) => {
                write!(f, "mapped to {address}, {protection}")
            }
        }
    }
}

/// The outcome of an access, in words.
pub struct Access<T, E>(pub Result<T, E>);

impl fmt::Display for Access<u32, Fault> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(word) => write!(f, "it reads {word:#010x}"),
            Err(fault) => fault_in_words(fault, f),
        }
    }
}

impl fmt::Display for Access<(), NoWrite> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(()) => f.write_str("it goes through"),
            Err(NoWrite::Fault(fault)) => fault_in_words(fault, f),
            Err(NoWrite::Foreign(frame)) => write!(f, "the page is mapped to {frame}, which was not given to anyone"),
        }
    }
}

fn fault_in_words(fault: Fault, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let why = if fault.denied { "it is not allowed" } else { "the page is not mapped" };
    write!(f, "a page fault: {why}")
}

/// Some pages in words.
struct Pages<'a>(&'a [Page]);

impl fmt::Display for Pages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("nothing"),
            [page] => write!(f, "{page} only"),
            [first, .., last] => write!(f, "{} pages from {first} to {last}", self.0.len()),
        }
    }
}
