//! The running system's memory: the labs' components, each on top of the one before.
//!
//! Frames come from lab 01, address spaces from lab 02, and the kernel's heap, behind `Box` and
//! `Vec`, from lab 03. The system has one of each, for as long as the machine runs.
//!
//! # The rule
//! Nothing is allocated on the heap or freed while the memory is held ([`with`]), because the heap
//! itself needs the memory to grow. Code that breaks the rule panics every time, not only when the
//! heap has to grow.

use core::cell::{Cell, RefCell};
use core::fmt;

use kernel_core::labs::{Labs, Manager};
use kernel_core::machine::Machine;
use kernel_core::memory::lender::Lender;
use kernel_core::memory::paged::{Owner, PagedMachine};
use kernel_core::protection::SectionRights;
use kernel_core::{explain_panics, interrupts};
use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START, KERNEL_VIRTUAL_START, TEMPORARY_START, USER_SPACE_END};
use mm_api::{
    AllocError, Directory, Frame, InitError, Page, PageRange, Protection, Space, TABLE_ENTRIES, TableIndex, VirtAddr,
    VmmError,
};
use spin::{Mutex, Once};

use crate::pages::{ForkPages, PagesOfSeveral, Part, SpacePages};

mod allocator;
pub mod kernel_heap;

pub use allocator::in_use as heap_in_use;

/// The user half without page 0.
const USER: PageRange = PageRange::between(VirtAddr::new(mm_api::layout::PAGE_SIZE), USER_SPACE_END);

/// The user half, for the pages of processes.
const USER_PART: Part = Part::user(USER, Protection::USER_WRITE);

/// Where the kernel's stacks are.
const KERNEL_STACKS: PageRange = PageRange::between(KERNEL_STACKS_START, KERNEL_STACKS_END);

/// The memory of the running system.
pub struct Memory {
    labs: &'static Labs,
    /// The virtual memory manager; the directory that is loaded is one of its own.
    vmm: Manager,
    /// The machine under the manager, from which frames are taken.
    machine: &'static PagedMachine,
    /// The kernel's own directory.
    root: Frame,
    /// How many frames lab 01 manages.
    managed: u32,
    /// How many frames are mapped in the kernel's heap.
    heap: Cell<u32>,
    /// How many frames are mapped in the kernel's stacks.
    kernel_stacks: Cell<u32>,
    /// How many frames are mapped in user halves.
    user: Cell<u32>,
}

impl Memory {
    /// The labs' components that this memory is built on.
    pub fn labs(&self) -> &'static Labs {
        self.labs
    }

    /// The machine under the virtual memory manager.
    pub fn machine(&self) -> &'static PagedMachine {
        self.machine
    }

    /// The frame of the kernel's own directory.
    pub fn kernel_root(&self) -> Frame {
        self.root
    }

    /// The virtual memory manager itself, for checks that bypass the system.
    pub fn manager(&mut self) -> &mut Manager {
        &mut self.vmm
    }

    /// Creates a page directory for a process.
    ///
    /// # Errors
    /// The error of lab 02.
    pub fn create_directory(&mut self) -> Result<Directory, VmmError> {
        self.vmm.create_directory()
    }

    /// Destroys a directory in which nothing is mapped any more.
    pub fn destroy_directory(&mut self, directory: Directory) {
        self.vmm.destroy_directory(directory);
    }

    /// Loads the directory of a process, or the kernel's own, unless it is loaded already.
    pub fn load(&mut self, space: Space<'_>) {
        if self.machine.directory() != self.root_of(space) {
            self.vmm.load(space);
        }
    }

    /// The frame of the directory that a space stands for.
    fn root_of(&self, space: Space<'_>) -> Frame {
        match space {
            Space::Current => self.machine.directory(),
            Space::Kernel => self.root,
            Space::Of(directory) => directory.frame(),
        }
    }

    /// The pages of a process's user half. A page that is mapped has to be unmapped before the
    /// directory is destroyed.
    pub fn user_pages<'a>(&'a mut self, directory: &'a Directory) -> SpacePages<'a> {
        SpacePages::new(&mut *self.vmm, self.machine, Space::Of(directory), directory.frame(), USER_PART)
            .counted(&self.user)
    }

    /// Calls `work` with the user halves of a process and of its new copy, and with the process's
    /// user half a second time, for reading. Otherwise as [`user_pages`](Self::user_pages).
    pub fn with_fork<R>(
        &mut self,
        parent: &Directory,
        child: &Directory,
        work: impl FnOnce(&ForkPages<'_, '_>, PagesOfSeveral<'_, '_>) -> R,
    ) -> R {
        let (vmm, machine) = (RefCell::new(&mut *self.vmm), self.machine);
        let pages = |directory: &'_ Directory| directory.frame();
        let of = |directory| {
            PagesOfSeveral::new(&vmm, machine, Space::Of(directory), pages(directory), USER_PART).counted(&self.user)
        };
        work(&ForkPages { parent: of(parent), child: of(child) }, of(parent))
    }

    /// The pages of the kernel's stacks.
    pub fn kernel_stack_pages(&mut self) -> SpacePages<'_> {
        // The frames become the kernel's own once a stack is claimed.
        let part = Part { pages: KERNEL_STACKS, protection: Protection::KERNEL_WRITE, owner: Owner::User };
        SpacePages::new(&mut *self.vmm, self.machine, Space::Kernel, self.root, part).counted(&self.kernel_stacks)
    }

    /// The pages of the kernel's heap, whose frames will belong to `owner`.
    fn heap_pages(&mut self, owner: Owner) -> SpacePages<'_> {
        let part = Part { pages: kernel_heap::PART, protection: Protection::KERNEL_WRITE, owner };
        SpacePages::new(&mut *self.vmm, self.machine, Space::Kernel, self.root, part).counted(&self.heap)
    }

    /// Counts the frames by owner.
    pub fn frames(&self) -> FrameCounts {
        FrameCounts {
            managed: self.managed,
            free: self.machine.free_frames(),
            manager: self.machine.managers_frames(),
            heap: self.heap.get(),
            kernel_stacks: self.kernel_stacks.get(),
            user: self.user.get(),
            shared: self.machine.shared_frames(),
        }
    }

    /// How many page tables the kernel half has for the areas where pages are mapped one by one.
    /// These tables may stay for ever.
    pub fn kernel_tables(&self) -> u32 {
        let [first, end] =
            [KERNEL_VIRTUAL_START, TEMPORARY_START].map(|address| Page::containing(address).directory_index());
        let indices = TableIndex::kernel_half().filter(|index| (first..end).contains(index));
        let count = |words: &_| indices.filter_map(|index| entry(words, index)).count();
        // At most as many as a directory has entries.
        self.machine.with_words(self.root, count).unwrap_or(0) as u32
    }

    /// Reads from its tables what the user half of a directory holds: how many pages of `part` are
    /// mapped, how many of these have a frame that is mapped elsewhere as well, and how many tables
    /// the whole half has.
    pub fn user_half(&self, directory: &Directory, part: PageRange) -> UserHalf {
        let root = directory.frame();
        let tables = |words: &_| TableIndex::user_half().filter(|&index| entry(words, index).is_some()).count();
        // At most as many as a directory has entries.
        let tables = self.machine.with_words(root, tables).unwrap_or(0) as u32;
        let mut found = UserHalf { pages: 0, shared: 0, tables };
        let mut rest = part;
        while let Some(page) = self.machine.first_mapped(root, rest) {
            let frame = self.machine.frame_of(root, page);
            found.pages += 1;
            found.shared += u32::from(frame.is_some_and(|frame| self.machine.sharers(frame) > 0));
            rest = after(page, part);
        }
        found
    }
}

/// The pages of a range that come after `page`.
pub fn after(page: Page, pages: PageRange) -> PageRange {
    let rest = page.checked_add(1).and_then(|next| PageRange::new(next, pages.end() - next.number()));
    rest.unwrap_or(PageRange::between(page.start(), page.start()))
}

/// The frame that an entry of a table names, if it is present.
fn entry(words: &[u32; TABLE_ENTRIES as usize], index: TableIndex) -> Option<Frame> {
    let entry = mm_api::Entry::from_bits(words[index.as_u32() as usize]);
    entry.is_present().then(|| entry.frame())
}

/// The frames that lab 01 manages, by owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameCounts {
    /// All frames that lab 01 manages.
    pub managed: u32,
    /// Frames that have no owner.
    pub free: u32,
    /// Frames of the virtual memory manager: directories, tables, and its other allocations.
    pub manager: u32,
    /// Frames in the kernel's heap.
    pub heap: u32,
    /// Frames in kernel stacks.
    pub kernel_stacks: u32,
    /// Frames mapped in user halves.
    pub user: u32,
    /// Frames, among those mapped in user halves, that are mapped at more than one page.
    pub shared: u32,
}

/// What the user half of an address space holds; see [`Memory::user_half`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserHalf {
    /// Mapped pages in the part that the caller asked about.
    pub pages: u32,
    /// Pages among these whose frame is mapped at another page as well.
    pub shared: u32,
    /// Frames of all the half's page tables.
    pub tables: u32,
}

/// A lab whose component has started, with the figures that the boot messages print.
#[derive(Clone, Copy, Debug)]
pub enum Started {
    /// Lab 01.
    Frames {
        /// Frames that the allocator manages.
        managed: u32,
        /// Frames among these that are free.
        free: u32,
        /// Frames that were lent to the allocator for its records.
        lent: u32,
    },
    /// Lab 02: the kernel's directory is loaded.
    Paging {
        /// The directory's frame.
        directory: mm_api::Frame,
        /// Frames that the directory and its tables take.
        tables: u32,
    },
    /// Lab 03.
    Heap {
        /// Bytes that the heap has grown to.
        bytes: u32,
    },
}

/// Why the memory did not come up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartError {
    /// It was started before.
    Twice,
    /// Lab 01 answered an error.
    Frames(InitError),
    /// The memory that was set aside for the kernel's records is too small.
    NoRecords,
    /// Lab 02 answered an error.
    Paging(VmmError),
    /// Lab 03 answered an error.
    Heap(AllocError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice => f.write_str("the machine's memory has been started before"),
            Self::Frames(error) => write!(f, "the frame allocator did not start: {error}"),
            Self::NoRecords => f.write_str("there is no memory for the kernel's records of frames"),
            Self::Paging(error) => write!(f, "the virtual memory manager did not start: {error}"),
            Self::Heap(error) => write!(f, "the kernel's heap did not start: {error}"),
        }
    }
}

/// The memory, once it is started.
static MEMORY: Once<Mutex<Memory>> = Once::new();

/// Starts the machine's memory, once per boot: each lab on top of the one before, with the
/// machine's lender. The kernel's sections get the rights `rights`. `say` is called after each lab.
///
/// # Errors
/// The first error. The labs that started before it stay as they are.
pub fn start(
    machine: &'static Machine,
    labs: &'static Labs,
    lender: &mut Lender<'static>,
    rights: &SectionRights,
    say: &mut dyn FnMut(Started),
) -> Result<(), StartError> {
    start_pages(machine, labs, lender, rights, say)?;
    kernel_heap::start().map_err(StartError::Heap)?;
    explain_panics(allocator::explain);
    say(Started::Heap { bytes: with(|memory| memory.heap.get()) * mm_api::layout::PAGE_SIZE });
    Ok(())
}

/// Starts labs 01 and 02 alone. Otherwise as [`start`].
///
/// # Errors
/// As [`start`].
pub fn start_pages(
    machine: &'static Machine,
    labs: &'static Labs,
    lender: &mut Lender<'static>,
    rights: &SectionRights,
    say: &mut dyn FnMut(Started),
) -> Result<(), StartError> {
    if is_up() {
        return Err(StartError::Twice);
    }
    let frames = labs.frames(&machine.map(), lender).map_err(StartError::Frames)?;
    let managed = frames.managed_frames();
    say(Started::Frames { managed, free: frames.free_frames(), lent: lender.lent_frames() });

    let paged = PagedMachine::start(machine, lender, frames, rights).ok_or(StartError::NoRecords)?;
    let mappings = paged.mappings();
    let mut vmm = labs.manager(paged.handle(), &paged.layout(&mappings)).map_err(StartError::Paging)?;
    vmm.load(Space::Kernel);
    let root = paged.directory();
    say(Started::Paging { directory: root, tables: paged.managers_frames() });
    let memory = Memory {
        labs,
        vmm,
        machine: paged,
        root,
        managed,
        heap: Cell::new(0),
        kernel_stacks: Cell::new(0),
        user: Cell::new(0),
    };
    MEMORY.call_once(|| Mutex::new(memory));
    Ok(())
}

/// Calls `work` with the memory.
///
/// # Panics
/// If the memory is not up, or is in use already: there is one processor, so waiting for it would
/// never end.
#[track_caller]
pub fn with<R>(work: impl FnOnce(&mut Memory) -> R) -> R {
    let memory = MEMORY.get().expect("the system's memory is used before memory::start()");
    interrupts::without(|| {
        let mut memory = memory
            .try_lock()
            .expect("the system's memory is used in the middle of memory::with(), by the work that was given to it");
        work(&mut memory)
    })
}

/// Whether the memory is up.
pub fn is_up() -> bool {
    MEMORY.get().is_some()
}

/// The frames by owner, unless the memory is in use now.
fn try_frames() -> Option<FrameCounts> {
    Some(MEMORY.get()?.try_lock()?.frames())
}

/// Whether the memory is in use now.
fn is_held() -> bool {
    MEMORY.get().is_some_and(Mutex::is_locked)
}
