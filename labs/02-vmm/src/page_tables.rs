//! Lab 02, your file: the virtual memory manager, which decides what addresses
//! mean.
//!
//! Every access to memory goes through tables that this component writes, also those of
//! the kernel. It gives each process memory of its own, keeps it out of all other
//! memory, and makes forbidden accesses end in a page fault.
//!
//! # What to do
//! Replace every `todo!()`. They are numbered in an order that works, and the checks
//! come in nearly the same order: `cargo grade 02` shows after each step which checks
//! pass. (`protect-at-once`, about step 8, passes after step 12.) Each item documents
//! its promises; the whole contract is the documentation of [`VirtualMemory`], and
//! `README.md` in the folder above summarises it.
//!
//! # The suggested design
//! No records but the tables themselves. An entry has three bits that the
//! processor leaves to software. One of them can mark the frames that belong to
//! an allocation, another the first page of an allocation of the kernel. That is
//! a suggestion: rename, change or drop every private item here, the fields
//! included. Only the trait is fixed.
//!
//! # Good to know
//! - `self.machine` is the machine: it reads and writes the entries of a table
//!   that is in a frame ([`PhysMemory`](mm_api::PhysMemory)), clears a frame,
//!   hands out frames and takes them back ([`FrameSource`](mm_api::FrameSource)),
//!   and passes orders on to the processor ([`Tlb`](mm_api::Tlb)). It panics, and
//!   says why, when a frame is used that is not yours.
//! - [`Page`] knows its places in the two tables: `page.directory_index()` and
//!   `page.table_index()`. [`TableIndex`] goes through all places, or through
//!   those of one half.
//! - There is no heap yet, so no `Vec` and no `Box`.
//! - `log::info!("{entry:?}");` works anywhere in this file. `cargo grade 02 -v` shows
//!   the log.
//! - `cargo test -p vmm` tests your file on a fake machine, within seconds once it is
//!   built. The fake processor never forgets a translation by itself. It keeps each
//!   until you flush the page, load another directory, or an access to the page is
//!   refused.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::{KERNEL_VIRTUAL_END, KERNEL_VIRTUAL_START, TEMPORARY_START};
use mm_api::{
    Directory, Entry, EntryFlags, Frame, KernelLayout, Machine, Page, PageRange, PhysAddr, Protection, Space,
    TABLE_ENTRIES, TableIndex, Translation, VirtAddr, VirtualMemory, VmmError,
};

/// In an entry of a table: the frame belongs to an allocation, so it goes back
/// to the machine and not to the caller.
const OWNED: EntryFlags = EntryFlags::SOFTWARE_0;

/// In an entry of a table in the kernel half: an allocation begins here.
const FIRST: EntryFlags = EntryFlags::SOFTWARE_1;

/// Where the kernel's allocations go.
const ALLOCATIONS: PageRange = PageRange::between(KERNEL_VIRTUAL_START, KERNEL_VIRTUAL_END);

/// The part of the kernel half where pages can be mapped.
const CHANGEABLE: PageRange = PageRange::between(KERNEL_VIRTUAL_START, TEMPORARY_START);

/// The virtual memory manager.
pub struct Vmm<M> {
    machine: M,
    /// The frame of the kernel's own directory.
    kernel: Frame,
    /// The frame of the directory that is loaded.
    current: Frame,
}

/// Step 1: the flags of an entry that maps `page` with this protection.
fn flags(page: Page, protection: Protection) -> EntryFlags {
    todo!("step 1: the flags of an entry for a page and its protection")
}

impl<M: Machine> Vmm<M> {
    /// Step 2: the frame of the table for `page` in the directory `root`. If
    /// there is none, one is made: taken from the machine, cleared, and only
    /// then entered into the directory.
    ///
    /// Think about the bits of the directory's entry. An access needs the right
    /// at *both* levels, and the table will hold pages with different rights.
    ///
    /// # Errors
    /// [`VmmError::OutOfFrames`].
    fn table_for(&mut self, root: Frame, page: Page) -> Result<Frame, VmmError> {
        todo!("step 2: find the table, or make one")
    }

    /// Step 3: enters everything that `layout` asks for into the kernel's directory.
    ///
    /// Later all directories share the kernel half, also what is mapped there
    /// after they were made. That is simplest if the tables for [`CHANGEABLE`]
    /// exist from the start: 62 of them. (You may find another way.)
    ///
    /// # Errors
    /// [`VmmError::OutOfFrames`].
    fn fill_kernel_half(&mut self, layout: &KernelLayout<'_>) -> Result<(), VmmError> {
        todo!("step 3: fill the kernel half")
    }

    /// Step 5: the entry that maps `page` in the directory `root`, which is
    /// [`Entry::EMPTY`] if there is no table for it. No table is made here.
    fn entry(&self, root: Frame, page: Page) -> Entry {
        todo!("step 5: find the entry for a page")
    }

    /// Step 7: makes the processor forget `page` after a change in the directory
    /// `root`, if it can possibly remember it.
    fn flush(&mut self, root: Frame, page: Page) {
        todo!("step 7: flush a page where the processor may remember it")
    }

    /// Step 7: takes the entry for `page` out of its table. If the table belongs
    /// to the user half and is empty now, it goes too: out of the directory, and
    /// its frame back to the machine.
    ///
    /// The order matters: first change the tables, then flush, and only then
    /// give a frame back.
    fn remove(&mut self, root: Frame, page: Page) {
        todo!("step 7: take out an entry, and perhaps its table")
    }

    /// Step 9: finds a place for `pages` pages of the kernel, with an unmapped
    /// page before and after them; `None` if there is no such place.
    fn find_room(&self, pages: u32) -> Option<PageRange> {
        todo!("step 9: look for a gap")
    }
}

impl<M: Machine> VirtualMemory<M> for Vmm<M> {
    /// Step 3: makes the kernel's directory.
    ///
    /// # Errors
    /// [`VmmError::OutOfFrames`]. Then every frame that was taken goes back: the
    /// directory's, and those of the tables that it has by then.
    fn new(machine: M, layout: &KernelLayout<'_>) -> Result<Self, VmmError> {
        todo!("step 3: make the kernel's directory")
    }

    /// The frame of a space's directory. This one is written for you.
    fn root(&self, space: Space<'_>) -> Frame {
        match space {
            Space::Current => self.current,
            Space::Kernel => self.kernel,
            Space::Of(directory) => directory.frame(),
        }
    }

    /// Step 4: loads a space's directory, and remembers that it is the current one.
    fn load(&mut self, space: Space<'_>) {
        todo!("step 4: load a directory")
    }

    /// Step 5: what the tables say about an address: where it leads, and what
    /// both levels together allow.
    ///
    /// It has to be right for the direct map as well. If you mapped that with
    /// 4 MiB pages, there is no second level.
    fn translate(&self, space: Space<'_>, address: VirtAddr) -> Option<Translation> {
        todo!("step 5: translate an address")
    }

    /// Step 6: maps a page to the caller's frame.
    ///
    /// # Errors
    /// - [`VmmError::NullPage`] for page 0.
    /// - [`VmmError::Reserved`] in the kernel half outside [`CHANGEABLE`].
    /// - [`VmmError::UserInKernelHalf`] for user rights in the kernel half.
    /// - [`VmmError::AlreadyMapped`] if the page is mapped.
    /// - [`VmmError::OutOfFrames`] if there is no frame for a table.
    fn map(&mut self, space: Space<'_>, page: Page, frame: Frame, protection: Protection) -> Result<(), VmmError> {
        todo!("step 6: map a page")
    }

    /// Step 7: ends the mapping of a page, and returns its frame.
    ///
    /// # Errors
    /// - [`VmmError::Reserved`] in the kernel half outside [`CHANGEABLE`].
    /// - [`VmmError::NotMapped`] if the page is not mapped.
    /// - [`VmmError::Allocated`] if the frame is not the caller's.
    fn unmap(&mut self, space: Space<'_>, page: Page) -> Result<Frame, VmmError> {
        todo!("step 7: unmap a page")
    }

    /// Step 8: changes what may be done with a page, and nothing else about it.
    ///
    /// # Errors
    /// - [`VmmError::Reserved`] in the kernel half outside [`CHANGEABLE`].
    /// - [`VmmError::UserInKernelHalf`] for user rights in the kernel half.
    /// - [`VmmError::NotMapped`] if the page is not mapped.
    fn protect(&mut self, space: Space<'_>, page: Page, protection: Protection) -> Result<(), VmmError> {
        todo!("step 8: change a protection")
    }

    /// Step 9: allocates pages for the kernel, each with a frame from the machine.
    ///
    /// # Errors
    /// - [`VmmError::Empty`] for no pages.
    /// - [`VmmError::NoRoom`] if there is no gap in [`ALLOCATIONS`].
    /// - [`VmmError::OutOfFrames`]. Then the frames taken so far go back, and
    ///   their pages are not mapped any more.
    fn allocate(&mut self, pages: u32) -> Result<PageRange, VmmError> {
        todo!("step 9: allocate pages for the kernel")
    }

    /// Step 10: frees an allocation of the kernel.
    ///
    /// # Errors
    /// [`VmmError::NotAllocated`] if `pages` are not exactly one allocation: if
    /// they are part of one, or more than one, or free, or mapped but not allocated.
    fn free(&mut self, pages: PageRange) -> Result<(), VmmError> {
        todo!("step 10: free pages of the kernel")
    }

    /// Step 11: allocates pages of the user half, filled with zeros.
    ///
    /// # Errors
    /// - [`VmmError::Empty`] for no pages.
    /// - [`VmmError::NullPage`] if page 0 is the first.
    /// - [`VmmError::PastEnd`] if they reach past 4 GiB.
    /// - [`VmmError::KernelHalf`] if they reach into the kernel half.
    /// - [`VmmError::AlreadyMapped`] if one of them is mapped.
    /// - [`VmmError::OutOfFrames`]. Then what was done is undone, tables included.
    fn allocate_in(
        &mut self,
        space: Space<'_>,
        first: Page,
        pages: u32,
        protection: Protection,
    ) -> Result<(), VmmError> {
        todo!("step 11: allocate pages for a process")
    }

    /// Step 12: frees pages of the user half: any that are allocated, all or none.
    ///
    /// # Errors
    /// The first four of step 11, then [`VmmError::NotAllocated`] if one of the
    /// pages is not allocated.
    fn free_in(&mut self, space: Space<'_>, first: Page, pages: u32) -> Result<(), VmmError> {
        todo!("step 12: free pages of a process")
    }

    /// Step 13: makes a directory: the kernel half shared, the user half empty.
    ///
    /// # Errors
    /// [`VmmError::OutOfFrames`].
    fn create_directory(&mut self) -> Result<Directory, VmmError> {
        todo!("step 13: make a directory for a process")
    }

    /// Step 14: gives back the frames of the directory, of the tables of its user
    /// half, and of the pages allocated there, but not the frames that callers mapped.
    /// If it is the current directory, the kernel's is loaded first.
    fn destroy_directory(&mut self, directory: Directory) {
        todo!("step 14: destroy a directory")
    }
}
