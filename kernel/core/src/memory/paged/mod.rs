//! The machine below the page tables: the processor, and frames that a frame allocator hands out.
//!
//! A virtual memory manager may be wrong in any way. So every frame that it is given is noted, it
//! can read and write only frames that are noted as its tables, and no directory is loaded in which
//! the kernel could not go on. A violation is a panic that names the manager's own line.

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
use crate::words::told;

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

/// The value of every word of a frame that is handed out. As an entry of a page table it is
/// present.
pub const POISON: u32 = 0xDEAD_BEEF;

/// Lab 01's component, the allocator that hands out the frames.
pub type Frames = BootBox<dyn FrameAllocator + Send>;

/// The processor and the frames, for one check or for the operating system.
///
/// A call while another one is under way is a panic: on a single processor, waiting would never
/// end.
pub struct PagedMachine(Mutex<State>);

struct State {
    frames: Frames,
    ledger: Ledger,
    /// How many more frames the manager may take; `None`: no limit.
    allowance: Option<u32>,
    flushes: Flushes,
    reached: Reached,
    entrusted: Entrusted,
    kernel_tables: KernelTables,
    direct_map: DirectMap,
    /// The entries for the direct map of the directory that was found right last.
    sound: [Entry; DIRECT_MAP_ENTRIES],
    /// The address of the code that probes execute in ring 3, once it is mapped.
    user_code: Option<VirtAddr>,
}

impl PagedMachine {
    /// Starts the machine. `frames` is a frame allocator that was built for its memory map and with
    /// its `lender`, which lends nothing more from now on. The kernel's sections have `rights` in
    /// all later directories and in the one that the kernel booted with. `None` if the memory that
    /// is put aside for the kernel's records does not suffice.
    ///
    /// # Panics
    /// If the lender is one for an invented map, or has been passed to this function before.
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

    /// Access to the machine for a virtual memory manager.
    pub fn handle(&'static self) -> Handle {
        Handle(self)
    }

    /// The direct map, which every directory has to contain.
    pub fn mappings(&self) -> DirectMap {
        self.state().direct_map
    }

    /// The required contents of the kernel half: `mappings`, and the table of the temporary
    /// mappings.
    pub fn layout<'m>(&self, mappings: &'m [KernelMapping]) -> KernelLayout<'m> {
        KernelLayout { mappings, temporary_table: paging::temporary_table() }
    }

    /// Takes a frame for a process or a check, poisoned; `None` if no frame is free.
    pub fn take_frame(&self) -> Option<Frame> {
        self.state().hand_out(Owner::User)
    }

    /// Takes a frame that the kernel is about to use by address, poisoned; `None` if no frame is
    /// free.
    pub fn take_kernel_frame(&self) -> Option<Frame> {
        self.state().hand_out(Owner::Kernel)
    }

    /// Gives back a frame of a process or a check: one page is not mapped to it any more. Returns
    /// whether that was the last page, so that the frame is free now.
    ///
    /// # Panics
    /// If the frame belongs neither to a process nor to a check.
    #[track_caller]
    pub fn give_back(&self, frame: Frame) -> bool {
        let mut state = self.state();
        let is_free = !state.ledger.remove_sharer(frame);
        if is_free {
            state.take_back_from(frame, Owner::User);
        }
        is_free
    }

    /// Counts one more page that is mapped to a frame of a process or a check; each page gives the
    /// frame back. `false` if the count is at its maximum, 255 pages beyond the first.
    ///
    /// # Panics
    /// If the frame belongs neither to a process nor to a check.
    #[track_caller]
    pub fn share(&self, frame: Frame) -> bool {
        let mut state = self.state();
        let owner = state.ledger.owner(frame);
        assert!(owner == Owner::User, "{frame} is to be shared, but its owner is another: {}", told(&owner));
        state.ledger.add_sharer(frame)
    }

    /// How many pages beyond the first are mapped to a frame.
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
    /// If the frame is not the kernel's.
    ///
    /// # Safety
    /// Nothing uses the frame by address any more.
    #[track_caller]
    pub unsafe fn give_back_kernel_frame(&self, frame: Frame) {
        self.state().take_back_from(frame, Owner::Kernel);
    }

    /// The owner of a frame.
    pub fn owner(&self, frame: Frame) -> Owner {
        self.state().ledger.owner(frame)
    }

    /// Calls `work`. Meanwhile the manager may enter `frame` into its tables, though it belongs
    /// neither to the manager nor to a process or a check: a frame of the kernel's, which may be in
    /// one place only, or a frame that is never accessed, only looked up in the tables.
    pub fn while_mapping<R>(&self, frame: Frame, work: impl FnOnce() -> R) -> R {
        self.while_entrusted(Entrusted::ToMap(frame), work)
    }

    /// Calls `work`. Meanwhile the manager may remove `frame`, which is the kernel's, from its
    /// tables.
    pub fn while_unmapping<R>(&self, frame: Frame, work: impl FnOnce() -> R) -> R {
        self.while_entrusted(Entrusted::ToUnmap(frame), work)
    }

    fn while_entrusted<R>(&self, entrusted: Entrusted, work: impl FnOnce() -> R) -> R {
        self.state().entrusted = entrusted;
        let result = work();
        self.state().entrusted = Entrusted::Nothing;
        result
    }

    /// Notes that the tables from `root` on map `page` to a frame of the kernel's own. From now on
    /// the kernel uses the frame by that page.
    pub fn note_kernel_page(&self, root: Frame, page: Page) {
        self.state().note_kernel_page(root, page);
    }

    /// How many frames are the virtual memory manager's.
    pub fn managers_frames(&self) -> u32 {
        self.state().ledger.tables()
    }

    /// How many frames are free.
    pub fn free_frames(&self) -> u32 {
        self.state().frames.free_frames()
    }

    /// Limits how many more frames the manager can take; `None` removes the limit.
    pub fn allow_frames(&self, allowance: Option<u32>) {
        self.state().allowance = allowance;
    }

    /// The flushes since the last call.
    pub fn take_flushes(&self) -> Flushes {
        core::mem::replace(&mut self.state().flushes, Flushes::NONE)
    }

    /// The directory that the processor uses.
    pub fn directory(&self) -> Frame {
        paging::current_directory()
    }

    /// Translates `address` by the tables from `root` on, without a lab's code.
    ///
    /// # Errors
    /// The entry that is not present.
    pub fn walk(&self, root: Frame, address: VirtAddr) -> Result<Walk, NotPresent> {
        self.state().walk(root, address)
    }

    /// The frame that the tables from `root` on map a page to, if any, without a lab's code.
    pub fn frame_of(&self, root: Frame, page: Page) -> Option<Frame> {
        self.state().frame_of(root, page)
    }

    /// The first of these pages that the tables from `root` on map, if any. Pages without a table
    /// are skipped at once.
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

    /// The table that an entry of a directory names, if any.
    fn table_of(&self, root: Frame, index: TableIndex) -> Option<Frame> {
        let word = self.with_words(root, |words| words[index.as_u32() as usize])?;
        let entry = Entry::from_bits(word);
        (entry.is_present() && !entry.has(EntryFlags::PAGE_SIZE)).then(|| entry.frame())
    }

    /// The index of the first present entry of a table, from an index on.
    fn first_present(&self, table: Frame, from: TableIndex) -> Option<TableIndex> {
        let is_present =
            |words: &[u32; 1024], index: TableIndex| Entry::from_bits(words[index.as_u32() as usize]).is_present();
        self.with_words(table, |words| {
            TableIndex::all().skip(from.as_u32() as usize).find(|&index| is_present(words, index))
        })?
    }

    /// Claims a stack for traps. The tables from `root` on must map every page of the stack, for
    /// the kernel alone and writable, to a frame of its own that was taken for it. Nothing else
    /// touches those frames until [`release_stack`](Self::release_stack).
    ///
    /// # Errors
    /// The first page that is not mapped so; the stack's first page if the stack is not in the area
    /// of kernel stacks, or does not end at a multiple of 16.
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

    /// Undoes [`claim_stack`](Self::claim_stack): no trap arrives on the stack any more, and it may
    /// be destroyed.
    pub fn release_stack(&self, root: Frame, stack: TrapStack) -> KernelStack {
        self.state().disclaim(root, stack.pages(), stack.pages().len());
        stack.disuse()
    }

    /// Calls `work` with the words of a frame of the manager, a process or a check; `None` for any
    /// other frame.
    pub fn with_words<R>(&self, frame: Frame, work: impl FnOnce(&[u32; 1024]) -> R) -> Option<R> {
        let is_visible = |owner| matches!(owner, Owner::Tables | Owner::User);
        self.state().try_with_words(frame, is_visible, |words| work(words))
    }

    /// The word at `address`, in a frame of the manager, a process or a check; `None` for any other
    /// frame.
    pub fn word(&self, address: PhysAddr) -> Option<u32> {
        self.with_words(Frame::containing(address), |words| words[(address.page_offset() / 4) as usize])
    }

    /// Fills a frame of a process or a check with a word.
    ///
    /// # Panics
    /// If the frame belongs neither to a process nor to a check.
    #[track_caller]
    pub fn fill(&self, frame: Frame, word: u32) {
        self.state().with_user_words(frame, |words| fill::words(words, word));
    }

    /// Calls `work` with the bytes of a frame of a process or a check.
    ///
    /// # Panics
    /// If the frame belongs neither to a process nor to a check.
    #[track_caller]
    pub fn with_bytes<R>(&self, frame: Frame, work: impl FnOnce(&mut [u8]) -> R) -> R {
        self.state().with_user_words(frame, |words| work(bytemuck::cast_slice_mut(words)))
    }

    /// Calls `work` with the bytes of the frame that the tables from `root` on map `page` to.
    /// `None` if the page is not mapped.
    ///
    /// # Panics
    /// If the frame belongs neither to a process nor to a check.
    #[track_caller]
    pub fn with_bytes_of<R>(&self, root: Frame, page: Page, work: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
        let state = self.state();
        let frame = state.frame_of(root, page)?;
        Some(state.with_user_words(frame, |words| work(bytemuck::cast_slice_mut(words))))
    }

    /// Copies the bytes of a frame to another one. Both belong to a process or a check.
    ///
    /// # Panics
    /// If one of them belongs to neither, or both are the same.
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

    /// Whether two frames, both of a process or a check, have the same bytes.
    ///
    /// # Panics
    /// If one of them belongs to neither.
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
    /// The page fault that the access ends in; or [`NoWrite::Foreign`], without an access, if the
    /// tables lead to memory of the kernel.
    pub fn write(&self, address: VirtAddr, value: u32) -> Result<(), NoWrite> {
        self.state().ensure_harmless(address)?;
        // SAFETY: the tables lead to a frame that Rust has no reference to, or to none; a
        // translation that the processor may remember leads to such a frame, too.
        unsafe { probe::write(address, value) }.map_err(NoWrite::Fault)
    }

    /// Reads the word at `address` as a faulty kernel would: without opening the window to
    /// programs' memory.
    ///
    /// # Errors
    /// The page fault that the access ends in.
    pub fn read_by_mistake(&self, address: VirtAddr) -> Result<u32, Fault> {
        probe::read_by_mistake(address)
    }

    /// Writes to the word at `address` as a faulty kernel would: without opening the window. It
    /// writes the value that is there already, so nothing changes even if no protection stops the
    /// write.
    ///
    /// # Errors
    /// The page fault that the access ends in.
    pub fn write_by_mistake(&self, address: VirtAddr) -> Result<(), Fault> {
        probe::write_by_mistake(address)
    }

    /// Executes code in the page that [`put_user_code`](Self::put_user_code) was given, in ring 0,
    /// as a faulty kernel would.
    ///
    /// # Errors
    /// The page fault that fetching the instruction ends in.
    ///
    /// # Panics
    /// If [`put_user_code`](Self::put_user_code) was not called, or the code is not in the page any
    /// more.
    pub fn execute_by_mistake(&self) -> Result<(), Fault> {
        let state = self.state();
        let code = state.user_code.expect("there is code for ring 3");
        let frame = state.frame_of(paging::current_directory(), Page::containing(code));
        let is_there = frame.is_some_and(|frame| {
            state.with_user_words(frame, |words| words[..probe::USER_CODE_WORDS] == probe::user_code())
        });
        assert!(is_there, "the code for ring 3 is not where it was put");
        paging::flush_page(code);
        // SAFETY: the tables lead to the code, and the processor remembers no other translation of
        // the page.
        unsafe { probe::execute_by_mistake(code) }
    }

    /// Copies the code for accesses in ring 3 into a frame of the check. The directories in which
    /// it runs must map the frame at `page`, for users.
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
    /// If [`put_user_code`](Self::put_user_code) was not called, or users may not read the page
    /// that it was given.
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

/// How many words the kernel's records of frames take, on a machine with this map.
pub(crate) fn words_of_ledger(map: &MemoryMap<'_>) -> u32 {
    ledger::words(map) + ledger::last_frame_end(map)
}

/// Why a word was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoWrite {
    /// The write is a page fault.
    Fault(Fault),
    /// The write was not tried: the tables lead to this frame, which belongs to none of the
    /// manager, a process and a check.
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
        assert!(
            found == owner || found == Owner::Free,
            "{frame} is given back, but its owner is another: {}",
            told(&found)
        );
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

    /// Makes the frame of a stack's page the kernel's own; `false` if the page is not mapped as it
    /// has to be.
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

    /// Undoes [`claim`](Self::claim) for the first `pages` pages of a stack.
    fn disclaim(&mut self, root: Frame, stack: PageRange, pages: u32) {
        for page in stack.iter().take(pages as usize) {
            if let Ok(walk) = self.walk(root, page.start())
                && self.ledger.owner(Frame::containing(walk.address)) == Owner::Kernel
            {
                self.ledger.set(Frame::containing(walk.address), Owner::User);
            }
        }
    }

    /// Calls `work` with the words of a frame that was handed out to an owner that `is_meant`
    /// accepts; `None` for any other frame.
    ///
    /// Only for frames that Rust has no reference to: tables, frames of processes and checks, and
    /// any frame while it is being handed out or given back.
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
        // SAFETY: the frame is usable memory that was not lent and was handed out, and Rust has no
        // other reference to it while `work` runs.
        Some(unsafe { reach::with_frame(frame, work) })
    }

    /// Calls `work` with the words of a frame that was handed out.
    #[track_caller]
    fn with_words<R>(&self, frame: Frame, work: impl FnOnce(&mut [u32; 1024]) -> R) -> R {
        self.try_with_words(frame, |_| true, work).unwrap_or_else(|| panic!("{frame} is not in use"))
    }

    /// Calls `work` with the words of a frame of a process or a check.
    #[track_caller]
    fn with_user_words<R>(&self, frame: Frame, work: impl FnOnce(&mut [u32; 1024]) -> R) -> R {
        let result = self.try_with_words(frame, |owner| owner == Owner::User, work);
        result.unwrap_or_else(|| panic!("{frame} is neither a process's nor the check's"))
    }

    /// Panics unless a frame is a table of the manager's; `action` completes "… as a table".
    #[track_caller]
    #[inline]
    fn ensure_table(&self, table: Frame, action: &str) {
        if self.ledger.owner(table) != Owner::Tables {
            self.refuse_table(table, action);
        }
    }

    /// Panics, because a frame is not a table of the manager's.
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

    /// Calls `work` with the words of a table of the manager's.
    #[track_caller]
    #[inline]
    fn with_table<R>(&self, table: Frame, action: &str, work: impl FnOnce(&mut [u32; 1024]) -> R) -> R {
        match self.try_with_words(table, |owner| owner == Owner::Tables, work) {
            Some(result) => result,
            None => self.refuse_table(table, action),
        }
    }

    /// Reads an entry of a table, for a walk. A frame that belongs to none of the manager, a
    /// process and a check is read through the direct map; where that does not show the frame, the
    /// entry is empty.
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

    /// Succeeds if a write to `address` can reach only memory of the manager, a process or a check.
    fn ensure_harmless(&self, address: VirtAddr) -> Result<(), NoWrite> {
        let Ok(walk) = self.walk(paging::current_directory(), address) else { return Ok(()) };
        let frame = Frame::containing(walk.address);
        let is_for_that = matches!(self.ledger.owner(frame), Owner::Tables | Owner::User);
        // A denied write does no harm, wherever it leads.
        let is_denied = !walk.protection().writable && protection::enforced().write_protect;
        if is_for_that || is_denied { Ok(()) } else { Err(NoWrite::Foreign(frame)) }
    }
}

/// A word of any frame that the direct map shows; 0 for the others.
#[cold]
fn peek_elsewhere(table: Frame, index: TableIndex) -> u32 {
    let place = PhysAddr::new(table.start().as_u32() + 4 * index.as_u32());
    direct(place).and_then(|address| probe::read(address).ok()).unwrap_or(0)
}
