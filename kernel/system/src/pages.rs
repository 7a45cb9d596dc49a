//! Pages of an address space, over the virtual memory manager of lab 02: what
//! heaps and stacks are made of.
//!
//! What a page is mapped to is read from the tables. What the manager says is compared
//! with that, and never trusted.

use core::cell::RefCell;
use core::ops::Range;

use kernel_core::memory;
use kernel_core::memory::paged::{Handle, Owner, PagedMachine};
use mm_api::{Frame, Page, PageError, PageRange, Pages, Protection, Space, VirtAddr, VirtualMemory, VmmError, pieces};

/// The virtual memory manager, whichever it is.
type Vmm = dyn VirtualMemory<Handle> + Send;

/// A part of an address space.
#[derive(Clone, Copy)]
pub struct Part {
    /// The pages that may be mapped, read and written.
    pub pages: PageRange,
    /// What may be done with a page that is mapped.
    pub protection: Protection,
    /// Whose the frames are that are mapped there.
    pub owner: Owner,
}

impl Part {
    /// A part for pages whose bytes are copied in and out.
    #[must_use]
    pub const fn user(pages: PageRange, protection: Protection) -> Self {
        Self { pages, protection, owner: Owner::User }
    }
}

/// The pages of one part of an address space.
///
/// Their frames are taken from the machine, and mapped: to the virtual memory
/// manager they are frames of its caller.
pub struct SpacePages<'a> {
    vmm: &'a mut Vmm,
    machine: &'static PagedMachine,
    space: Space<'a>,
    root: Frame,
    part: Part,
}

impl<'a> SpacePages<'a> {
    /// The pages of a part of `space`, whose directory is `root`.
    pub fn new(vmm: &'a mut Vmm, machine: &'static PagedMachine, space: Space<'a>, root: Frame, part: Part) -> Self {
        Self { vmm, machine, space, root, part }
    }

    /// The frame that the tables map a page to.
    fn frame_of(&self, page: Page) -> Option<Frame> {
        self.machine.frame_of(self.root, page)
    }

    /// Panics unless a page is one of the part's; `action` completes "… is to be".
    #[track_caller]
    fn ensure_in_part(&self, page: Page, action: &str) {
        assert!(
            self.part.pages.contains(page),
            "{page} is to be {action}, which is not among the pages that this is about"
        );
    }

    /// Calls `work` for each page that one of these bytes is in, in order, with those
    /// of the page's bytes that are meant, and their place among all.
    #[track_caller]
    fn for_each_piece(&self, address: VirtAddr, bytes: usize, mut work: impl FnMut(&mut [u8], Range<usize>)) {
        for piece in pieces(address, bytes) {
            self.ensure_in_part(piece.page(), "read or written");
            let worked = self.machine.with_bytes_of(self.root, piece.page(), |page| {
                work(&mut page[piece.in_page()], piece.in_range());
            });
            assert!(worked.is_some(), "{} is read or written, but it is not mapped", piece.address);
        }
    }

    fn take_frame(&self) -> Option<Frame> {
        match self.part.owner {
            Owner::Kernel => self.machine.take_kernel_frame(),
            _ => self.machine.take_frame(),
        }
    }
}

impl Pages for SpacePages<'_> {
    #[track_caller]
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        self.ensure_in_part(page, "mapped");
        if self.is_mapped(page) {
            return Err(PageError::Occupied);
        }
        let frame = self.take_frame().ok_or(PageError::OutOfFrames)?;
        match self.vmm.map(self.space, page, frame, self.part.protection) {
            Ok(()) => {
                let found = self.frame_of(page);
                assert!(found == Some(frame), "map() of {page} to {frame} answered Ok, but the tables say {found:?}");
                Ok(())
            }
            Err(error) => {
                self.machine.give_back(frame);
                match error {
                    VmmError::AlreadyMapped => Err(PageError::Occupied),
                    VmmError::OutOfFrames => Err(PageError::OutOfFrames),
                    _ => panic!("{page} cannot be mapped: {error}"),
                }
            }
        }
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        self.ensure_in_part(page, "unmapped");
        let Some(frame) = self.frame_of(page) else { panic!("{page} is to be unmapped, but it is not mapped") };
        let owner = self.machine.owner(frame);
        assert!(owner == self.part.owner, "{page} is to be unmapped, but {frame} there is in use ({owner:?})");
        match self.vmm.unmap(self.space, page) {
            Ok(answer) => {
                assert!(answer == frame, "unmap() of {page} answered {answer}, but the tables said {frame}");
                assert!(!self.is_mapped(page), "unmap() of {page} answered Ok, but the tables still map it");
                self.machine.give_back(frame);
            }
            Err(error) => panic!("{page} cannot be unmapped: {error}"),
        }
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.frame_of(page).is_some()
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.for_each_piece(address, bytes.len(), |piece, place| memory::copy(&mut bytes[place], piece));
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.for_each_piece(address, bytes.len(), |piece, place| memory::copy(piece, &bytes[place]));
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.for_each_piece(address, bytes as usize, |piece, _| memory::zero(piece));
    }
}

/// The pages of one of several spaces that are worked on at the same time, as when
/// a process is copied. Otherwise as [`SpacePages`].
pub struct SharedPages<'a, 'v> {
    /// The virtual memory manager, which the others use, too: never two at once.
    vmm: &'a RefCell<&'v mut Vmm>,
    machine: &'static PagedMachine,
    space: Space<'a>,
    root: Frame,
    part: Part,
}

impl<'a, 'v> SharedPages<'a, 'v> {
    /// As [`SpacePages::new`].
    pub fn new(
        vmm: &'a RefCell<&'v mut Vmm>,
        machine: &'static PagedMachine,
        space: Space<'a>,
        root: Frame,
        part: Part,
    ) -> Self {
        Self { vmm, machine, space, root, part }
    }

    /// Copies what is in a page from the same page of another space: from frame to frame.
    ///
    /// # Panics
    /// If one of the two is not among the pages that this is about, or not mapped.
    #[track_caller]
    pub fn copy_page(&mut self, from: &SharedPages<'_, '_>, page: Page) {
        let frame = |pages: &SharedPages<'_, '_>| {
            pages.with(|pages| {
                pages.ensure_in_part(page, "copied");
                pages.frame_of(page)
            })
        };
        let (Some(from), Some(to)) = (frame(from), frame(self)) else {
            panic!("{page} is copied, but it is not mapped")
        };
        self.machine.copy_frame(from, to);
    }

    /// Calls `work` with the pages, while nobody else needs the manager.
    fn with<R>(&self, work: impl FnOnce(&mut SpacePages<'_>) -> R) -> R {
        let mut vmm = self.vmm.borrow_mut();
        work(&mut SpacePages::new(&mut **vmm, self.machine, self.space, self.root, self.part))
    }
}

impl Pages for SharedPages<'_, '_> {
    #[track_caller]
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        self.with(|pages| pages.map(page))
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        self.with(|pages| pages.unmap(page));
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.with(|pages| pages.is_mapped(page))
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.with(|pages| pages.read(address, bytes));
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.with(|pages| pages.write(address, bytes));
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.with(|pages| pages.zero(address, bytes));
    }
}
