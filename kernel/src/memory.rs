//! The running system's memory: the labs, one upon the other.
//!
//! Frames come from lab 01, address spaces from lab 02, and the kernel's heap,
//! behind `Box` and `Vec`, from lab 03. There is one of each, for as long as the
//! machine runs.
//!
//! # The rule
//! Nothing is allocated on the heap, and nothing freed, while the memory is held
//! ([`with`]): the heap itself needs it to grow. Whoever does it all the same is
//! stopped by a panic, every time, not only when the heap has to grow.

// Processes come with the labs.
#![allow(dead_code)]

use core::cell::RefCell;
use core::fmt;

use kernel_core::check::{Context, Outcome};
use kernel_core::machine::Machine;
use kernel_core::memory::lender::Lender;
use kernel_core::memory::paged::PagedMachine;
use kernel_core::{explain_panics, fail, interrupts};
use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START, KERNEL_VIRTUAL_START, TEMPORARY_START, USER_SPACE_END};
use mm_api::{
    AllocError, Frame, FrameAllocator as _, InitError, Page, PageRange, Pages, Protection, Space, TABLE_ENTRIES,
    TableIndex, VirtAddr, VirtualMemory as _, VmmError,
};
use spin::{Mutex, MutexGuard, Once};

use crate::labs::{FrameAllocator, VirtualMemory};
use crate::pages::{SharedPages, SpacePages};

mod allocator;
mod counted;
pub mod kernel_heap;

pub use allocator::in_use as heap_in_use;
pub use counted::Counted;

/// The user half, but for page 0.
const USER: PageRange = PageRange::between(VirtAddr::new(mm_api::layout::PAGE_SIZE), USER_SPACE_END);

/// Where the kernel's stacks are.
const KERNEL_STACKS: PageRange = PageRange::between(KERNEL_STACKS_START, KERNEL_STACKS_END);

/// The memory of the running system.
pub struct Memory {
    /// The virtual memory manager; the directory that is loaded is one of its own.
    pub vmm: VirtualMemory<'static, 'static>,
    /// The machine under it, which frames are taken from.
    pub machine: &'static PagedMachine<'static>,
    /// How many frames lab 01 manages.
    managed: u32,
    /// How many frames are mapped in the kernel's heap, its stacks, and user halves.
    heap: u32,
    kernel_stacks: u32,
    user: u32,
}

/// Pages of the running system's memory.
pub type SystemPages<'a> = Counted<'a, SpacePages<'a, 'static, 'static>>;

impl Memory {
    /// The pages of a process's user half, or of what else is in `space` below the
    /// kernel half. Whoever maps one unmaps it before the directory is destroyed.
    pub fn user_pages<'a>(&'a mut self, space: Space<'a>, protection: Protection) -> SystemPages<'a> {
        let pages = SpacePages { vmm: &mut self.vmm, machine: self.machine, space, part: USER, protection };
        Counted { pages, count: &mut self.user }
    }

    /// Calls `work` with the pages of two user halves at the same time: to copy a
    /// process's into a new one's. Otherwise as [`user_pages`](Self::user_pages).
    pub fn with_two_users<R>(
        &mut self,
        from: Space<'_>,
        to: Space<'_>,
        protection: Protection,
        work: impl FnOnce(&dyn Pages, &mut dyn Pages) -> R,
    ) -> R {
        let (vmm, machine) = (RefCell::new(&mut self.vmm), self.machine);
        let from = SharedPages { vmm: &vmm, machine, space: from, part: USER, protection };
        let to = SharedPages { vmm: &vmm, machine, space: to, part: USER, protection };
        work(&from, &mut Counted { pages: to, count: &mut self.user })
    }

    /// The pages of the kernel's stacks.
    pub fn kernel_stack_pages(&mut self) -> SystemPages<'_> {
        let pages = SpacePages {
            vmm: &mut self.vmm,
            machine: self.machine,
            space: Space::Kernel,
            part: KERNEL_STACKS,
            protection: Protection::KERNEL_WRITE,
        };
        Counted { pages, count: &mut self.kernel_stacks }
    }

    /// The pages of the kernel's heap.
    fn heap_pages(&mut self) -> SystemPages<'_> {
        let pages = SpacePages {
            vmm: &mut self.vmm,
            machine: self.machine,
            space: Space::Kernel,
            part: kernel_heap::PART,
            protection: Protection::KERNEL_WRITE,
        };
        Counted { pages, count: &mut self.heap }
    }

    /// Whose the frames are.
    pub fn frames(&self) -> FrameCounts {
        FrameCounts {
            managed: self.managed,
            free: self.machine.free_frames(),
            manager: self.machine.managers_frames(),
            heap: self.heap,
            kernel_stacks: self.kernel_stacks,
            user: self.user,
        }
    }

    /// How many page tables there are for the parts of the kernel half where pages are
    /// mapped one by one. They may stay for ever.
    pub fn kernel_tables(&self) -> u32 {
        let [first, end] =
            [KERNEL_VIRTUAL_START, TEMPORARY_START].map(|address| Page::containing(address).directory_index());
        let indices = TableIndex::kernel_half().filter(|index| (first..end).contains(index));
        let root = self.vmm.root(Space::Kernel);
        let count = |words: &_| indices.filter_map(|index| entry(words, index)).count();
        // At most as many as a directory has entries.
        self.machine.with_words(root, count).unwrap_or(0) as u32
    }

    /// What the user half of a space holds, by a look at its tables: how many pages
    /// of `part` are mapped, and how many tables there are.
    pub fn user_half(&self, space: Space<'_>, part: PageRange) -> UserHalf {
        let mut found = UserHalf { pages: 0, tables: 0 };
        let root = self.vmm.root(space);
        let mut next = 0;
        while let Some((upper, table)) = self.next_table(root, next) {
            next = upper.as_u32() + 1;
            found.tables += 1;
            let is_counted =
                |lower, words: &_| part.contains(Page::from_indices(upper, lower)) && entry(words, lower).is_some();
            let pages = self
                .machine
                .with_words(table, |words| TableIndex::all().filter(|&lower| is_counted(lower, words)).count());
            // At most as many as a table has entries.
            found.pages += pages.unwrap_or(0) as u32;
        }
        found
    }

    /// The first table of the user half that a directory names from its entry
    /// number `from` on.
    fn next_table(&self, root: Frame, from: u32) -> Option<(TableIndex, Frame)> {
        let mut indices = TableIndex::user_half().skip(from as usize);
        self.machine
            .with_words(root, |words| indices.find_map(|index| entry(words, index).map(|table| (index, table))))
            .flatten()
    }
}

/// The frame that an entry of a table names, if it is present.
fn entry(words: &[u32; TABLE_ENTRIES as usize], index: TableIndex) -> Option<Frame> {
    let entry = mm_api::Entry::from_bits(words[index.as_u32() as usize]);
    entry.is_present().then(|| entry.frame())
}

/// Whose the frames are that lab 01 manages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameCounts {
    /// All of them.
    pub managed: u32,
    /// Nobody's.
    pub free: u32,
    /// The virtual memory manager's: directories, tables, and what it has allocated.
    pub manager: u32,
    /// In the kernel's heap.
    pub heap: u32,
    /// In kernel stacks.
    pub kernel_stacks: u32,
    /// Mapped in user halves.
    pub user: u32,
}

/// What the user half of an address space holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserHalf {
    /// Pages that are mapped, of those that were asked about.
    pub pages: u32,
    /// Frames of page tables, all of them.
    pub tables: u32,
}

/// A lab that has come up, and what it says.
#[derive(Clone, Copy, Debug)]
pub enum Started {
    /// Lab 01.
    Frames {
        /// Frames that it manages.
        managed: u32,
        /// Those of them that are free.
        free: u32,
        /// Frames that were lent to it for its records.
        lent: u32,
    },
    /// Lab 02: the kernel's directory is loaded.
    Paging {
        /// The directory's frame.
        directory: mm_api::Frame,
        /// Frames that directory and tables take.
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
    /// It has been started before, or somebody else has the machine's memory.
    Twice,
    /// Lab 01 refused.
    Frames(InitError),
    /// The memory that was put aside for the kernel's records does not suffice.
    NoRecords,
    /// Lab 02 refused.
    Paging(VmmError),
    /// Lab 03 refused.
    Heap(AllocError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice => f.write_str("the machine's memory was given to somebody already"),
            Self::Frames(error) => write!(f, "the frame allocator did not start: {error}"),
            Self::NoRecords => f.write_str("there is no memory for the kernel's records of frames"),
            Self::Paging(error) => write!(f, "the virtual memory manager did not start: {error}"),
            Self::Heap(error) => write!(f, "the kernel's heap did not start: {error}"),
        }
    }
}

/// The memory, once it is started.
static MEMORY: Once<Mutex<Memory>> = Once::new();

/// Brings the machine's memory up, once a boot. `say` is called after each lab.
///
/// # Errors
/// The first thing that goes wrong. What came up before stays as it is.
pub fn start(machine: &'static Machine, say: impl FnMut(Started)) -> Result<(), StartError> {
    let mut lender = machine.take_lender().ok_or(StartError::Twice)?;
    bring_up(machine, &mut lender, say)
}

/// Brings the memory up in a check, which is what the machine's lender was given to.
///
/// # Errors
/// Fails the check.
pub fn start_in(context: &mut Context) -> Outcome {
    let machine = context.machine();
    judge(bring_up(machine, context.machine_lender(), |_| {}))
}

/// The same without a heap, for a check that builds its own.
///
/// # Errors
/// Fails the check.
pub fn start_pages_in(context: &mut Context) -> Outcome {
    let machine = context.machine();
    judge(bring_up_pages(machine, context.machine_lender(), &mut |_| {}))
}

/// Fails the check unless the memory came up.
fn judge(result: Result<(), StartError>) -> Outcome {
    match result {
        Ok(()) => Ok(()),
        Err(error) => fail!(expected: ("the machine's memory to come up"), saw: ("{error}")),
    }
}

/// Calls `work` with the memory.
///
/// # Panics
/// If the memory is not up, or somebody works with it already: there is one
/// processor, so that would be waited for in vain.
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

/// Whose the frames are, if nobody works with the memory now.
fn try_frames() -> Option<FrameCounts> {
    Some(MEMORY.get()?.try_lock()?.frames())
}

/// Whether somebody works with the memory now.
fn is_held() -> bool {
    MEMORY.get().is_some_and(Mutex::is_locked)
}

/// Brings up one lab after the other.
fn bring_up(
    machine: &'static Machine,
    lender: &mut Lender<'static>,
    mut say: impl FnMut(Started),
) -> Result<(), StartError> {
    bring_up_pages(machine, lender, &mut say)?;
    kernel_heap::start().map_err(StartError::Heap)?;
    explain_panics(allocator::explain);
    say(Started::Heap { bytes: with(|memory| memory.heap) * mm_api::layout::PAGE_SIZE });
    Ok(())
}

/// Brings up labs 01 and 02.
fn bring_up_pages(
    machine: &'static Machine,
    lender: &mut Lender<'static>,
    say: &mut impl FnMut(Started),
) -> Result<(), StartError> {
    static FRAMES: Mutex<Option<FrameAllocator>> = Mutex::new(None);
    static PAGED: Once<PagedMachine<'static>> = Once::new();

    // Locked for ever: the frames are the machine's from now on.
    let place = MutexGuard::leak(FRAMES.try_lock().ok_or(StartError::Twice)?);
    let frames = place.insert(FrameAllocator::new(&machine.map(), lender).map_err(StartError::Frames)?);
    let managed = frames.managed_frames();
    say(Started::Frames { managed, free: frames.free_frames(), lent: lender.lent_frames() });

    let paged = PagedMachine::start(machine, lender, frames).ok_or(StartError::NoRecords)?;
    let paged = PAGED.call_once(|| paged);
    let mappings = paged.mappings();
    let mut vmm = VirtualMemory::new(paged.handle(), &paged.layout(&mappings)).map_err(StartError::Paging)?;
    vmm.load(Space::Kernel);
    say(Started::Paging { directory: vmm.root(Space::Kernel), tables: paged.managers_frames() });
    MEMORY.call_once(|| Mutex::new(Memory { vmm, machine: paged, managed, heap: 0, kernel_stacks: 0, user: 0 }));
    Ok(())
}
