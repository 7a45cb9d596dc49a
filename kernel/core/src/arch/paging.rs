//! The page tables that the kernel boots with (Intel SDM volume 3A, chapter 4).

use core::sync::atomic::{Ordering, compiler_fence};

use mm_api::layout::{DIRECT_MAP_SIZE, KERNEL_BASE, PAGE_SIZE, TEMPORARY_START};
use mm_api::{Frame, VirtAddr};
use spin::Mutex;
use x86::bits32::paging::{PAddr, PDEntry, PTEntry, PTFlags};

use super::symbols;
use crate::memory::physical;

/// Entries in a page directory and in a page table.
const ENTRIES: usize = 1024;
/// Bytes that one entry of a page directory covers.
pub(crate) const LARGE_PAGE_SIZE: u32 = 4 << 20;

/// A page table.
type Table = [PTEntry; ENTRIES];

unsafe extern "C" {
    static mut PAGE_DIRECTORY: [PDEntry; ENTRIES];
    static mut LOW_TABLE: Table;
    static mut TEMPORARY_TABLE: Table;
}

/// Makes code and constants read-only, and unmaps the pages below the stacks.
pub(crate) fn protect() {
    for page in pages(symbols::read_only_start(), symbols::read_only_end()) {
        set_low_entry(page, PTFlags::P);
    }
    for guard in [symbols::boot_stack_guard(), symbols::fault_stack_guard()] {
        set_low_entry(guard, PTFlags::empty());
    }
    flush_all();
}

/// The pages from `start`, page by page, up to `end`.
fn pages(start: VirtAddr, end: VirtAddr) -> impl Iterator<Item = VirtAddr> {
    (start.as_u32()..end.as_u32()).step_by(PAGE_SIZE as usize).map(VirtAddr::new)
}

/// Gives a page of the kernel's image other rights.
fn set_low_entry(page: VirtAddr, flags: PTFlags) {
    let address = physical(page).as_u32();
    let index = (address / PAGE_SIZE) as usize;
    assert!(index < ENTRIES, "the kernel's image does not fit into its first page table");
    // SAFETY: the table is only written here, before anything else runs, and the
    // page stays mapped to its frame or is one that nobody uses.
    unsafe { LOW_TABLE[index] = PTEntry::new(PAddr::from(address), flags) };
}

/// Unmaps what the direct map has from the physical address `end` on, so that a
/// wild access there is a page fault. `end` is a multiple of 4 MiB, not zero.
pub(crate) fn trim_direct_map(end: u32) {
    for address in (end..DIRECT_MAP_SIZE).step_by(LARGE_PAGE_SIZE as usize) {
        let index = ((KERNEL_BASE.as_u32() + address) / LARGE_PAGE_SIZE) as usize;
        // SAFETY: there is no memory at these addresses, so nobody refers to it.
        unsafe { PAGE_DIRECTORY[index] = PDEntry(0) };
    }
    flush_all();
}

/// Held while a page for a temporary mapping is taken or given back.
static TEMPORARY: Mutex<()> = Mutex::new(());

/// A page of its own for a frame, for as long as this lives.
pub(crate) struct TemporaryMapping {
    index: usize,
}

impl TemporaryMapping {
    /// Maps `frame`, or `None` if all 1024 pages for this are taken.
    pub(crate) fn new(frame: Frame) -> Option<Self> {
        let _lock = TEMPORARY.lock();
        // SAFETY: the table is only touched here and in `drop`, under the lock.
        let table = unsafe { (&raw mut TEMPORARY_TABLE).as_mut() }?;
        let (index, entry) = table.iter_mut().enumerate().find(|(_, entry)| !entry.is_present())?;
        *entry = PTEntry::new(PAddr::from(frame.start().as_u32()), PTFlags::P | PTFlags::RW);
        // No flush: a processor remembers no entry that was absent (SDM 4.10.2.3).
        // But no access to the page may be moved to before this.
        compiler_fence(Ordering::SeqCst);
        Some(Self { index })
    }

    /// Where the frame is mapped.
    pub(crate) fn page(&self) -> VirtAddr {
        VirtAddr::new(TEMPORARY_START.as_u32() + self.index as u32 * PAGE_SIZE)
    }
}

impl Drop for TemporaryMapping {
    fn drop(&mut self) {
        let _lock = TEMPORARY.lock();
        // SAFETY: as in `new`; whoever used the page borrowed this mapping.
        unsafe { TEMPORARY_TABLE[self.index] = PTEntry(0) };
        // SAFETY: the kernel runs in ring 0.
        unsafe { x86::tlb::flush(self.page().as_u32() as usize) };
    }
}

/// Makes the processor forget every translation.
fn flush_all() {
    // SAFETY: the kernel runs in ring 0, and the page directory stays the same.
    unsafe { x86::tlb::flush_all() }
}
