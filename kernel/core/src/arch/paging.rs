//! The page tables that the kernel boots with (Intel SDM volume 3A, chapter 4).

use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use mm_api::layout::{DIRECT_MAP_SIZE, KERNEL_BASE, PAGE_SIZE, TEMPORARY_START};
use mm_api::{Frame, KernelMapping, Page, PageRange, PhysAddr, Section, VirtAddr};
use spin::Mutex;
use x86::bits32::paging::{PAddr, PDEntry, PTEntry, PTFlags};
use x86::controlregs::{self, Cr4};

use super::{interrupts, symbols};
use crate::memory::physical;
use crate::protection::SectionRights;

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

/// Gives the sections of the kernel's image their rights in the directory that the kernel
/// booted with.
pub(crate) fn protect(rights: &SectionRights) {
    // The rest of the direct map is as `boot.s` left it.
    for (section, start, end) in sections(symbols::image_end()) {
        let flags = match rights.of(section) {
            Some(protection) if protection.writable => PTFlags::P | PTFlags::RW,
            Some(_) => PTFlags::P,
            None => PTFlags::empty(),
        };
        for page in (start.as_u32()..end.as_u32()).step_by(PAGE_SIZE as usize).map(VirtAddr::new) {
            set_low_entry(page, flags);
        }
    }
    flush_all();
}

/// How many sections the direct map has.
const SECTIONS: usize = 10;

/// The sections of the direct map, which ends at the address `end`, in ascending order: for each
/// section its first address, and the first address after it.
pub(crate) fn sections(end: VirtAddr) -> [(Section, VirtAddr, VirtAddr); SECTIONS] {
    // Code that runs before paging is on is linked at its physical address.
    let code = KERNEL_BASE + symbols::image_start().as_u32();
    let constants = VirtAddr::new(symbols::text_end().as_u32().next_multiple_of(PAGE_SIZE));
    let starts = [
        (Section::DirectMap, KERNEL_BASE),
        (Section::Code, code),
        (Section::Constants, constants),
        (Section::Data, symbols::read_only_end()),
        (Section::StackGuard, symbols::boot_stack_guard()),
        (Section::Stack, symbols::boot_stack()),
        (Section::StackGuard, symbols::fault_stack_guard()),
        (Section::Stack, symbols::fault_stack_guard() + PAGE_SIZE),
        (Section::Data, symbols::fault_stack_end()),
        (Section::DirectMap, symbols::image_end()),
    ];
    core::array::from_fn(|index| {
        let (section, start) = starts[index];
        (section, start, starts.get(index + 1).map_or(end, |(_, next)| *next))
    })
}

/// Changes the rights of a page of the kernel's image.
fn set_low_entry(page: VirtAddr, flags: PTFlags) {
    let address = physical(page).as_u32();
    let index = (address / PAGE_SIZE) as usize;
    assert!(index < ENTRIES, "the kernel's image does not fit into its first page table");
    // SAFETY: the table is only written here, before anything else runs, and the page stays mapped
    // to its frame or is one that nothing uses.
    unsafe { LOW_TABLE[index] = PTEntry::new(PAddr::from(address), flags) };
}

/// Unmaps the direct map from the physical address `end` on, so that a wild access there is a page
/// fault. `end` is a multiple of 4 MiB, not zero.
pub(crate) fn trim_direct_map(end: u32) {
    for address in (end..DIRECT_MAP_SIZE).step_by(LARGE_PAGE_SIZE as usize) {
        let index = ((KERNEL_BASE.as_u32() + address) / LARGE_PAGE_SIZE) as usize;
        // SAFETY: there is no memory at these addresses, so nothing refers to it.
        unsafe { PAGE_DIRECTORY[index] = PDEntry(0) };
    }
    flush_all();
}

/// Held while a page for a temporary mapping is taken or given back.
static TEMPORARY: Mutex<()> = Mutex::new(());

/// A frame mapped at a page of its own, until this value is dropped.
pub(crate) struct TemporaryMapping {
    index: usize,
}

impl TemporaryMapping {
    /// Maps `frame`. `None` if all 1024 pages for temporary mappings are taken, or after a crash in
    /// the middle of this function.
    pub(crate) fn new(frame: Frame) -> Option<Self> {
        // An interrupt handler may map a frame, too.
        interrupts::without(|| {
            let _lock = TEMPORARY.try_lock()?;
            // SAFETY: the table is only touched here and in `drop`, under the lock.
            let table = unsafe { (&raw mut TEMPORARY_TABLE).as_mut() }?;
            let (index, entry) = table.iter_mut().enumerate().find(|(_, entry)| !entry.is_present())?;
            *entry = PTEntry::new(PAddr::from(frame.start().as_u32()), PTFlags::P | PTFlags::RW);
            // No flush: a processor remembers no entry that was absent (SDM 4.10.2.3).
            // But no access to the page may be moved to before this.
            compiler_fence(Ordering::SeqCst);
            Some(Self { index })
        })
    }

    /// Where the frame is mapped.
    pub(crate) fn page(&self) -> VirtAddr {
        TEMPORARY_START + self.index as u32 * PAGE_SIZE
    }
}

impl Drop for TemporaryMapping {
    fn drop(&mut self) {
        interrupts::without(|| {
            let _lock = TEMPORARY.lock();
            // SAFETY: as in `new`; every user of the page has borrowed this mapping.
            unsafe { TEMPORARY_TABLE[self.index] = PTEntry(0) };
            // SAFETY: the kernel runs in ring 0.
            unsafe { x86::tlb::flush(self.page().as_u32() as usize) };
        });
    }
}

/// Makes the processor forget every translation.
fn flush_all() {
    // SAFETY: the kernel runs in ring 0, and the page directory stays the same.
    unsafe { x86::tlb::flush_all() }
}

/// The directory that the processor uses (CR3).
pub(crate) fn current_directory() -> Frame {
    // SAFETY: the kernel runs in ring 0.
    let cr3 = unsafe { controlregs::cr3() };
    Frame::containing(PhysAddr::new(cr3 as u32))
}

/// The number of the frame of the directory that was loaded last; 0 for the one
/// that the kernel booted with.
static LOADED: AtomicU32 = AtomicU32::new(0);

/// The directory that the kernel has loaded. The processor uses it, except in the task of the
/// double fault. That task has the directory that the kernel booted with, so that the fault can be
/// reported even if the other directory is broken. The processor does not save the CR3 of the task
/// that it leaves.
pub(crate) fn loaded_directory() -> Frame {
    match Frame::new(LOADED.load(Ordering::Relaxed)) {
        Some(frame) if frame.number() != 0 => frame,
        _ => Frame::containing(physical(symbols::page_directory())),
    }
}

/// Loads a directory: the processor forgets every translation that is not global.
///
/// # Safety
/// The directory must map the kernel's image and the direct map as the directory that the kernel
/// booted with does.
pub(crate) unsafe fn load_directory(directory: Frame) {
    LOADED.store(directory.number(), Ordering::Relaxed);
    // SAFETY: the kernel runs in ring 0; the rest is the caller's promise.
    unsafe { controlregs::cr3_write(u64::from(directory.start().as_u32())) }
}

/// Makes the processor forget the translation of the page that `address` is in.
pub(crate) fn flush_page(address: VirtAddr) {
    // SAFETY: the kernel runs in ring 0; looking a page up again changes nothing.
    unsafe { x86::tlb::flush(address.as_u32() as usize) }
}

/// Makes the processor forget every translation, including the global ones: switching off global
/// pages does that (Intel SDM vol. 3A, section 4.10.4.1).
pub(crate) fn flush_global() {
    // SAFETY: the kernel runs in ring 0, and CR4 ends up as it was.
    unsafe {
        let cr4 = controlregs::cr4();
        controlregs::cr4_write(cr4 & !Cr4::CR4_ENABLE_GLOBAL_PAGES);
        controlregs::cr4_write(cr4);
    }
    flush_all();
}

/// Switches on global pages, if the processor has them.
pub(crate) fn enable_global_pages() {
    /// CPUID leaf 1, EDX: the processor has global pages.
    const GLOBAL_PAGES: u32 = 1 << 13;
    if core::arch::x86::__cpuid(1).edx & GLOBAL_PAGES != 0 {
        // SAFETY: the kernel runs in ring 0, and no entry is marked global yet.
        unsafe { controlregs::cr4_write(controlregs::cr4() | Cr4::CR4_ENABLE_GLOBAL_PAGES) };
    }
}

/// The frame of the page table of the temporary mappings.
pub(crate) fn temporary_table() -> Frame {
    Frame::containing(physical(symbols::temporary_table()))
}

/// The direct map as a list of mappings: a new one begins wherever the rights change.
#[derive(Clone, Copy)]
pub struct DirectMap {
    pieces: [KernelMapping; SECTIONS],
    count: usize,
}

impl DirectMap {
    /// The direct map up to the physical address `end`, with these rights.
    pub(crate) fn new(end: u32, rights: &SectionRights) -> Self {
        let none = KernelMapping {
            pages: PageRange::between(KERNEL_BASE, KERNEL_BASE),
            first_frame: Frame::containing(PhysAddr::new(0)),
            writable: false,
        };
        let mut map = Self { pieces: [none; SECTIONS], count: 0 };
        for (section, start, end) in sections(KERNEL_BASE + end) {
            if let Some(protection) = rights.of(section) {
                map.add(start, end, protection.writable);
            }
        }
        map
    }

    /// Adds the next pages: to the last piece, if they touch it and have the same rights.
    fn add(&mut self, start: VirtAddr, end: VirtAddr, writable: bool) {
        let piece = |start| KernelMapping {
            pages: PageRange::between(start, end),
            first_frame: Frame::containing(physical(start)),
            writable,
        };
        if let Some(last) = self.pieces[..self.count].last_mut()
            && last.writable == writable
            && last.pages.end() == Page::containing(start).number()
        {
            *last = piece(last.pages.first().start());
        } else {
            self.pieces[self.count] = piece(start);
            self.count += 1;
        }
    }
}

impl Deref for DirectMap {
    type Target = [KernelMapping];

    fn deref(&self) -> &[KernelMapping] {
        &self.pieces[..self.count]
    }
}
