//! A fake machine for page tables: memory, a memory management unit, and frames.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{RefCell, RefMut};

use mm_api::layout::{KERNEL_BASE, SELF_MAP_START};
use mm_api::{
    Entry, Frame, FrameSource, KernelLayout, KernelMapping, Page, PageRange, PhysAddr, PhysMemory, SelfMap, TableIndex,
    Tlb, VirtAddr,
};
use mm_oracle::walk::{NotPresent, Walk, walk};

use crate::mmu::{Access, Mmu, PageFault};
use crate::ram::Ram;

/// A machine with fake memory and a fake memory management unit. A clone is
/// another handle to the same machine.
///
/// The machine behaves the same in every run.
#[derive(Clone)]
pub struct FakeMachine(Rc<RefCell<Parts>>);

struct Parts {
    ram: Ram,
    mmu: Mmu,
    log: FlushLog,
}

/// The translations that the machine was told to forget.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct FlushLog {
    /// The flushed pages, in order.
    pub pages: Vec<Page>,
    /// How many times all translations were flushed at once.
    pub all: u32,
}

/// Frames in a fake machine: 16 MiB.
const FRAMES: u32 = 0x1000;
/// The first frames hold what a PC keeps in its first MiB, and the kernel.
const RESERVED: u32 = 0x180;
/// The kernel's code, which is not writable.
const CODE: (u32, u32) = (0x100, 0x130);
/// The kernel's table for temporary mappings lies in its data.
const TEMPORARY_TABLE: u32 = 0x140;

impl FakeMachine {
    /// A machine with 16 MiB of memory, its free frames poisoned, and no
    /// directory loaded.
    #[must_use]
    pub fn new() -> Self {
        let mut ram = Ram::new(FRAMES, RESERVED);
        for index in TableIndex::all() {
            let table = Frame::new(TEMPORARY_TABLE).unwrap().start().as_u32();
            *ram.word(PhysAddr::new(table + 4 * index.as_u32())).unwrap() = 0;
        }
        Self(Rc::new(RefCell::new(Parts { ram, mmu: Mmu::default(), log: FlushLog::default() })))
    }

    /// The mappings that the kernel half has to contain, as in the real kernel:
    /// the direct map of all memory, read-only where the kernel's code is.
    #[must_use]
    pub fn mappings() -> Vec<KernelMapping> {
        let base = Page::containing(KERNEL_BASE);
        let piece = |from: u32, to: u32, writable| KernelMapping {
            pages: PageRange::new(base.checked_add(from).unwrap(), to - from).unwrap(),
            first_frame: Frame::new(from).unwrap(),
            writable,
        };
        vec![piece(0, CODE.0, true), piece(CODE.0, CODE.1, false), piece(CODE.1, FRAMES, true)]
    }

    /// The layout of [`mappings`](Self::mappings) and the table for temporary mappings.
    #[must_use]
    pub fn layout(mappings: &[KernelMapping]) -> KernelLayout<'_> {
        KernelLayout { mappings, temporary_table: Frame::new(TEMPORARY_TABLE).unwrap() }
    }

    /// How many frames are handed out now.
    #[must_use]
    pub fn allocated(&self) -> u32 {
        self.parts().ram.allocated()
    }

    /// Limits how many more frames are handed out; with `None`, the limit goes.
    pub fn allow_frames(&self, allowance: Option<u32>) {
        self.parts().ram.set_allowance(allowance);
    }

    /// The frame of the loaded directory, if one is loaded.
    #[must_use]
    pub fn directory(&self) -> Option<Frame> {
        self.parts().mmu.directory()
    }

    /// The flushes since the last call of this method.
    pub fn take_flushes(&self) -> FlushLog {
        core::mem::take(&mut self.parts().log)
    }

    /// Translates `address` for an access with the loaded directory, and remembers
    /// the translation.
    ///
    /// # Errors
    /// The page fault that the access ends in.
    pub fn access(&self, address: VirtAddr, access: Access) -> Result<PhysAddr, PageFault> {
        let Parts { ram, mmu, .. } = &mut *self.parts();
        mmu.access(address, access, ram)
    }

    /// Reads the aligned word that holds the byte at `address`, as the kernel.
    ///
    /// # Errors
    /// The page fault that the access ends in.
    pub fn load_word(&self, address: VirtAddr) -> Result<u32, PageFault> {
        let place = self.access(address, Access::READ)?;
        self.physical_word(place).ok_or(PageFault::NoMemory(Frame::containing(place)))
    }

    /// Writes to the aligned word that holds the byte at `address`, as the kernel.
    ///
    /// # Errors
    /// The page fault that the access ends in.
    pub fn store_word(&self, address: VirtAddr, value: u32) -> Result<(), PageFault> {
        let place = self.access(address, Access::WRITE)?;
        let mut parts = self.parts();
        *parts.ram.word(place).ok_or(PageFault::NoMemory(Frame::containing(place)))? = value;
        Ok(())
    }

    /// The aligned word of physical memory that holds the byte at `address`;
    /// `None` beyond the end of memory.
    #[must_use]
    pub fn physical_word(&self, address: PhysAddr) -> Option<u32> {
        self.parts().ram.word(address).copied()
    }

    /// Translates `address` with the directory in `root`, without the translations that
    /// the processor remembers.
    ///
    /// # Errors
    /// The entry on the way that is not present.
    pub fn walk(&self, root: Frame, address: VirtAddr) -> Result<Walk, NotPresent> {
        walk(root, address, |table, index| {
            let place = PhysAddr::new(table.start().as_u32() + 4 * index.as_u32());
            Entry::from_bits(self.physical_word(place).unwrap_or(0))
        })
    }

    fn parts(&self) -> RefMut<'_, Parts> {
        self.0.borrow_mut()
    }

    /// The physical address behind one in the last 4 MiB, for a self-map.
    fn self_mapped(&self, address: VirtAddr, access: Access) -> (PhysAddr, RefMut<'_, Parts>) {
        assert!(address >= SELF_MAP_START, "{address} is not in the last 4 MiB, where a directory may map itself");
        assert!(address.as_u32().is_multiple_of(4), "{address} is not the address of an entry");
        match self.access(address, access) {
            Ok(place) => {
                let parts = self.parts();
                parts.ram.expect_allocated(Frame::containing(place), "used as a table");
                (place, parts)
            }
            Err(fault) => panic!("page fault at {address}: {fault:?}"),
        }
    }
}

impl Default for FakeMachine {
    fn default() -> Self {
        Self::new()
    }
}

impl PhysMemory for FakeMachine {
    fn read(&self, table: Frame, index: TableIndex) -> Entry {
        Entry::from_bits(self.parts().ram.table(table, "read")[index.as_u32() as usize])
    }

    fn write(&mut self, table: Frame, index: TableIndex, entry: Entry) {
        self.parts().ram.table(table, "written to")[index.as_u32() as usize] = entry.bits();
    }

    fn clear(&mut self, frame: Frame) {
        self.parts().ram.table(frame, "cleared").fill(0);
    }
}

impl SelfMap for FakeMachine {
    fn read_at(&self, address: VirtAddr) -> Entry {
        let (place, mut parts) = self.self_mapped(address, Access::READ);
        Entry::from_bits(*parts.ram.word(place).unwrap())
    }

    fn write_at(&mut self, address: VirtAddr, entry: Entry) {
        let (place, mut parts) = self.self_mapped(address, Access::WRITE);
        *parts.ram.word(place).unwrap() = entry.bits();
    }
}

impl Tlb for FakeMachine {
    fn flush(&mut self, page: Page) {
        let Parts { ram, mmu, log } = &mut *self.parts();
        log.pages.push(page);
        mmu.flush(page, ram);
    }

    fn flush_all(&mut self) {
        let mut parts = self.parts();
        parts.log.all += 1;
        parts.mmu.flush_all();
    }

    fn load(&mut self, directory: Frame) {
        let mut parts = self.parts();
        parts.ram.expect_allocated(directory, "loaded as a directory");
        parts.mmu.load(directory);
    }
}

impl FrameSource for FakeMachine {
    fn allocate(&mut self) -> Option<Frame> {
        self.parts().ram.allocate()
    }

    fn free(&mut self, frame: Frame) {
        let mut parts = self.parts();
        assert!(parts.mmu.directory() != Some(frame), "{frame} is given back, but it is the current directory");
        if let Some(page) = parts.mmu.remembers(frame) {
            panic!("{frame} is given back, but the processor still uses it to translate {page}: flush first");
        }
        parts.ram.free(frame);
    }
}
