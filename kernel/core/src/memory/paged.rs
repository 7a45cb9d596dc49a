//! The machine that page tables stand on: the processor, and frames that a
//! frame allocator hands out.
//!
//! What a virtual memory manager does with it may be wrong in any way. So each
//! frame is noted that it was given, it reaches no other, and no directory is
//! loaded under which the kernel could not go on. Whatever it does against
//! that is a panic that names its own line.

use core::fmt;

use mm_api::layout::{
    DIRECT_MAP_SIZE, KERNEL_BASE, KERNEL_VIRTUAL_START, PAGE_SIZE, SELF_MAP_START, TEMPORARY_END, TEMPORARY_START,
};
use mm_api::{
    Entry, EntryFlags, Frame, FrameAllocator, FrameSource, FreeError, KernelLayout, KernelMapping, MemoryMap, Page,
    PhysAddr, PhysMemory, SelfMap, TABLE_ENTRIES, TableIndex, Tlb, VirtAddr,
};
use mm_oracle::walk::{NotPresent, Walk, walk};
use spin::{Mutex, MutexGuard};

use super::lender::Lender;
use super::{direct, reach, scratch};
use crate::arch::{fill, paging, probe};
use crate::check::{Context, Failed};
use crate::machine::Machine as TheMachine;

pub use crate::arch::probe::Fault;

/// What a frame contains when it is handed out, in every word. As an entry of a
/// page table it is present.
pub const POISON: u32 = 0xDEAD_BEEF;

/// The directory's entries for the direct map.
const DIRECT_MAP_ENTRIES: usize = (DIRECT_MAP_SIZE / (PAGE_SIZE * TABLE_ENTRIES)) as usize;
/// The first of them.
const FIRST_DIRECT_MAP_ENTRY: usize = Page::containing(KERNEL_BASE).directory_index().as_u32() as usize;

/// Flushed pages that are noted one by one.
const NOTED_FLUSHES: usize = 128;

/// What the processor was told to forget.
pub struct Flushes {
    pages: [Page; NOTED_FLUSHES],
    count: usize,
    /// How many times everything was to be forgotten.
    pub all: u32,
}

impl Flushes {
    const NONE: Self = Self { pages: [Page::NULL; NOTED_FLUSHES], count: 0, all: 0 };

    /// The pages that were flushed one by one, in order; the first 128 of them.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages[..self.count.min(NOTED_FLUSHES)]
    }

    /// How many pages were flushed one by one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    fn note(&mut self, page: Page) {
        if let Some(place) = self.pages.get_mut(self.count) {
            *place = page;
        }
        self.count = self.count.saturating_add(1);
    }
}

/// Whom a frame was handed out to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// Nobody.
    Nobody,
    /// The virtual memory manager: it is a table, or belongs to an allocation.
    Manager,
    /// The check, which has it mapped.
    Check,
}

/// A frame allocator, whichever it is.
pub trait Frames: Send {
    /// See [`FrameAllocator::allocate`].
    fn allocate(&mut self) -> Option<Frame>;
    /// See [`FrameAllocator::free`].
    ///
    /// # Errors
    /// As there.
    fn free(&mut self, frame: Frame) -> Result<(), FreeError>;
    /// See [`FrameAllocator::free_frames`].
    fn free_frames(&self) -> u32;
}

impl<A: FrameAllocator + Send> Frames for A {
    fn allocate(&mut self) -> Option<Frame> {
        FrameAllocator::allocate(self)
    }

    fn free(&mut self, frame: Frame) -> Result<(), FreeError> {
        FrameAllocator::free(self, frame)
    }

    fn free_frames(&self) -> u32 {
        FrameAllocator::free_frames(self)
    }
}

/// The machine: for one check, or for the running system.
///
/// Nobody ever waits for it. There is one processor, so whoever finds it in use
/// would wait for ever; that is a panic.
pub struct PagedMachine<'f>(Mutex<State<'f>>);

struct State<'f> {
    frames: &'f mut dyn Frames,
    ledger: Ledger,
    /// How many more frames the manager may have; `None`: all there are.
    allowance: Option<u32>,
    flushes: Flushes,
    pieces: [KernelMapping; 5],
    /// The directory's entries for the direct map, as they were found right
    /// when a directory was loaded the last time.
    sound: [Entry; DIRECT_MAP_ENTRIES],
    /// Where the code is that probes execute in ring 3, once it is mapped.
    user_code: Option<VirtAddr>,
}

/// Whose each frame is: two bits for each. A frame that was given back keeps
/// the fourth value, for it is poisoned already.
struct Ledger {
    words: &'static mut [u32],
    manager: u32,
    /// Which frames are memory that nobody else uses, one bit each.
    usable: &'static mut [u32],
}

// What two bits of the ledger say. Zero stands for a frame that was never used.
const MANAGER: u32 = 1;
const CHECK: u32 = 2;
const POISONED: u32 = 3;

impl Ledger {
    fn owner(&self, frame: Frame) -> Owner {
        let word = self.words.get((frame.number() / 16) as usize).copied().unwrap_or(0);
        match word >> (frame.number() % 16 * 2) & 3 {
            MANAGER => Owner::Manager,
            CHECK => Owner::Check,
            _ => Owner::Nobody,
        }
    }

    /// Whether the frame was given back, and so poisoned.
    fn is_poisoned(&self, frame: Frame) -> bool {
        let word = self.words.get((frame.number() / 16) as usize).copied().unwrap_or(0);
        word >> (frame.number() % 16 * 2) & 3 == POISONED
    }

    fn set(&mut self, frame: Frame, owner: Owner) {
        self.manager -= u32::from(self.owner(frame) == Owner::Manager);
        self.manager += u32::from(owner == Owner::Manager);
        let shift = frame.number() % 16 * 2;
        let value = match owner {
            Owner::Manager => MANAGER,
            Owner::Check => CHECK,
            Owner::Nobody => POISONED,
        };
        if let Some(word) = self.words.get_mut((frame.number() / 16) as usize) {
            *word = *word & !(3 << shift) | value << shift;
        }
    }

    fn is_usable(&self, frame: Frame) -> bool {
        let word = self.usable.get((frame.number() / u32::BITS) as usize).copied().unwrap_or(0);
        word & 1 << (frame.number() % u32::BITS) != 0
    }
}

impl<'f> PagedMachine<'f> {
    /// The machine, for a check: with a frame allocator that was built for its
    /// memory map and with its lender.
    ///
    /// # Errors
    /// Fails the check if there is no scratch memory left.
    pub fn new(context: &mut Context, frames: &'f mut dyn Frames) -> Result<Self, Failed> {
        let machine = context.machine();
        match Self::start(machine, context.machine_lender(), frames) {
            Some(machine) => Ok(machine),
            None => crate::fail!(
                expected: ("scratch memory to note whose each frame is"),
                saw: ("only {} words are left", scratch::left())
            ),
        }
    }

    /// The machine, with a frame allocator that was built for its memory map and
    /// with this lender, the machine's. `None` if the memory that is put aside for
    /// the kernel's records does not suffice.
    pub fn start(machine: &'static TheMachine, lender: &Lender<'_>, frames: &'f mut dyn Frames) -> Option<Self> {
        let map = machine.map();
        let end = last_frame_end(&map);
        let words = scratch::take(end.div_ceil(16))?;
        let usable = scratch::take(end.div_ceil(u32::BITS))?;
        for frame in mm_oracle::usable_ranges(&map).flat_map(|range| range.iter()) {
            if !lender.is_lent(frame) {
                usable[(frame.number() / u32::BITS) as usize] |= 1 << (frame.number() % u32::BITS);
            }
        }
        paging::enable_global_pages();
        Some(Self(Mutex::new(State {
            frames,
            ledger: Ledger { words, manager: 0, usable },
            allowance: None,
            flushes: Flushes::NONE,
            pieces: paging::direct_map_pieces(machine.direct_map_end()),
            sound: [Entry::EMPTY; DIRECT_MAP_ENTRIES],
            user_code: None,
        })))
    }

    /// The machine as a virtual memory manager is given it.
    pub fn handle(&self) -> Handle<'_, 'f> {
        Handle(self)
    }

    /// The direct map as every directory has to hold it.
    pub fn mappings(&self) -> [KernelMapping; 5] {
        self.state().pieces
    }

    /// What the kernel half has to contain.
    pub fn layout<'m>(&self, mappings: &'m [KernelMapping]) -> KernelLayout<'m> {
        KernelLayout { mappings, temporary_table: paging::temporary_table() }
    }

    /// A frame for the check itself, poisoned; `None` if there is no free frame.
    pub fn take_frame(&self) -> Option<Frame> {
        self.state().hand_out(Owner::Check)
    }

    /// Gives back a frame of the check's.
    ///
    /// # Panics
    /// If it is none.
    pub fn give_back(&self, frame: Frame) {
        self.state().take_back(frame, Owner::Check);
    }

    /// Whom a frame was handed out to.
    pub fn owner(&self, frame: Frame) -> Owner {
        self.state().ledger.owner(frame)
    }

    /// How many frames the manager has.
    pub fn managers_frames(&self) -> u32 {
        self.state().ledger.manager
    }

    /// How many frames are free.
    pub fn free_frames(&self) -> u32 {
        self.state().frames.free_frames()
    }

    /// Lets the manager have only so many more frames, or, with `None`, all.
    pub fn allow_frames(&self, allowance: Option<u32>) {
        self.state().allowance = allowance;
    }

    /// What was flushed since the last call.
    pub fn take_flushes(&self) -> Flushes {
        core::mem::replace(&mut self.state().flushes, Flushes::NONE)
    }

    /// The directory that is loaded, as the processor has it.
    pub fn directory(&self) -> Frame {
        paging::current_directory()
    }

    /// What the tables from `root` on say about `address`. Nobody else is asked.
    ///
    /// # Errors
    /// The entry on the way that is not present.
    pub fn walk(&self, root: Frame, address: VirtAddr) -> Result<Walk, NotPresent> {
        self.state().walk(root, address)
    }

    /// Calls `work` with the words of a frame that was handed out; `None` for any
    /// other frame.
    pub fn with_words<R>(&self, frame: Frame, work: impl FnOnce(&[u32; 1024]) -> R) -> Option<R> {
        let state = self.state();
        (state.ledger.owner(frame) != Owner::Nobody).then(|| state.with_words(frame, |words| work(words)))
    }

    /// A word of a frame that was handed out; `None` for any other frame.
    pub fn word(&self, address: PhysAddr) -> Option<u32> {
        let state = self.state();
        let frame = Frame::containing(address);
        (state.ledger.owner(frame) != Owner::Nobody)
            .then(|| state.with_words(frame, |words| words[(address.page_offset() / 4) as usize]))
    }

    /// Fills a frame of the check's with a word.
    ///
    /// # Panics
    /// If it is none.
    pub fn fill(&self, frame: Frame, word: u32) {
        let state = self.state();
        assert!(state.ledger.owner(frame) == Owner::Check, "{frame} is not the check's");
        state.with_words(frame, |words| fill::words(words, word));
    }

    /// Calls `work` with the bytes of a frame of the check's.
    ///
    /// # Panics
    /// If it is none.
    pub fn with_bytes<R>(&self, frame: Frame, work: impl FnOnce(&mut [u8]) -> R) -> R {
        let state = self.state();
        assert!(state.ledger.owner(frame) == Owner::Check, "{frame} is not the check's");
        state.with_words(frame, |words| work(bytemuck::cast_slice_mut(words)))
    }

    /// Reads the word at `address`, as the kernel.
    ///
    /// # Errors
    /// The page fault that the access ends in.
    pub fn read(&self, address: VirtAddr) -> Result<u32, Fault> {
        probe::read(address)
    }

    /// Writes a word to `address`, as the kernel.
    ///
    /// # Errors
    /// The page fault that the access ends in; or, before it is tried, that the
    /// tables lead to memory of the kernel's.
    pub fn write(&self, address: VirtAddr, value: u32) -> Result<(), NoWrite> {
        self.state().ensure_harmless(address)?;
        // SAFETY: the tables lead to a frame that was handed out for this, or to
        // none; what the processor may remember was such a frame, too.
        unsafe { probe::write(address, value) }.map_err(NoWrite::Fault)
    }

    /// Copies the code that accesses in ring 3 need into a frame of the check's,
    /// which is mapped for users at `page` in the directories in question.
    pub fn put_user_code(&self, frame: Frame, page: Page) {
        let mut state = self.state();
        assert!(state.ledger.owner(frame) == Owner::Check, "{frame} is not the check's");
        state.with_words(frame, |words| words[..probe::USER_CODE_WORDS].copy_from_slice(&probe::user_code()));
        state.user_code = Some(page.start());
    }

    /// Reads the word at `address` in ring 3.
    ///
    /// # Errors
    /// The page fault that the access ends in.
    ///
    /// # Panics
    /// If [`put_user_code`](Self::put_user_code) was not called, or users may not
    /// read the page that it was told.
    pub fn read_as_user(&self, address: VirtAddr) -> Result<u32, Fault> {
        let code = self.state().user_code.expect("there is code for ring 3");
        probe::read_as_user(address, code)
    }

    /// Writes a word to `address` in ring 3.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Panics
    /// As [`read_as_user`](Self::read_as_user).
    pub fn write_as_user(&self, address: VirtAddr, value: u32) -> Result<(), NoWrite> {
        let code = self.state().user_code.expect("there is code for ring 3");
        self.state().ensure_harmless(address)?;
        // SAFETY: as in `write`.
        unsafe { probe::write_as_user(address, value, code) }.map_err(NoWrite::Fault)
    }

    #[track_caller]
    fn state(&self) -> MutexGuard<'_, State<'f>> {
        self.0.try_lock().expect("the machine is asked for something in the middle of something else")
    }
}

/// Why a word was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoWrite {
    /// The write is a page fault.
    Fault(Fault),
    /// It was not tried: the tables lead to this frame, which nobody was given.
    Foreign(Frame),
}

impl State<'_> {
    #[track_caller]
    fn hand_out(&mut self, owner: Owner) -> Option<Frame> {
        let frame = self.frames.allocate()?;
        let free = self.ledger.is_usable(frame) && self.ledger.owner(frame) == Owner::Nobody;
        assert!(free, "the frame allocator handed out {frame}, which is in use or no memory at all");
        let poisoned = self.ledger.is_poisoned(frame);
        self.ledger.set(frame, owner);
        if !poisoned {
            self.with_words(frame, |words| fill::words(words, POISON));
        }
        Some(frame)
    }

    #[track_caller]
    fn take_back(&mut self, frame: Frame, owner: Owner) {
        match self.ledger.owner(frame) {
            found if found == owner => {}
            Owner::Nobody => {
                panic!("{frame} is given back, but it is not in use: it was given back before, or never taken")
            }
            _ => panic!("{frame} is given back, but it belongs to the caller of map()"),
        }
        self.with_words(frame, |words| fill::words(words, POISON));
        self.ledger.set(frame, Owner::Nobody);
        if let Err(error) = self.frames.free(frame) {
            panic!("the frame allocator does not take back {frame}: {error}");
        }
    }

    /// Calls `work` with the words of a frame that was handed out.
    fn with_words<R>(&self, frame: Frame, work: impl FnOnce(&mut [u32; 1024]) -> R) -> R {
        assert!(self.ledger.owner(frame) != Owner::Nobody, "{frame} is not in use");
        // SAFETY: the frame is usable memory that was not lent and was handed out
        // for page tables or to be mapped, so Rust has no reference to it but this
        // one, for as long as `work` takes.
        unsafe { reach::with_frame(frame, work) }
    }

    /// A table that the manager works on.
    #[track_caller]
    fn with_table<R>(&self, table: Frame, action: &str, work: impl FnOnce(&mut [u32; 1024]) -> R) -> R {
        match self.ledger.owner(table) {
            Owner::Manager => self.with_words(table, work),
            Owner::Check => panic!("{table} is {action} as a table, but it belongs to the caller of map()"),
            Owner::Nobody if self.ledger.is_usable(table) => {
                panic!("{table} is {action} as a table, but it is free: it was given back, or never taken")
            }
            Owner::Nobody if table == Entry::from_bits(POISON).frame() => {
                panic!("{table} is {action} as a table: its number is from {POISON:#x}, an entry that was not cleared")
            }
            Owner::Nobody => panic!("{table} is {action} as a table, but it is reserved, or no memory at all"),
        }
    }

    /// Reads an entry of a table, for a walk: what is no memory of the labs' is
    /// read too if the direct map shows it, and is empty otherwise.
    fn peek(&self, table: Frame, index: TableIndex) -> Entry {
        let place = table.start().as_u32() + 4 * index.as_u32();
        if self.ledger.owner(table) != Owner::Nobody {
            return Entry::from_bits(self.with_words(table, |words| words[index.as_u32() as usize]));
        }
        match direct(PhysAddr::new(place)) {
            Some(address) => Entry::from_bits(probe::read(address).unwrap_or(0)),
            None => Entry::EMPTY,
        }
    }

    fn walk(&self, root: Frame, address: VirtAddr) -> Result<Walk, NotPresent> {
        walk(root, address, |table, index| self.peek(table, index))
    }

    /// Whether a write to `address` can only reach memory that is for that.
    fn ensure_harmless(&self, address: VirtAddr) -> Result<(), NoWrite> {
        match self.walk(paging::current_directory(), address) {
            Ok(walk) if self.ledger.owner(Frame::containing(walk.address)) == Owner::Nobody => {
                // A write that is denied does no harm wherever it leads.
                if walk.protection().writable { Err(NoWrite::Foreign(Frame::containing(walk.address))) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Whether a directory has the entries that the kernel needs just as the last one
    /// had them that was found right. With every switch to another process, a
    /// directory is loaded.
    fn is_as_found_before(&self, root: Frame) -> bool {
        let page = Page::containing(TEMPORARY_START);
        self.with_words(root, |words| {
            let direct_map = &words[FIRST_DIRECT_MAP_ENTRY..FIRST_DIRECT_MAP_ENTRY + DIRECT_MAP_ENTRIES];
            let temporary = Entry::from_bits(words[page.directory_index().as_u32() as usize]);
            self.sound[0].is_present()
                && direct_map.iter().zip(&self.sound).all(|(word, sound)| untouched(Entry::from_bits(*word)) == *sound)
                && temporary.is_present()
                && temporary.frame() == paging::temporary_table()
                && temporary.has(EntryFlags::WRITABLE)
        })
    }

    /// What a directory gets wrong about the parts of the kernel half that the
    /// kernel needs to go on.
    fn find_unsound(&mut self, root: Frame) -> Option<Unsound> {
        if self.is_as_found_before(root) {
            return None;
        }
        for piece in self.pieces {
            let mut done = 0;
            while done < piece.pages.len() {
                let page = piece.pages.first().checked_add(done)?;
                let frame = Frame::new(piece.first_frame.number() + done)?;
                let left_in_table = (TABLE_ENTRIES - page.table_index().as_u32()).min(piece.pages.len() - done);
                // What was found right before needs no second look.
                let entry = self.peek(root, page.directory_index());
                let entry = untouched(entry);
                let index = (page.directory_index().as_u32() as usize) - FIRST_DIRECT_MAP_ENTRY;
                if entry.is_present() && entry == self.sound[index] {
                    done += left_in_table;
                    continue;
                }
                let found = self.walk(root, page.start()).ok();
                let right = found.is_some_and(|walk| {
                    walk.address == frame.start() && (walk.protection().writable || !piece.writable)
                });
                if !right {
                    return Some(Unsound { root, page, frame, found, writable: piece.writable });
                }
                let is_large = found.is_some_and(|walk| walk.table.is_none());
                done += if is_large { left_in_table } else { 1 };
            }
        }
        let page = Page::containing(TEMPORARY_START);
        let entry = self.peek(root, page.directory_index());
        let frame = paging::temporary_table();
        if !(entry.is_present() && entry.frame() == frame && entry.has(EntryFlags::WRITABLE)) {
            return Some(Unsound { root, page, frame, found: None, writable: true });
        }
        for (index, sound) in TableIndex::kernel_half().zip(0..DIRECT_MAP_ENTRIES) {
            let entry = self.peek(root, index);
            self.sound[sound] = untouched(entry);
        }
        None
    }
}

/// An entry without what the processor notes in it.
fn untouched(entry: Entry) -> Entry {
    entry.with_flags(entry.flags() - EntryFlags::ACCESSED - EntryFlags::DIRTY)
}

/// What is wrong with a directory.
struct Unsound {
    root: Frame,
    page: Page,
    frame: Frame,
    found: Option<Walk>,
    writable: bool,
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { root, page, frame, found, writable } = self;
        write!(f, "the directory in {root} cannot be loaded, the kernel could not go on: ")?;
        if (TEMPORARY_START..TEMPORARY_END).contains(&page.start()) {
            return write!(f, "its entry for {page} does not name the table of the temporary mappings, in {frame}");
        }
        let rights = if *writable { "writable" } else { "readable" };
        write!(f, "{page} has to be {frame}, {rights}, and is ")?;
        match found {
            Some(walk) => write!(f, "{}, {}", Frame::containing(walk.address), walk.protection()),
            None => f.write_str("not mapped"),
        }
    }
}

/// The number of the frame after the last one that is usable.
fn last_frame_end(map: &MemoryMap<'_>) -> u32 {
    mm_oracle::usable_ranges(map).map(|range| range.end()).last().unwrap_or(0)
}

/// How many words the records of a machine take that has this map: three bits
/// for each frame.
pub(crate) fn words_of_records(map: &MemoryMap<'_>) -> u32 {
    let end = last_frame_end(map);
    end.div_ceil(16) + end.div_ceil(u32::BITS)
}

/// The machine, as it is handed to a virtual memory manager.
pub struct Handle<'m, 'f>(&'m PagedMachine<'f>);

impl Clone for Handle<'_, '_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Handle<'_, '_> {}

impl PhysMemory for Handle<'_, '_> {
    #[track_caller]
    fn read(&self, table: Frame, index: TableIndex) -> Entry {
        let index = index.as_u32() as usize;
        Entry::from_bits(self.0.state().with_table(table, "read", |words| words[index]))
    }

    #[track_caller]
    fn write(&mut self, table: Frame, index: TableIndex, entry: Entry) {
        let index = index.as_u32() as usize;
        self.0.state().with_table(table, "written to", |words| words[index] = entry.bits());
    }

    #[track_caller]
    fn clear(&mut self, frame: Frame) {
        self.0.state().with_table(frame, "cleared", |words| fill::words(words, 0));
    }
}

impl SelfMap for Handle<'_, '_> {
    #[track_caller]
    fn read_at(&self, address: VirtAddr) -> Entry {
        self.0.state().ensure_self_mapped(address);
        match probe::read(address) {
            Ok(bits) => Entry::from_bits(bits),
            Err(fault) => panic!("page fault at {address}: {fault:?}"),
        }
    }

    #[track_caller]
    fn write_at(&mut self, address: VirtAddr, entry: Entry) {
        self.0.state().ensure_self_mapped(address);
        // SAFETY: the tables lead to a table of the manager's, or to nothing.
        if let Err(fault) = unsafe { probe::write(address, entry.bits()) } {
            panic!("page fault at {address}: {fault:?}");
        }
    }
}

impl State<'_> {
    /// Panics unless `address` is that of an entry in a self-map.
    #[track_caller]
    fn ensure_self_mapped(&self, address: VirtAddr) {
        assert!(address >= SELF_MAP_START, "{address} is not in the last 4 MiB, where a directory may map itself");
        assert!(address.as_u32().is_multiple_of(4), "{address} is not the address of an entry");
        if let Ok(walk) = self.walk(paging::current_directory(), address) {
            self.with_table(Frame::containing(walk.address), "used", |_| {});
        }
    }
}

impl Tlb for Handle<'_, '_> {
    fn flush(&mut self, page: Page) {
        self.0.state().flushes.note(page);
        paging::flush_page(page.start());
    }

    fn flush_all(&mut self) {
        self.0.state().flushes.all += 1;
        paging::flush_global();
    }

    #[track_caller]
    fn load(&mut self, directory: Frame) {
        let mut state = self.0.state();
        state.with_table(directory, "loaded", |_| {});
        if let Some(unsound) = state.find_unsound(directory) {
            panic!("{unsound}");
        }
        // SAFETY: what the kernel needs is mapped as it has to be.
        unsafe { paging::load_directory(directory) };
    }
}

impl FrameSource for Handle<'_, '_> {
    #[track_caller]
    fn allocate(&mut self) -> Option<Frame> {
        let mut state = self.0.state();
        if state.allowance == Some(0) {
            return None;
        }
        let frame = state.hand_out(Owner::Manager)?;
        state.allowance = state.allowance.map(|left| left - 1);
        Some(frame)
    }

    #[track_caller]
    fn free(&mut self, frame: Frame) {
        assert!(paging::current_directory() != frame, "{frame} is given back, but it is the current directory");
        let mut state = self.0.state();
        let names = |entry: &Entry| entry.is_present() && !entry.has(EntryFlags::PAGE_SIZE) && entry.frame() == frame;
        assert!(!state.sound.iter().any(names), "{frame} is given back, but it is a table of the direct map");
        state.take_back(frame, Owner::Manager);
    }
}

/// The direct map ends where the kernel's virtual allocations begin.
const _: () = assert!(KERNEL_BASE.as_u32() + DIRECT_MAP_SIZE == KERNEL_VIRTUAL_START.as_u32());
