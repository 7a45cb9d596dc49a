//! Lab 05: stacks, those of processes and those of the kernel.

use core::fmt;

use crate::layout::PAGE_SIZE;
use crate::{Page, PageError, PageRange, Pages, VirtAddr};

/// Bytes of a user stack's region that the arguments of a program may take at
/// most: half of it. The rest is for the program to run with.
pub const ARGUMENTS_MAX: u32 = 0x8000;

/// Pages in a kernel stack, without its guard page.
pub const KERNEL_STACK_PAGES: u32 = 4;

/// The alignment of the stack pointer when a program begins (System V ABI,
/// i386 supplement, section 2.3.1), in bytes.
pub const STACK_ALIGN: u32 = 16;

/// What a program is started with. No string contains a NUL.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Arguments<'a> {
    /// Its name and its arguments: `argv`.
    pub argv: &'a [&'a [u8]],
    /// Its environment, as `NAME=value`: `envp`.
    pub envp: &'a [&'a [u8]],
    /// The auxiliary vector, without the `AT_NULL` at its end.
    pub auxv: &'a [Auxiliary],
}

/// An entry of the auxiliary vector: what the kernel tells a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Auxiliary {
    /// What it is about, such as [`PAGE_SIZE_KIND`](Self::PAGE_SIZE_KIND).
    pub kind: u32,
    /// The value.
    pub value: u32,
}

impl Auxiliary {
    /// `AT_NULL`: the end of the vector.
    pub const END_KIND: u32 = abi::aux::NULL;
    /// `AT_PAGESZ`: bytes in a page.
    pub const PAGE_SIZE_KIND: u32 = abi::aux::PAGESZ;
    /// `AT_ENTRY`: where the program begins.
    pub const ENTRY_KIND: u32 = abi::aux::ENTRY;
}

// ANCHOR: user-stack
/// A process's stack: the mapped pages at the top of its region, which is the
/// [`USER_STACK_SIZE`] bytes from [`USER_STACK_START`] on.
///
/// # The contract
/// **Where.** The mapped pages follow each other and end where the region ends. The
/// stack grows downwards, page by page, until it fills the region. The page below
/// the region is the guard page. It is never mapped.
///
/// **Zeros.** Each page of the stack is filled with zeros when it is mapped: no
/// program sees another's data.
///
/// **Errors change nothing.** After an error the same pages are mapped as before,
/// and they have their old contents.
///
/// Every method that is given `pages` is given those of the stack's own process.
///
/// [`USER_STACK_START`]: crate::layout::USER_STACK_START
/// [`USER_STACK_SIZE`]: crate::layout::USER_STACK_SIZE
pub trait UserStack {
    /// Makes a stack with one page, the topmost (`Stack_Create`).
    ///
    /// # Errors
    /// [`Occupied`](StackError::Occupied),
    /// [`OutOfFrames`](StackError::OutOfFrames).
    fn create(pages: &mut dyn Pages) -> Result<Self, StackError>
    where
        Self: Sized;

    /// The stack's lowest mapped address.
    fn bottom(&self) -> VirtAddr;

    /// Lays out what a program finds on its stack when it begins, as the System V
    /// ABI, i386 supplement, asks for (section 2.3.1), and returns the stack
    /// pointer that it begins with (`Stack_SetupProcess`).
    ///
    /// From the stack pointer on, each four bytes: how many strings `argv` has;
    /// the address of each of them; 0; the address of each string of `envp`; 0;
    /// kind and value of each entry of `auxv`; two zeros. The stack pointer is
    /// a multiple of [`STACK_ALIGN`]. The strings lie further up, in any order,
    /// each with a NUL at its end. The old contents of the stack do not matter.
    /// Where the arguments need more pages than the stack has, it grows; it may
    /// grow by more than they need. It never shrinks.
    ///
    /// # Errors
    /// [`TooManyArguments`](StackError::TooManyArguments) if all of it, from
    /// the stack pointer to the end of the region, would take more than
    /// [`ARGUMENTS_MAX`] bytes, however it is laid out: if the vectors and the
    /// strings with their NULs do. Up to [`ARGUMENTS_MAX`] less 64 bytes, it
    /// fits; between the two, padding decides. Where another error is true as
    /// well, this is the answer. [`Occupied`](StackError::Occupied),
    /// [`OutOfFrames`](StackError::OutOfFrames).
    fn set_up(&mut self, pages: &mut dyn Pages, arguments: &Arguments<'_>) -> Result<VirtAddr, StackError>;

    /// Grows the stack down to the page that `address` lies in: what the kernel
    /// does at a page fault there.
    ///
    /// # Errors
    /// [`Outside`](StackError::Outside) if the address is not in the region;
    /// [`AlreadyMapped`](StackError::AlreadyMapped) if the stack has the page
    /// already, so that growing would not help;
    /// [`Occupied`](StackError::Occupied) if a page that the stack does not
    /// have is mapped on the way, also if it is that of the address;
    /// [`OutOfFrames`](StackError::OutOfFrames).
    fn grow(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), StackError>;

    /// The stack of a new process that is a copy of this one: as large, with the
    /// same contents, in the pages of the new process (`fork`).
    ///
    /// # Errors
    /// [`Occupied`](StackError::Occupied),
    /// [`OutOfFrames`](StackError::OutOfFrames); `to` has none of the stack's
    /// pages then.
    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, StackError>
    where
        Self: Sized;

    /// Unmaps all of the stack's pages, and no others (`Stack_Destroy`).
    fn destroy(self, pages: &mut dyn Pages)
    where
        Self: Sized;
}
// ANCHOR_END: user-stack

/// A kernel stack: [`KERNEL_STACK_PAGES`] pages, above a guard page.
///
/// There is one of these for each stack and it cannot be copied, so that a stack
/// cannot be destroyed twice.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a stack that is not destroyed keeps its frames for ever"]
#[repr(transparent)]
pub struct KernelStack(PageRange);

impl KernelStack {
    /// The stack of these pages, without its guard page. For implementations of
    /// [`KernelStacks::create`] only.
    #[must_use = "a stack that is not destroyed keeps its frames for ever"]
    pub const fn new(pages: PageRange) -> Self {
        Self(pages)
    }

    /// The stack's pages.
    #[must_use]
    pub const fn pages(&self) -> PageRange {
        self.0
    }

    /// The page below the stack, which is not mapped; `None` if there is none.
    #[must_use]
    pub const fn guard(&self) -> Option<Page> {
        match self.0.first().number().checked_sub(1) {
            Some(number) => Page::new(number),
            None => None,
        }
    }

    /// Where the stack begins: the first address past its last page.
    #[must_use]
    pub const fn top(&self) -> VirtAddr {
        // A stack lies in the kernel half, and not in its last page.
        VirtAddr::new(self.0.first().start().as_u32() + self.0.len() * PAGE_SIZE)
    }
}

// ANCHOR: kernel-stacks
/// The kernel's stacks: one for each process, for the time that the kernel works
/// for it.
///
/// # The contract
/// **Where.** In the area that [`new`](Self::new) was given. A stack has
/// [`KERNEL_STACK_PAGES`] pages, all mapped, and the page below them is its
/// guard page: it is in the area, not mapped, and in no other stack. So an
/// access past the end of a stack faults.
///
/// **How many.** As many as the area has room for: one for every
/// [`KERNEL_STACK_PAGES`]` + 1` pages. A place that was given back is used again.
///
/// **Zeros.** The pages of a stack are filled with zeros when it is created.
///
/// **Errors change nothing.** After an error the same pages are mapped as before.
pub trait KernelStacks {
    /// The stacks in `area`, of which there are none yet. The area has at most
    /// [`KERNEL_STACKS_END`]` - `[`KERNEL_STACKS_START`] bytes, and nothing is
    /// mapped there but what the stacks map.
    ///
    /// [`KERNEL_STACKS_START`]: crate::layout::KERNEL_STACKS_START
    /// [`KERNEL_STACKS_END`]: crate::layout::KERNEL_STACKS_END
    fn new(area: PageRange) -> Self
    where
        Self: Sized;

    /// Makes a stack (`Stack_Create`).
    ///
    /// # Errors
    /// [`NoRoom`](StackError::NoRoom), [`OutOfFrames`](StackError::OutOfFrames).
    fn create(&mut self, pages: &mut dyn Pages) -> Result<KernelStack, StackError>;

    /// Unmaps a stack's pages (`Stack_Destroy`).
    fn destroy(&mut self, pages: &mut dyn Pages, stack: KernelStack);
}
// ANCHOR_END: kernel-stacks

/// Why there is no stack, or no larger one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum StackError {
    /// The address is not in the stack's region.
    Outside,
    /// The page is the stack's already.
    AlreadyMapped,
    /// The program's arguments do not fit (E2BIG).
    TooManyArguments,
    /// There is no place left for one more kernel stack.
    NoRoom,
    /// Something else is mapped where the stack would be.
    Occupied,
    /// The frames ran out.
    OutOfFrames,
}

impl From<PageError> for StackError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Occupied => Self::Occupied,
            PageError::OutOfFrames => Self::OutOfFrames,
        }
    }
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outside => "the address is not in the stack's region",
            Self::AlreadyMapped => "the stack has the page already",
            Self::TooManyArguments => "the program's arguments do not fit onto its stack",
            Self::NoRoom => "there is no place for one more kernel stack",
            Self::Occupied => "something else is mapped where the stack would be",
            Self::OutOfFrames => "the frames ran out",
        })
    }
}
