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

/// A part of an address space, as the kernel sees it in the tables.
#[derive(Clone, Copy)]
struct View<'a> {
    machine: &'static PagedMachine,
    space: Space<'a>,
    root: Frame,
    part: Part,
}

impl View<'_> {
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

    /// Gives back a frame that no page of the part is mapped to any more.
    #[track_caller]
    fn give_back(&self, frame: Frame) {
        match self.part.owner {
            // SAFETY: pages of the kernel's own are its heap's alone, which unmaps those
            // that lab 03 has given back, and those that it never had.
            #[allow(unsafe_code)]
            Owner::Kernel => unsafe { self.machine.give_back_kernel_frame(frame) },
            _ => self.machine.give_back(frame),
        }
    }

    fn take_frame(&self) -> Option<Frame> {
        match self.part.owner {
            Owner::Kernel => self.machine.take_kernel_frame(),
            _ => self.machine.take_frame(),
        }
    }

    #[track_caller]
    fn map(&self, vmm: &mut Vmm, page: Page) -> Result<(), PageError> {
        self.ensure_in_part(page, "mapped");
        if self.frame_of(page).is_some() {
            return Err(PageError::Occupied);
        }
        let frame = self.take_frame().ok_or(PageError::OutOfFrames)?;
        match vmm.map(self.space, page, frame, self.part.protection) {
            Ok(()) => {
                let found = self.frame_of(page);
                assert!(found == Some(frame), "map() of {page} to {frame} answered Ok, but the tables say {found:?}");
                Ok(())
            }
            Err(error) => {
                assert!(self.frame_of(page).is_none(), "map() of {page} answered {error:?}, but the tables map it");
                self.give_back(frame);
                match error {
                    VmmError::AlreadyMapped => Err(PageError::Occupied),
                    VmmError::OutOfFrames => Err(PageError::OutOfFrames),
                    _ => panic!("{page} cannot be mapped: {error}"),
                }
            }
        }
    }

    #[track_caller]
    fn unmap(&self, vmm: &mut Vmm, page: Page) {
        self.ensure_in_part(page, "unmapped");
        let Some(frame) = self.frame_of(page) else { panic!("{page} is to be unmapped, but it is not mapped") };
        let owner = self.machine.owner(frame);
        assert!(owner == self.part.owner, "{page} is to be unmapped, but {frame} there is in use ({owner:?})");
        match vmm.unmap(self.space, page) {
            Ok(answer) => {
                assert!(answer == frame, "unmap() of {page} answered {answer}, but the tables said {frame}");
                assert!(self.frame_of(page).is_none(), "unmap() of {page} answered Ok, but the tables still map it");
                self.give_back(frame);
            }
            Err(error) => panic!("{page} cannot be unmapped: {error}"),
        }
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

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.for_each_piece(address, bytes.len(), |piece, place| memory::copy(&mut bytes[place], piece));
    }

    #[track_caller]
    fn write(&self, address: VirtAddr, bytes: &[u8]) {
        self.for_each_piece(address, bytes.len(), |piece, place| memory::copy(piece, &bytes[place]));
    }

    #[track_caller]
    fn zero(&self, address: VirtAddr, bytes: u32) {
        self.for_each_piece(address, bytes as usize, |piece, _| memory::zero(piece));
    }
}

/// Where a virtual memory manager is had from, for one call.
trait Access {
    fn with<R>(&mut self, work: impl FnOnce(&mut Vmm) -> R) -> R;
}

impl Access for &mut Vmm {
    #[track_caller]
    fn with<R>(&mut self, work: impl FnOnce(&mut Vmm) -> R) -> R {
        work(*self)
    }
}

impl Access for &RefCell<&mut Vmm> {
    #[track_caller]
    fn with<R>(&mut self, work: impl FnOnce(&mut Vmm) -> R) -> R {
        work(&mut **self.borrow_mut())
    }
}

/// The pages of one part of an address space.
///
/// Their frames are taken from the machine, and mapped: to the virtual memory
/// manager they are frames of its caller.
pub struct PartPages<'a, A> {
    vmm: A,
    view: View<'a>,
}

/// The pages of a space that is worked on alone.
pub type SpacePages<'a> = PartPages<'a, &'a mut Vmm>;

/// The pages of one of several spaces that are worked on at the same time, as when
/// a process is copied: the others use the same manager, but never two at once.
pub type SharedPages<'a, 'v> = PartPages<'a, &'a RefCell<&'v mut Vmm>>;

impl<'a, A> PartPages<'a, A> {
    /// The pages of a part of `space`, whose directory is `root`.
    pub fn new(vmm: A, machine: &'static PagedMachine, space: Space<'a>, root: Frame, part: Part) -> Self {
        Self { vmm, view: View { machine, space, root, part } }
    }

    /// Copies what is in a page from the same page of another space: from frame to frame.
    ///
    /// # Panics
    /// If one of the two is not among the pages that this is about, or not mapped.
    #[track_caller]
    pub fn copy_page<B>(&mut self, from: &PartPages<'_, B>, page: Page) {
        from.view.ensure_in_part(page, "copied");
        self.view.ensure_in_part(page, "copied");
        let (Some(from), Some(to)) = (from.view.frame_of(page), self.view.frame_of(page)) else {
            panic!("{page} is copied, but it is not mapped")
        };
        self.view.machine.copy_frame(from, to);
    }
}

impl<A: Access> Pages for PartPages<'_, A> {
    #[track_caller]
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        let Self { vmm, view } = self;
        vmm.with(|vmm| view.map(vmm, page))
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        let Self { vmm, view } = self;
        vmm.with(|vmm| view.unmap(vmm, page));
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.view.frame_of(page).is_some()
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.view.read(address, bytes);
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.view.write(address, bytes);
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.view.zero(address, bytes);
    }
}
