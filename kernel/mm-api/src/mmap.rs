//! Lab 07: mappings, pages on demand, and copy on write.

use core::fmt;

use crate::layout::{PAGE_SIZE, USER_STACK_GUARD};
use crate::{Page, PageError, PageRange, Pages, Protection, Region, RegionList, Rights, Sharing, VirtAddr};

/// The lowest address at which something is mapped: as Linux has it, so that null
/// pointers with an offset fault, too.
pub const MAPPINGS_START: VirtAddr = VirtAddr::new(0x1_0000);

/// The first address past all mappings: the guard page below the stack.
pub const MAPPINGS_END: VirtAddr = USER_STACK_GUARD;

/// Where a mapping is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub enum Placement {
    /// Anywhere; at the address if it is free there.
    Hint(VirtAddr),
    /// At the address, in the place of mappings that are there (`MAP_FIXED`).
    Fixed(VirtAddr),
    /// At the address, if it is free there (`MAP_FIXED_NOREPLACE`).
    FixedNoReplace(VirtAddr),
}

/// What a program asks `mmap` for. All mappings are anonymous: their pages are zero at first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct MapRequest {
    /// Where.
    pub placement: Placement,
    /// How many bytes.
    pub length: u32,
    /// What the program may do there.
    pub rights: Rights,
    /// Who sees what is written there.
    pub sharing: Sharing,
}

// ANCHOR: mappings
/// The region list under `mmap` and `munmap`.
///
/// # The contract
/// Mappings lie between [`MAPPINGS_START`] and [`MAPPINGS_END`]. Lengths are
/// rounded up to whole pages.
///
/// **Neighbours merge.** A mapping and its neighbours that touch it and are
/// alike in all but their pages ([`Region::is_like`]) become one region.
///
/// **Errors change nothing.** Where several are true, the one that the method
/// lists first is the answer.
pub trait Mappings {
    /// Adds a mapping, and returns its pages.
    ///
    /// A hint is rounded down to a whole page; it counts if it is not 0, and
    /// all pages from there on lie where mappings may and belong to no region.
    /// Otherwise the mapping is placed as high as it fits.
    ///
    /// A fixed mapping takes the place of the pages of mappings that are there:
    /// these are cut, as by [`unmap`](Self::unmap).
    ///
    /// # Errors
    /// [`Empty`](MapError::Empty), [`NoRoom`](MapError::NoRoom) if the pages
    /// fit nowhere, or from the page of a fixed address on would reach past
    /// [`MAPPINGS_END`], [`Unaligned`](MapError::Unaligned) for a fixed address
    /// within a page, [`TooLow`](MapError::TooLow) for a fixed address below
    /// [`MAPPINGS_START`], [`Occupied`](MapError::Occupied) if one of the pages
    /// belongs to a region and must not be replaced, or, with
    /// [`Placement::Fixed`], [`InUse`](MapError::InUse) if it belongs to a
    /// region that is no mapping.
    fn map(regions: &mut dyn RegionList, request: &MapRequest) -> Result<PageRange, MapError>;

    /// Removes the pages of the bytes from `address` on from all mappings, and
    /// returns them. The rest of a mapping stays; pages that belong to no
    /// region are no error.
    ///
    /// # Errors
    /// [`Unaligned`](MapError::Unaligned), [`Empty`](MapError::Empty),
    /// [`NoRoom`](MapError::NoRoom) if the pages do not all lie below the
    /// kernel half, [`InUse`](MapError::InUse) if one of them belongs to a
    /// region that is no mapping.
    fn unmap(regions: &mut dyn RegionList, address: VirtAddr, length: u32) -> Result<PageRange, MapError>;
}
// ANCHOR_END: mappings

/// Why nothing was mapped or unmapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum MapError {
    /// No bytes at all: EINVAL.
    Empty,
    /// An address within a page: EINVAL.
    Unaligned,
    /// An address below [`MAPPINGS_START`]: EPERM.
    TooLow,
    /// There is no place for so many pages: ENOMEM, and EINVAL for `munmap`.
    NoRoom,
    /// A page belongs to a region already: EEXIST.
    Occupied,
    /// A page belongs to the image, the heap, the stack, or a guard: EINVAL.
    InUse,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no bytes at all",
            Self::Unaligned => "the address is within a page",
            Self::TooLow => "the address is too low",
            Self::NoRoom => "there is no place for so many pages",
            Self::Occupied => "a page belongs to a region already",
            Self::InUse => "a page belongs to the image, the heap, the stack, or a guard",
        })
    }
}

// ANCHOR: shared-pages
/// The user half of a process, whose pages may have frames in common with others.
///
/// [`map`](Pages::map) gives a page a frame of its own, which the program may
/// read and write. The kernel counts at how many pages, of all processes, each
/// frame is mapped; when the last one is unmapped, the frame is given back.
///
/// Bytes are written to pages of mappings alone: what other pages contain is
/// the program's, and goes with [`copy`](Self::copy) to another frame.
pub trait SharedPages: Pages {
    /// At how many pages the frame of `page` is mapped, this one included; 0 if
    /// the page is not mapped.
    fn users(&self, page: Page) -> u32;

    /// What the program may do with a page; `None` if it is not mapped.
    fn protection(&self, page: Page) -> Option<Protection>;

    /// The first of these pages that is mapped, if one is. It costs little
    /// however many pages there are.
    fn first_mapped(&self, pages: PageRange) -> Option<Page>;

    /// Changes what the program may do with a page.
    ///
    /// # Panics
    /// If it is not mapped.
    fn protect(&mut self, page: Page, protection: Protection);

    /// Gives a page, whose frame is mapped elsewhere as well, a frame of its
    /// own with the same contents, which the program may read and write. The
    /// other pages keep the old frame.
    ///
    /// # Errors
    /// [`OutOfFrames`](PageError::OutOfFrames); nothing has changed then.
    ///
    /// # Panics
    /// If it is not mapped.
    fn copy(&mut self, page: Page) -> Result<(), PageError>;
}

/// A fork under way: a process, and the one that is being made as its copy.
pub trait Fork {
    /// The user half of the process that is copied.
    fn parent(&mut self) -> &mut dyn SharedPages;

    /// Maps `page` in the child to the frame that it has in the parent, with
    /// what the parent may do with it.
    ///
    /// # Errors
    /// See [`PageError`]; nothing has changed then.
    ///
    /// # Panics
    /// If it is not mapped in the parent.
    fn share(&mut self, page: Page) -> Result<(), PageError>;

    /// Whether `page` is mapped in the child.
    fn is_shared(&self, page: Page) -> bool;

    /// Undoes [`share`](Self::share).
    ///
    /// # Panics
    /// If the page is not mapped in the child.
    fn unshare(&mut self, page: Page);
}
// ANCHOR_END: shared-pages

// ANCHOR: demand-paging
/// Pages on demand, and copy on write.
///
/// # The contract
/// What a program may do with a page, by the tables, is never more than its
/// region's rights allow: writing only with `write`, and nothing at all with
/// [`Rights::NONE`]. It may be less, until the program faults.
///
/// **Private.** What one process writes, no other sees. As long as nobody
/// writes, all share one frame. So a frame that is mapped at several pages of
/// private regions is writable at none of them.
///
/// **Shared.** What one process writes, all see that have the mapping since a fork.
///
/// **Zeros.** A page is zero when it is first touched.
pub trait DemandPaging {
    /// Gives a page of a mapping, which has no memory yet, memory that is zero,
    /// with the region's rights.
    ///
    /// # Errors
    /// [`OutOfFrames`](PageError::OutOfFrames); nothing has changed then.
    fn fill(pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError>;

    /// Lets the program write to a page, mapped without the right to, of a
    /// region that allows it. The page keeps its frame where nobody else has
    /// it, or the region is shared.
    ///
    /// # Errors
    /// [`OutOfFrames`](PageError::OutOfFrames); nothing has changed then.
    fn write(pages: &mut dyn SharedPages, region: &Region, page: Page) -> Result<(), PageError>;

    /// Shares the pages of a region with the child. No page is copied: the
    /// pages that are mapped have the same frames in the child. Pages of a
    /// shared region that were never touched are filled first, since both have
    /// to see the same from now on.
    ///
    /// The cost does not grow with the pages of a private region that are not
    /// mapped.
    ///
    /// # Errors
    /// See [`PageError`]; the child has none of the region's pages then. In the
    /// parent, some may have been filled, and some may be writable only at the
    /// next fault.
    fn fork(fork: &mut dyn Fork, region: &Region) -> Result<(), PageError>;
}
// ANCHOR_END: demand-paging

/// What the tables say of a page with a region's rights that nobody else has.
#[must_use]
pub const fn protection_of(rights: Rights) -> Protection {
    let user = rights.read || rights.write || rights.execute;
    Protection { writable: rights.write, user }
}

const _: () = assert!(MAPPINGS_START.as_u32().is_multiple_of(PAGE_SIZE));
