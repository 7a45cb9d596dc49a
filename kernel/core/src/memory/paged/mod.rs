//! The machine that page tables stand on: the processor, and frames that a
//! frame allocator hands out.
//!
//! What a virtual memory manager does with it may be wrong in any way. So every frame
//! that is handed to it is noted, it reads and writes only those that are noted as
//! tables, and no directory is loaded under which the kernel could not go on. Whatever it
//! does against that is a panic that names its own line.

use mm_api::{
    Entry, EntryFlags, Frame, FrameAllocator, KernelLayout, KernelMapping, KernelStack, MemoryMap, Page, PageRange,
    PhysAddr, Protection, TABLE_ENTRIES, TableIndex, VirtAddr,
};
use mm_oracle::walk::{NotPresent, Walk, walk};
use spin::{Mutex, MutexGuard};

use super::boot_box::BootBox;
use super::lender::Lender;
use super::{direct, reach};
use crate::arch::trap::TrapStack;
use crate::arch::{fill, paging, probe, protection};
use crate::machine::Machine as TheMachine;
use crate::protection::SectionRights;

mod flushes;
mod guarded;
mod handle;
mod ledger;
mod reached;
mod soundness;

pub use crate::arch::paging::DirectMap;
pub use crate::arch::probe::Fault;
pub use flushes::Flushes;
use guarded::{Entrusted, KernelTables};
pub use handle::Handle;
use ledger::Ledger;
pub use ledger::Owner;
use reached::Reached;
use soundness::DIRECT_MAP_ENTRIES;

/// What a frame contains when it is handed out, in every word. As an entry of a
/// page table it is present.
pub const POISON: u32 = 0xDEAD_BEEF;

/// Lab 01's component, which the frames come from.
pub type Frames = BootBox<dyn FrameAllocator + Send>;

/// The machine: for one check, or for the running system.
///
/// Nobody ever waits for it. There is one processor, so whoever finds it in use
/// would wait for ever; that is a panic.
pub struct PagedMachine(Mutex<State>);

struct State {
    frames: Frames,
    ledger: Ledger,
    /// How many more frames the manager may have; `None`: all there are.
    allowance: Option<u32>,
    flushes: Flushes,
    reached: Reached,
    entrusted: Entrusted,
    kernel_tables: KernelTables,
    direct_map: DirectMap,
    /// The directory's entries for the direct map, as they were found right
    /// when a directory was loaded the last time.
    sound: [Entry; DIRECT_MAP_ENTRIES],
    /// Where the code is that probes execute in ring 3, once it is mapped.
    user_code: Option<VirtAddr>,
}

impl PagedMachine {
    /// The machine, with a frame allocator that was built for its memory map and with
    /// its lender, which lends nothing more from now on. `None` if the memory that is put
    /// aside for the kernel's records does not suffice. `rights` are those of the kernel's
    /// sections, in the directories to come and in the one that the kernel booted with.
    ///
    /// # Panics
    /// If the lender is that of an invented map, or has been used for this before.
    pub fn start(
        machine: &'static TheMachine,
        lender: &mut Lender<'_>,
        frames: Frames,
        rights: &SectionRights,
    ) -> Option<&'static Self> {
        lender.close();
        paging::protect(rights);
        let map = machine.map();
        let ledger = Ledger::new(&map, lender)?;
        let reached = Reached::new(ledger::last_frame_end(&map))?;
        paging::enable_global_pages();
        let state = State {
            frames,
            ledger,
            allowance: None,
            flushes: Flushes::NONE,
            reached,
            entrusted: Entrusted::Nothing,
            kernel_tables: KernelTables::NONE,
            direct_map: DirectMap::new(machine.direct_map_end(), rights),
            sound: [Entry::EMPTY; DIRECT_MAP_ENTRIES],
            user_code: None,
        };
        Some(BootBox::new(Self(Mutex::new(state)))?.leak())
    }

    /// The machine as a virtual memory manager is given it.
    pub fn handle(&'static self) -> Handle {
        Handle(self)
    }

    /// The direct map as every directory has to hold it.
    pub fn mappings(&self) -> DirectMap {
        self.state().direct_map
    }

    /// What the kernel half has to contain.
    pub fn layout<'m>(&self, mappings: &'m [KernelMapping]) -> KernelLayout<'m> {
        KernelLayout { mappings, temporary_table: paging::temporary_table() }
    }

    /// A frame for a process or a check, poisoned; `None` if there is no free frame.
    pub fn take_frame(&self) -> Option<Frame> {
        self.state().hand_out(Owner::User)
    }

    /// A frame that the kernel is about to use by address, poisoned; `None` if there is
    /// no free frame.
    pub fn take_kernel_frame(&self) -> Option<Frame> {
        self.state().hand_out(Owner::Kernel)
    }

    /// Gives back a frame of a process's or a check's: one of its pages is not mapped to it
    /// any more. Answers whether it was the last, so that the frame is free.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn give_back(&self, frame: Frame) -> bool {
        let mut state = self.state();
        let is_free = !state.ledger.remove_sharer(frame);
        if is_free {
            state.take_back_from(frame, Owner::User);
        }
        is_free
    }

    /// Counts one page more that a frame of a process's is mapped at: each of them gives it
    /// back. `false` if there are as many as can be counted.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn share(&self, frame: Frame) -> bool {
        let mut state = self.state();
        let owner = state.ledger.owner(frame);
        assert!(owner == Owner::User, "{frame} is to be shared, but its owner is another ({owner:?})");
        state.ledger.add_sharer(frame)
    }

    /// At how many pages more than one a frame is mapped.
    pub fn sharers(&self, frame: Frame) -> u32 {
        self.state().ledger.sharers(frame)
    }

    /// How many frames are mapped at more than one page.
    pub fn shared_frames(&self) -> u32 {
        self.state().ledger.shared()
    }

    /// Gives back a frame of the kernel's own.
    ///
    /// # Panics
    /// If it is none.
    ///
    /// # Safety
    /// Nothing uses the frame by address any more.
    #[track_caller]
    pub unsafe fn give_back_kernel_frame(&self, frame: Frame) {
        self.state().take_back_from(frame, Owner::Kernel);
    }

    /// Whose a frame is.
    pub fn owner(&self, frame: Frame) -> Owner {
        self.state().ledger.owner(frame)
    }

    /// Calls `work`, in which the manager may enter a frame into its tables that is neither its
    /// own nor a process's or a check's: one of the kernel's, or one that is looked at only in
    /// the tables. It may do so in one place.
    pub fn while_mapping<R>(&self, frame: Frame, work: impl FnOnce() -> R) -> R {
        self.while_entrusted(Entrusted::ToMap(frame), work)
    }

    /// Calls `work`, in which the manager may take a frame of the kernel's out of its tables.
    pub fn while_unmapping<R>(&self, frame: Frame, work: impl FnOnce() -> R) -> R {
        self.while_entrusted(Entrusted::ToUnmap(frame), work)
    }

    fn while_entrusted<R>(&self, entrusted: Entrusted, work: impl FnOnce() -> R) -> R {
        self.state().entrusted = entrusted;
        let result = work();
        self.state().entrusted = Entrusted::Nothing;
        result
    }

    /// Notes that the tables from `root` on map `page` to a frame of the kernel's own, which is
    /// used by that address from now on.
    pub fn note_kernel_page(&self, root: Frame, page: Page) {
        self.state().note_kernel_page(root, page);
    }

    /// How many frames the virtual memory manager has.
    pub fn managers_frames(&self) -> u32 {
        self.state().ledger.tables()
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

    /// What the tables from `root` on say about `address`. No lab is asked.
    ///
    /// # Errors
    /// The entry on the way that is not present.
    pub fn walk(&self, root: Frame, address: VirtAddr) -> Result<Walk, NotPresent> {
        self.state().walk(root, address)
    }

    /// The frame that the tables from `root` on map a page to, if they do. No lab is asked.
    pub fn frame_of(&self, root: Frame, page: Page) -> Option<Frame> {
        self.state().frame_of(root, page)
    }

    /// The first of these pages that the tables from `root` on map, if they map one. Where
    /// there is no table, none of its pages is looked at.
    pub fn first_mapped(&self, root: Frame, pages: PageRange) -> Option<Page> {
        let mut next = pages.first();
        while pages.contains(next) {
            let upper = next.directory_index();
            let found = self.table_of(root, upper).and_then(|table| self.first_present(table, next.table_index()));
            if let Some(lower) = found {
                return Some(Page::from_indices(upper, lower)).filter(|&page| pages.contains(page));
            }
            let left = TABLE_ENTRIES - next.table_index().as_u32();
            next = next.checked_add(left)?;
        }
        None
    }

    /// The table that an entry of a directory names, if it names one.
    fn table_of(&self, root: Frame, index: TableIndex) -> Option<Frame> {
        let word = self.with_words(root, |words| words[index.as_u32() as usize])?;
        let entry = Entry::from_bits(word);
        (entry.is_present() && !entry.has(EntryFlags::PAGE_SIZE)).then(|| entry.frame())
    }

    /// The first entry of a table that is present, from an index on.
    fn first_present(&self, table: Frame, from: TableIndex) -> Option<TableIndex> {
        let is_present =
            |words: &[u32; 1024], index: TableIndex| Entry::from_bits(words[index.as_u32() as usize]).is_present();
        self.with_words(table, |words| {
            TableIndex::all().skip(from.as_u32() as usize).find(|&index| is_present(words, index))
        })?
    }

    /// Makes a stack one that traps may arrive on, if the tables from `root` on map every
    /// page of it, for the kernel alone and writable, to a frame of its own that was taken
    /// for it. Nothing else touches those frames until
    /// [`release_stack`](Self::release_stack).
    ///
    /// # Errors
    /// The first page that is not mapped so.
    pub fn claim_stack(&self, root: Frame, stack: KernelStack) -> Result<TrapStack, Page> {
        let pages = stack.pages();
        let stack = TrapStack::of(stack).ok_or(pages.first())?;
        let mut state = self.state();
        for (page, claimed) in pages.iter().zip(0..) {
            if !state.claim(root, page) {
                state.disclaim(root, pages, claimed);
                return Err(page);
            }
        }
        Ok(stack)
    }

    /// Ends that: no trap arrives on the stack any more, and it may be destroyed.
    pub fn release_stack(&self, root: Frame, stack: TrapStack) -> KernelStack {
        self.state().disclaim(root, stack.pages(), stack.pages().len());
        stack.disuse()
    }

    /// Calls `work` with the words of a table, or of a frame of a process's or a
    /// check's; `None` for any other frame.
    pub fn with_words<R>(&self, frame: Frame, work: impl FnOnce(&[u32; 1024]) -> R) -> Option<R> {
        let is_visible = |owner| matches!(owner, Owner::Tables | Owner::User);
        self.state().try_with_words(frame, is_visible, |words| work(words))
    }

    /// A word of such a frame; `None` for any other frame.
    pub fn word(&self, address: PhysAddr) -> Option<u32> {
        self.with_words(Frame::containing(address), |words| words[(address.page_offset() / 4) as usize])
    }

    /// Fills a frame of a process's or a check's with a word.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn fill(&self, frame: Frame, word: u32) {
        self.state().with_user_words(frame, |words| fill::words(words, word));
    }

    /// Calls `work` with the bytes of a frame of a process's or a check's.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn with_bytes<R>(&self, frame: Frame, work: impl FnOnce(&mut [u8]) -> R) -> R {
        self.state().with_user_words(frame, |words| work(bytemuck::cast_slice_mut(words)))
    }

    /// The same for the frame that the tables from `root` on map a page to, which must be
    /// a process's or a check's, too. `None` if the page is not mapped.
    ///
    /// # Panics
    /// If the frame is somebody else's.
    #[track_caller]
    pub fn with_bytes_of<R>(&self, root: Frame, page: Page, work: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
        let state = self.state();
        let frame = state.frame_of(root, page)?;
        Some(state.with_user_words(frame, |words| work(bytemuck::cast_slice_mut(words))))
    }

    /// Copies the bytes of a frame to another one, both of a process's or a check's.
    ///
    /// # Panics
    /// If one of them is none, or both are the same.
    #[track_caller]
    pub fn copy_frame(&self, from: Frame, to: Frame) {
        assert!(from != to, "{from} is copied to itself");
        let state = self.state();
        state.with_user_words(from, |from| {
            state.with_user_words(to, |to| {
                fill::copy(bytemuck::cast_slice_mut(to), bytemuck::cast_slice(from));
            });
        });
    }

    /// Whether two frames have the same bytes, both of a process's or a check's.
    ///
    /// # Panics
    /// If one of them is none.
    #[track_caller]
    pub fn are_alike(&self, one: Frame, other: Frame) -> bool {
        let state = self.state();
        one == other || state.with_user_words(one, |one| state.with_user_words(other, |other| one[..] == other[..]))
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
        // SAFETY: the tables lead to a frame that Rust has no reference to, or to none;
        // what the processor may remember was such a frame, too.
        unsafe { probe::write(address, value) }.map_err(NoWrite::Fault)
    }

    /// Reads the word at `address` as the kernel does it by mistake: not through the window to
    /// programs' memory.
    ///
    /// # Errors
    /// The page fault that the access ends in.
    pub fn read_by_mistake(&self, address: VirtAddr) -> Result<u32, Fault> {
        probe::read_by_mistake(address)
    }

    /// Writes to the word at `address` in the same way. Nothing changes, even if nothing
    /// stops it.
    ///
    /// # Errors
    /// As there.
    pub fn write_by_mistake(&self, address: VirtAddr) -> Result<(), Fault> {
        probe::write_by_mistake(address)
    }

    /// Executes code in the page that [`put_user_code`](Self::put_user_code) was told, in ring 0.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// If there is no such page, or the code is not in it any more.
    pub fn execute_by_mistake(&self) -> Result<(), Fault> {
        let state = self.state();
        let code = state.user_code.expect("there is code for ring 3");
        let frame = state.frame_of(paging::current_directory(), Page::containing(code));
        let is_there = frame.is_some_and(|frame| {
            state.with_user_words(frame, |words| words[..probe::USER_CODE_WORDS] == probe::user_code())
        });
        assert!(is_there, "the code for ring 3 is not where it was put");
        paging::flush_page(code);
        // SAFETY: the tables lead to the code, and the processor remembers nothing else.
        unsafe { probe::execute_by_mistake(code) }
    }

    /// Copies the code that accesses in ring 3 need into a frame of the check's,
    /// which is mapped for users at `page` in the directories in question.
    ///
    /// # Panics
    /// If the frame is not a check's.
    pub fn put_user_code(&self, frame: Frame, page: Page) {
        let mut state = self.state();
        state.with_user_words(frame, |words| words[..probe::USER_CODE_WORDS].copy_from_slice(&probe::user_code()));
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
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.try_lock().expect("the machine is asked for something in the middle of something else")
    }
}

/// How many words the records of a machine with this map take.
pub(crate) fn words_of_ledger(map: &MemoryMap<'_>) -> u32 {
    ledger::words(map) + ledger::last_frame_end(map)
}

/// Why a word was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoWrite {
    /// The write is a page fault.
    Fault(Fault),
    /// It was not tried: the tables lead to this frame, which nobody was given.
    Foreign(Frame),
}

impl State {
    #[track_caller]
    fn hand_out(&mut self, owner: Owner) -> Option<Frame> {
        let frame = self.frames.allocate()?;
        let free = self.ledger.is_usable(frame) && self.ledger.owner(frame) == Owner::Free;
        assert!(free, "the frame allocator handed out {frame}, which is in use or no memory at all");
        let poisoned = self.ledger.is_poisoned(frame);
        self.ledger.set(frame, owner);
        self.reached.forget_frame(frame);
        if !poisoned {
            self.with_words(frame, |words| fill::words(words, POISON));
        }
        Some(frame)
    }

    #[track_caller]
    fn take_back_from(&mut self, frame: Frame, owner: Owner) {
        let found = self.ledger.owner(frame);
        assert!(found == owner || found == Owner::Free, "{frame} is given back, but its owner is another ({found:?})");
        self.take_back(frame);
    }

    #[track_caller]
    fn take_back(&mut self, frame: Frame) {
        assert!(
            self.ledger.owner(frame) != Owner::Free,
            "{frame} is given back, but it is not in use: it was given back before, or never taken"
        );
        self.with_words(frame, |words| fill::words(words, POISON));
        self.ledger.set(frame, Owner::Free);
        if let Err(error) = self.frames.free(frame) {
            panic!("the frame allocator does not take back {frame}: {error}");
        }
    }

    /// Makes the frame that a page of a stack is mapped to the kernel's own; `false` if it
    /// is not mapped as it has to be.
    fn claim(&mut self, root: Frame, page: Page) -> bool {
        let Ok(walk) = self.walk(root, page.start()) else { return false };
        let frame = Frame::containing(walk.address);
        let is_sound = walk.protection() == Protection::KERNEL_WRITE && self.ledger.owner(frame) == Owner::User;
        if is_sound {
            self.ledger.set(frame, Owner::Kernel);
            self.note_kernel_page(root, page);
        }
        is_sound
    }

    /// Undoes that for the first so many pages of a stack.
    fn disclaim(&mut self, root: Frame, stack: PageRange, pages: u32) {
        for page in stack.iter().take(pages as usize) {
            if let Ok(walk) = self.walk(root, page.start())
                && self.ledger.owner(Frame::containing(walk.address)) == Owner::Kernel
            {
                self.ledger.set(Frame::containing(walk.address), Owner::User);
            }
        }
    }

    /// Calls `work` with the words of a frame that was handed out to somebody who is
    /// meant; `None` for any other frame.
    ///
    /// Only for frames that Rust has no reference to: tables, frames of processes and
    /// checks, and any frame in the moment in which it is handed out or given back.
    #[inline]
    fn try_with_words<R>(
        &self,
        frame: Frame,
        is_meant: impl FnOnce(Owner) -> bool,
        work: impl FnOnce(&mut [u32; 1024]) -> R,
    ) -> Option<R> {
        let owner = self.ledger.owner(frame);
        if owner == Owner::Free || !is_meant(owner) {
            return None;
        }
        // SAFETY: the frame is usable memory that was not lent and was handed out, and
        // Rust has no reference to it but this one, for as long as `work` takes.
        Some(unsafe { reach::with_frame(frame, work) })
    }

    /// Calls `work` with the words of a frame that was handed out.
    #[track_caller]
    fn with_words<R>(&self, frame: Frame, work: impl FnOnce(&mut [u32; 1024]) -> R) -> R {
        self.try_with_words(frame, |_| true, work).unwrap_or_else(|| panic!("{frame} is not in use"))
    }

    /// Calls `work` with the words of a frame of a process's or a check's.
    #[track_caller]
    fn with_user_words<R>(&self, frame: Frame, work: impl FnOnce(&mut [u32; 1024]) -> R) -> R {
        let result = self.try_with_words(frame, |owner| owner == Owner::User, work);
        result.unwrap_or_else(|| panic!("{frame} is neither a process's nor the check's"))
    }

    /// Panics unless a frame is a table that the manager works on; `action` completes
    /// "… as a table".
    #[track_caller]
    #[inline]
    fn ensure_table(&self, table: Frame, action: &str) {
        if self.ledger.owner(table) != Owner::Tables {
            self.refuse_table(table, action);
        }
    }

    /// Panics, because a frame is no such table.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn refuse_table(&self, table: Frame, action: &str) -> ! {
        match self.ledger.owner(table) {
            Owner::User | Owner::Kernel => {
                panic!("{table} is {action} as a table, but it belongs to the caller of map()")
            }
            Owner::Free if self.ledger.is_usable(table) => {
                panic!("{table} is {action} as a table, but it is free: it was given back, or never taken")
            }
            Owner::Free if table == Entry::from_bits(POISON).frame() => {
                panic!("{table} is {action} as a table: its number is from {POISON:#x}, an entry that was not cleared")
            }
            Owner::Tables | Owner::Free => {
                panic!("{table} is {action} as a table, but it is reserved, or no memory at all")
            }
        }
    }

    /// Calls `work` with the words of such a table.
    #[track_caller]
    #[inline]
    fn with_table<R>(&self, table: Frame, action: &str, work: impl FnOnce(&mut [u32; 1024]) -> R) -> R {
        match self.try_with_words(table, |owner| owner == Owner::Tables, work) {
            Some(result) => result,
            None => self.refuse_table(table, action),
        }
    }

    /// Reads an entry of a table, for a walk: what is no memory of the labs' is
    /// read too if the direct map shows it, and is empty otherwise.
    #[inline]
    fn peek(&self, table: Frame, index: TableIndex) -> Entry {
        let is_visible = |owner| matches!(owner, Owner::Tables | Owner::User);
        let word = self.try_with_words(table, is_visible, |words| words[index.as_u32() as usize]);
        Entry::from_bits(word.unwrap_or_else(|| peek_elsewhere(table, index)))
    }

    #[inline]
    fn walk(&self, root: Frame, address: VirtAddr) -> Result<Walk, NotPresent> {
        walk(root, address, |table, index| self.peek(table, index))
    }

    fn frame_of(&self, root: Frame, page: Page) -> Option<Frame> {
        self.walk(root, page.start()).ok().map(|walk| Frame::containing(walk.address))
    }

    /// Whether a write to `address` can only reach memory that is for that.
    fn ensure_harmless(&self, address: VirtAddr) -> Result<(), NoWrite> {
        let Ok(walk) = self.walk(paging::current_directory(), address) else { return Ok(()) };
        let frame = Frame::containing(walk.address);
        let is_for_that = matches!(self.ledger.owner(frame), Owner::Tables | Owner::User);
        // A write that is denied does no harm wherever it leads.
        let is_denied = !walk.protection().writable && protection::enforced().write_protect;
        if is_for_that || is_denied { Ok(()) } else { Err(NoWrite::Foreign(frame)) }
    }
}

/// A word of a frame that is no memory of the labs', if the direct map shows it; else 0.
#[cold]
fn peek_elsewhere(table: Frame, index: TableIndex) -> u32 {
    let place = PhysAddr::new(table.start().as_u32() + 4 * index.as_u32());
    direct(place).and_then(|address| probe::read(address).ok()).unwrap_or(0)
}
