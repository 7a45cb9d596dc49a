//! Lab 02: the virtual memory manager, which decides what addresses mean.

use core::fmt;

use crate::{Frame, Machine, Page, PageRange, PhysAddr, VirtAddr};

/// What may be done with a page.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(C)]
pub struct Protection {
    /// Writing is allowed; reading always is.
    pub writable: bool,
    /// Code in ring 3 may use the page; the kernel always may.
    pub user: bool,
}

impl Protection {
    /// The kernel may read.
    pub const KERNEL_READ: Self = Self { writable: false, user: false };
    /// The kernel may read and write.
    pub const KERNEL_WRITE: Self = Self { writable: true, user: false };
    /// Kernel and user programs may read.
    pub const USER_READ: Self = Self { writable: false, user: true };
    /// Kernel and user programs may read and write.
    pub const USER_WRITE: Self = Self { writable: true, user: true };
}

/// What the tables say about an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Translation {
    /// The byte of physical memory that the address means.
    pub address: PhysAddr,
    /// What both levels of tables together allow.
    pub protection: Protection,
}

/// A piece of the kernel half that is mapped from the start: pages that follow
/// each other, mapped to frames that follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct KernelMapping {
    /// The pages, all of them in the direct map (below
    /// [`KERNEL_VIRTUAL_START`](crate::layout::KERNEL_VIRTUAL_START)).
    pub pages: PageRange,
    /// The frame of the first page.
    pub first_frame: Frame,
    /// Whether the kernel may write there. It may not where its code is.
    pub writable: bool,
}

/// What the kernel half has to contain before anything is allocated.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KernelLayout<'a> {
    /// The direct map, cut where what is allowed changes. No two overlap.
    pub mappings: &'a [KernelMapping],
    /// The kernel's own page table for temporary mappings: every directory's
    /// entry for [`TEMPORARY_START`](crate::layout::TEMPORARY_START) names this
    /// frame, writable and not for users. The kernel looks after the table itself.
    pub temporary_table: Frame,
}

/// A process's page directory.
///
/// There is one of these for each directory and it cannot be copied, so that
/// a directory cannot be destroyed twice or used afterwards.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a directory that is not destroyed keeps its frames for ever"]
#[repr(transparent)]
pub struct Directory(Frame);

impl Directory {
    /// The handle of the directory in this frame. For implementations of
    /// [`VirtualMemory::create_directory`] only.
    #[inline]
    pub const fn new(frame: Frame) -> Self {
        Self(frame)
    }

    /// The directory's frame, whose address goes into CR3.
    #[must_use]
    #[inline]
    pub const fn frame(&self) -> Frame {
        self.0
    }
}

/// The address space that an operation is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub enum Space<'a> {
    /// The one whose directory is loaded.
    Current,
    /// The kernel's own, which exists from the start.
    Kernel,
    /// A process's, loaded or not.
    Of(&'a Directory),
}

/// Why the virtual memory manager did not do what it was asked to.
///
/// Whatever the reason: nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum VmmError {
    /// A range of no pages at all.
    Empty,
    /// Page 0, which stays unmapped so that null pointers fault.
    NullPage,
    /// The range reaches past 4 GiB.
    PastEnd,
    /// The range is for user space, but reaches into the kernel half.
    KernelHalf,
    /// The page is in the kernel half, where nothing can be mapped or changed:
    /// in the direct map, among the temporary mappings, or in the last 4 MiB.
    Reserved,
    /// User rights for a page of the kernel half.
    UserInKernelHalf,
    /// A page is mapped already.
    AlreadyMapped,
    /// The page is not mapped.
    NotMapped,
    /// The page belongs to an allocation, and goes only with it.
    Allocated,
    /// These pages are not an allocation, or part of one, that can be freed.
    NotAllocated,
    /// The kernel's virtual memory has no gap that is large enough.
    NoRoom,
    /// The frames ran out.
    OutOfFrames,
}

// ANCHOR: virtual-memory
/// The virtual memory manager: it keeps the page directories and page tables.
///
/// # The contract
///
/// **Two halves.** Below [`KERNEL_BASE`] is the *user half*: each directory has
/// its own. From there on is the *kernel half*: all directories share it, and
/// what is mapped there is seen in all of them, in those made earlier too.
/// Users may not use it. It holds what the [`KernelLayout`] says, and from
/// [`KERNEL_VIRTUAL_START`] to [`TEMPORARY_START`] what is mapped and allocated
/// there; the rest of it is reserved.
///
/// **Whose frames.** A page is *mapped* to a frame that the caller brings and
/// gets back, or it is *allocated* with a frame that the manager takes from the
/// machine and gives back to it. The manager never gives back a frame that was
/// mapped.
///
/// **Tables.** The tables of the user half are made when the first page in them
/// is, and their frames go back when the last one goes. Those of the kernel
/// half may be kept for ever. Frames come with old contents, so every table is
/// cleared before a directory names it.
///
/// **Rights.** An access is allowed if both levels allow it, and what they allow
/// together is exactly the [`Protection`] that was asked for.
///
/// **The processor.** Every change takes effect at once: if the processor may
/// remember a translation that is no longer true, it is told to forget it, page
/// by page, after the tables are changed and before the frame goes anywhere. It
/// may remember every page that was present in the loaded tables, used or not.
/// That is needed for the kernel half, and for the user half of the current
/// directory. A change to the user half of another directory flushes nothing:
/// loading that directory forgets everything anyway, since no user page is
/// global. Apart from the pages of the last 4 MiB, where a directory may map
/// itself, no other page is ever flushed, and never all of them.
///
/// **Errors.** Where several are true, the one that the method lists first is
/// the answer. After an error everything is as before: mappings, frames, tables.
///
/// [`KERNEL_BASE`]: crate::layout::KERNEL_BASE
/// [`KERNEL_VIRTUAL_START`]: crate::layout::KERNEL_VIRTUAL_START
/// [`TEMPORARY_START`]: crate::layout::TEMPORARY_START
pub trait VirtualMemory<M: Machine> {
    /// Makes the kernel's page directory (`VMM_Initialize`).
    ///
    /// Its kernel half holds what `layout` says and its user half is empty. The
    /// directory is not loaded yet; until something is, it counts as the
    /// current one.
    ///
    /// # Errors
    /// [`OutOfFrames`](VmmError::OutOfFrames); every frame taken is given back.
    fn new(machine: M, layout: &KernelLayout<'_>) -> Result<Self, VmmError>
    where
        Self: Sized;

    /// The frame of a space's page directory.
    fn root(&self, space: Space<'_>) -> Frame;

    /// Loads a space's directory, which is the current one from then on.
    fn load(&mut self, space: Space<'_>);

    /// Maps `page` to `frame` (`VMM_Map`, `VMM_MapInDir`).
    ///
    /// The frame stays the caller's. It may be any, memory or not, and the same
    /// frame may be mapped many times.
    ///
    /// # Errors
    /// [`NullPage`](VmmError::NullPage), [`Reserved`](VmmError::Reserved),
    /// [`UserInKernelHalf`](VmmError::UserInKernelHalf),
    /// [`AlreadyMapped`](VmmError::AlreadyMapped),
    /// [`OutOfFrames`](VmmError::OutOfFrames).
    fn map(&mut self, space: Space<'_>, page: Page, frame: Frame, protection: Protection) -> Result<(), VmmError>;

    /// Ends the mapping of `page`, and returns the frame to the caller
    /// (`VMM_Unmap`).
    ///
    /// # Errors
    /// [`Reserved`](VmmError::Reserved), [`NotMapped`](VmmError::NotMapped),
    /// [`Allocated`](VmmError::Allocated).
    fn unmap(&mut self, space: Space<'_>, page: Page) -> Result<Frame, VmmError>;

    /// What the tables of `space` say about `address`, the kernel half with all
    /// its parts included. `None` means that an access would fault.
    fn translate(&self, space: Space<'_>, address: VirtAddr) -> Option<Translation>;

    /// Changes what may be done with `page`, mapped or allocated.
    ///
    /// All else about it stays: its frame, the allocation that it belongs to, and
    /// what the processor noted in its entry (the accessed and the dirty bit).
    ///
    /// # Errors
    /// [`Reserved`](VmmError::Reserved),
    /// [`UserInKernelHalf`](VmmError::UserInKernelHalf),
    /// [`NotMapped`](VmmError::NotMapped).
    fn protect(&mut self, space: Space<'_>, page: Page, protection: Protection) -> Result<(), VmmError>;

    /// Allocates `pages` pages that follow each other for the kernel, each with
    /// a frame of its own, readable and writable (`VMM_Allocate`).
    ///
    /// They are chosen between [`KERNEL_VIRTUAL_START`] and
    /// [`KERNEL_VIRTUAL_END`], among pages that are not mapped, and so that the
    /// page before the first and the page after the last are not mapped either:
    /// what runs off the end of an allocation faults. What the memory contains
    /// is not defined.
    ///
    /// # Errors
    /// [`Empty`](VmmError::Empty), [`NoRoom`](VmmError::NoRoom),
    /// [`OutOfFrames`](VmmError::OutOfFrames).
    ///
    /// [`KERNEL_VIRTUAL_START`]: crate::layout::KERNEL_VIRTUAL_START
    /// [`KERNEL_VIRTUAL_END`]: crate::layout::KERNEL_VIRTUAL_END
    fn allocate(&mut self, pages: u32) -> Result<PageRange, VmmError>;

    /// Frees what [`allocate`](Self::allocate) returned: all of it (`VMM_Free`).
    /// What was mapped beside it since, or which protection its pages have by now,
    /// makes no difference.
    ///
    /// # Errors
    /// [`NotAllocated`](VmmError::NotAllocated) if `allocate` did not return
    /// exactly these pages, or they were freed since.
    fn free(&mut self, pages: PageRange) -> Result<(), VmmError>;

    /// Allocates `pages` pages of the user half from `first` on, each with a
    /// frame of its own that is filled with zeros (`VMM_AllocateInDir`).
    ///
    /// # Errors
    /// [`Empty`](VmmError::Empty), [`NullPage`](VmmError::NullPage),
    /// [`PastEnd`](VmmError::PastEnd), [`KernelHalf`](VmmError::KernelHalf),
    /// [`AlreadyMapped`](VmmError::AlreadyMapped),
    /// [`OutOfFrames`](VmmError::OutOfFrames).
    fn allocate_in(
        &mut self,
        space: Space<'_>,
        first: Page,
        pages: u32,
        protection: Protection,
    ) -> Result<(), VmmError>;

    /// Frees `pages` pages of the user half from `first` on (`VMM_FreeInDir`).
    /// They may be part of what [`allocate_in`](Self::allocate_in) allocated,
    /// or reach over several such allocations.
    ///
    /// # Errors
    /// [`Empty`](VmmError::Empty), [`NullPage`](VmmError::NullPage),
    /// [`PastEnd`](VmmError::PastEnd), [`KernelHalf`](VmmError::KernelHalf),
    /// [`NotAllocated`](VmmError::NotAllocated) if one of the pages is not
    /// allocated.
    fn free_in(&mut self, space: Space<'_>, first: Page, pages: u32) -> Result<(), VmmError>;

    /// Makes a directory for a process: the kernel half shared, the user half
    /// empty.
    ///
    /// # Errors
    /// [`OutOfFrames`](VmmError::OutOfFrames).
    fn create_directory(&mut self) -> Result<Directory, VmmError>;

    /// Gives back every frame that the directory owns: its tables, what was
    /// allocated in its user half, and its own. Frames that were mapped stay
    /// their owners'. If it is the current directory, the kernel's is
    /// loaded first.
    fn destroy_directory(&mut self, directory: Directory);
}
// ANCHOR_END: virtual-memory

impl fmt::Display for VmmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a range of no pages",
            Self::NullPage => "page 0 stays unmapped, so that null pointers fault",
            Self::PastEnd => "the range reaches past 4 GiB",
            Self::KernelHalf => "the range reaches into the kernel half",
            Self::Reserved => "this part of the kernel half is reserved",
            Self::UserInKernelHalf => "users get no rights in the kernel half",
            Self::AlreadyMapped => "a page is mapped already",
            Self::NotMapped => "the page is not mapped",
            Self::Allocated => "the page belongs to an allocation",
            Self::NotAllocated => "these pages are not an allocation",
            Self::NoRoom => "the kernel's virtual memory has no gap that is large enough",
            Self::OutOfFrames => "the frames ran out",
        })
    }
}

/// `rw-` for what the kernel may write, `r-u` for what users may read.
impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.writable, self.user) {
            (false, false) => "r--",
            (true, false) => "rw-",
            (false, true) => "r-u",
            (true, true) => "rwu",
        })
    }
}
