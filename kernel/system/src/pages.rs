//! Pages of an address space, over the virtual memory manager of lab 02: the pages that heaps,
//! stacks and mappings consist of.
//!
//! The mapping of a page is read from the tables. The manager's answers are compared with the
//! tables, and never trusted.

use core::cell::{Cell, RefCell};
use kernel_core::words::told;

use kernel_core::memory;
use kernel_core::memory::paged::{Handle, Owner, PagedMachine};
use mm_api::{
    Fork, Frame, Page, PageError, PageRange, Pages, Piece, Protection, Purpose, Region, SharedPages, Sharing, Space,
    VirtAddr, VirtualMemory, VmmError, pieces, protection_of,
};

use crate::memory::after;

/// The virtual memory manager, of any implementation.
type Vmm = dyn VirtualMemory<Handle> + Send;

/// A part of an address space.
#[derive(Clone, Copy)]
pub struct Part {
    /// The pages that may be mapped, read and written.
    pub pages: PageRange,
    /// The protection that a page is mapped with.
    pub protection: Protection,
    /// The owner of the frames that are mapped there.
    pub owner: Owner,
}

impl Part {
    /// A part whose frames belong to programs; the kernel copies bytes in and out.
    #[must_use]
    pub const fn user(pages: PageRange, protection: Protection) -> Self {
        Self { pages, protection, owner: Owner::User }
    }
}

/// What the caller may do with the bytes of pages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bytes {
    /// Read and write them.
    Written,
    /// Read them, and copy them together with their page.
    Kept,
}

/// A part of an address space, as the kernel sees it in the tables.
#[derive(Clone, Copy)]
struct View<'a> {
    machine: &'static PagedMachine,
    space: Space<'a>,
    root: Frame,
    part: Part,
    bytes: Bytes,
    /// How many frames are in use in parts of this kind.
    count: Option<&'a Cell<u32>>,
}

impl View<'_> {
    /// The frame that the tables map a page to.
    fn frame_of(&self, page: Page) -> Option<Frame> {
        self.machine.frame_of(self.root, page)
    }

    /// The frame of a page that has to be mapped; `action` completes "… is".
    #[track_caller]
    fn mapped_frame(&self, page: Page, action: &str) -> Frame {
        self.ensure_in_part(page, action);
        match self.frame_of(page) {
            Some(frame) => frame,
            None => panic!("{page} is {action}, but it is not mapped"),
        }
    }

    /// What the tables let a program do with a page, if they map it.
    fn protection(&self, page: Page) -> Option<Protection> {
        self.machine.walk(self.root, page.start()).ok().map(|walk| walk.protection())
    }

    /// At how many other pages the frame of a page is mapped.
    fn sharers(&self, page: Page) -> u32 {
        self.frame_of(page).map_or(0, |frame| self.machine.sharers(frame))
    }

    /// Whether a write has to copy the page first, because its frame is shared and the sharers must
    /// not see the write.
    fn is_copied_on_write(&self, page: Page) -> bool {
        // Every write asks. Mostly no frame is shared at all, and then no table needs to be read.
        self.machine.shared_frames() > 0
            && self.sharers(page) > 0
            && self.protection(page).is_some_and(|protection| !protection.writable)
    }

    /// Panics unless a page is one of the part's; `action` completes "… is".
    #[track_caller]
    fn ensure_in_part(&self, page: Page, action: &str) {
        assert!(self.part.pages.contains(page), "{page} is {action}, but it is not among the pages that this is about");
    }

    /// Panics if the bytes of a page are not to be written.
    #[track_caller]
    fn ensure_written(&self, page: Page) {
        assert!(
            self.bytes == Bytes::Written,
            "{page} is written to, but it is in no mapping: what is there is the program's, and copy() copies it"
        );
    }

    fn take_frame(&self) -> Option<Frame> {
        let frame = match self.part.owner {
            Owner::Kernel => self.machine.take_kernel_frame(),
            _ => self.machine.take_frame(),
        }?;
        self.count(|count| count + 1);
        Some(frame)
    }

    /// Gives back a frame that no page of the part is mapped to any more.
    #[track_caller]
    fn give_back(&self, frame: Frame) {
        let is_free = match self.part.owner {
            Owner::Kernel => {
                // SAFETY: the kernel's own pages belong to its heap alone, which unmaps only pages
                // that lab 03 has given back or never had.
                #[allow(unsafe_code)]
                unsafe {
                    self.machine.give_back_kernel_frame(frame);
                }
                true
            }
            _ => self.machine.give_back(frame),
        };
        if is_free {
            self.count(|count| count - 1);
        }
    }

    fn count(&self, change: impl FnOnce(u32) -> u32) {
        if let Some(count) = self.count {
            count.set(change(count.get()));
        }
    }

    #[track_caller]
    fn map(&self, vmm: &mut Vmm, page: Page) -> Result<(), PageError> {
        self.ensure_in_part(page, "mapped");
        if self.frame_of(page).is_some() {
            return Err(PageError::Occupied);
        }
        let frame = self.take_frame().ok_or(PageError::OutOfFrames)?;
        self.map_to(vmm, page, frame, self.part.protection)
    }

    /// Maps a page to a frame, and gives the frame back if that fails.
    #[track_caller]
    fn map_to(&self, vmm: &mut Vmm, page: Page, frame: Frame, protection: Protection) -> Result<(), PageError> {
        match self.machine.while_mapping(frame, || vmm.map(self.space, page, frame, protection)) {
            Ok(()) => {
                let found = self.frame_of(page);
                assert!(
                    found == Some(frame),
                    "map() of {page} to {frame} succeeded, but the tables say {}",
                    told(&found)
                );
                if self.part.owner == Owner::Kernel {
                    self.machine.note_kernel_page(self.root, page);
                }
                Ok(())
            }
            Err(error) => {
                assert!(
                    self.frame_of(page).is_none(),
                    "map() of {page} answered {}, but the tables map it",
                    told(&error)
                );
                self.give_back(frame);
                match error {
                    VmmError::AlreadyMapped => Err(PageError::Occupied),
                    VmmError::OutOfFrames => Err(PageError::OutOfFrames),
                    _ => panic!("{page} cannot be mapped: {error}"),
                }
            }
        }
    }

    /// Maps a page to a frame that is mapped elsewhere already.
    #[track_caller]
    fn share(&self, vmm: &mut Vmm, page: Page, frame: Frame, protection: Protection) -> Result<(), PageError> {
        self.ensure_in_part(page, "shared");
        if self.frame_of(page).is_some() {
            return Err(PageError::Occupied);
        }
        if !self.machine.share(frame) {
            return Err(PageError::OutOfFrames);
        }
        self.map_to(vmm, page, frame, protection)
    }

    #[track_caller]
    fn unmap(&self, vmm: &mut Vmm, page: Page) {
        let frame = self.mapped_frame(page, "unmapped");
        let owner = self.machine.owner(frame);
        assert!(owner == self.part.owner, "{page} is unmapped, but {frame} there is in use by {}", told(&owner));
        self.take_out(vmm, page, frame);
        self.give_back(frame);
    }

    /// Ends the mapping of a page to this frame.
    #[track_caller]
    fn take_out(&self, vmm: &mut Vmm, page: Page, frame: Frame) {
        match self.machine.while_unmapping(frame, || vmm.unmap(self.space, page)) {
            Ok(answer) => {
                assert!(answer == frame, "unmap() of {page} answered {answer}, but the tables said {frame}");
                assert!(self.frame_of(page).is_none(), "unmap() of {page} succeeded, but the tables still map it");
            }
            Err(error) => panic!("{page} cannot be unmapped: {error}"),
        }
    }

    #[track_caller]
    fn protect(&self, vmm: &mut Vmm, page: Page, protection: Protection) {
        self.mapped_frame(page, "protected");
        if let Err(error) = vmm.protect(self.space, page, protection) {
            panic!("{page} is mapped, but cannot be protected: {error}");
        }
        let found = self.protection(page);
        assert!(
            found == Some(protection),
            "protect() of {page} succeeded for {protection}, but the tables say {}",
            told(&found)
        );
    }

    /// Maps a page to a new frame with the contents of its old one.
    #[track_caller]
    fn copy(&self, vmm: &mut Vmm, page: Page) -> Result<(), PageError> {
        let old = self.mapped_frame(page, "copied");
        let new = self.take_frame().ok_or(PageError::OutOfFrames)?;
        self.machine.copy_frame(old, new);
        self.take_out(vmm, page, old);
        // If the page's table was freed as well, its frame is available for a new table.
        if let Err(error) = self.map_to(vmm, page, new, self.part.protection) {
            panic!("{page} was unmapped, and cannot be mapped again: {error}");
        }
        self.give_back(old);
        Ok(())
    }

    /// Calls `work` with the bytes of a piece of memory, which lies in one page.
    #[track_caller]
    fn with_piece<R>(&self, piece: Piece, work: impl FnOnce(&mut [u8]) -> R) -> R {
        self.ensure_in_part(piece.page(), "read or written");
        let worked = self.machine.with_bytes_of(self.root, piece.page(), |page| work(&mut page[piece.in_page()]));
        worked.unwrap_or_else(|| panic!("{} is read or written, but it is not mapped", piece.address))
    }
}

/// Access to a virtual memory manager, for one call at a time.
pub trait Access {
    /// Calls `work` with the manager.
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
/// Their frames are taken from the machine before they are mapped; to the virtual memory manager
/// they are frames of its caller.
#[derive(Clone, Copy)]
pub struct PartPages<'a, A> {
    vmm: A,
    view: View<'a>,
}

/// The pages of a space, while no other space is worked on.
pub type SpacePages<'a> = PartPages<'a, &'a mut Vmm>;

/// The pages of one of several spaces that are worked on at the same time, as when a process is
/// copied. All of them use the same manager, but never two at once.
pub type PagesOfSeveral<'a, 'v> = PartPages<'a, &'a RefCell<&'v mut Vmm>>;

impl<'a, A> PartPages<'a, A> {
    /// The pages of a part of `space`, whose directory is `root`.
    pub fn new(vmm: A, machine: &'static PagedMachine, space: Space<'a>, root: Frame, part: Part) -> Self {
        Self { vmm, view: View { machine, space, root, part, bytes: Bytes::Written, count: None } }
    }

    /// Restricts the part to `pages`: no page outside of them can be mapped, unmapped, read or
    /// written.
    #[must_use]
    pub fn within(mut self, pages: PageRange) -> Self {
        self.view.part.pages = self.view.part.pages.intersection(pages);
        self
    }

    /// The same pages, but their bytes cannot be written: they belong to the program.
    #[must_use]
    pub fn keeping_bytes(mut self) -> Self {
        self.view.bytes = Bytes::Kept;
        self
    }

    /// The same pages; `count` counts the frames that are in use there.
    #[must_use]
    pub fn counted(mut self, count: &'a Cell<u32>) -> Self {
        self.view.count = Some(count);
        self
    }
}

impl<A: Access> PartPages<'_, A> {
    /// Whether a piece of memory has these bytes.
    ///
    /// # Panics
    /// If it is not mapped, or outside of the part.
    #[must_use]
    #[track_caller]
    pub fn has_bytes(&self, piece: Piece, bytes: &[u8]) -> bool {
        self.view.with_piece(piece, |page| page == bytes)
    }

    /// Copies a page that is copied on write, so that the sharers of its frame do not see later
    /// writes.
    ///
    /// # Errors
    /// [`OutOfFrames`](PageError::OutOfFrames).
    pub fn own(&mut self, page: Page) -> Result<(), PageError> {
        let Self { vmm, view } = self;
        let Some(protection) = view.protection(page).filter(|_| view.is_copied_on_write(page)) else { return Ok(()) };
        vmm.with(|vmm| view.copy(vmm, page))?;
        // What the program may do has not changed.
        vmm.with(|vmm| view.protect(vmm, page, protection));
        Ok(())
    }

    /// Gives the mapped pages among `pages` the protection that a region allows. A page that is
    /// copied on write stays read-only as long as its frame is shared.
    pub fn apply_rights(&mut self, region: &Region, pages: PageRange) {
        let mut rest = pages;
        while let Some(page) = self.first_mapped(rest) {
            let mut protection = protection_of(region.rights);
            protection.writable &= region.sharing == Sharing::Shared || self.users(page) == 1;
            if self.protection(page) != Some(protection) {
                self.protect(page, protection);
            }
            rest = after(page, pages);
        }
    }

    /// Unmaps every page of `pages` that is mapped.
    pub fn unmap_in(&mut self, pages: PageRange) {
        let mut rest = pages;
        while let Some(page) = self.first_mapped(rest) {
            self.unmap(page);
            rest = after(page, pages);
        }
    }

    /// Unmaps every page of the part that is mapped.
    pub fn unmap_all(&mut self) {
        self.unmap_in(self.view.part.pages);
    }

    /// Changes a piece of memory, unless `is_so` finds that it has the wanted contents already. A
    /// page that is copied on write is copied first, so that the sharers of its frame do not see
    /// the change.
    ///
    /// # Panics
    /// If no frame is free for the copy.
    #[track_caller]
    fn change(&mut self, piece: Piece, is_so: impl FnOnce(&[u8]) -> bool, work: impl FnOnce(&mut [u8])) {
        self.view.ensure_written(piece.page());
        if self.view.is_copied_on_write(piece.page()) {
            if self.view.with_piece(piece, |bytes| is_so(bytes)) {
                return;
            }
            if let Err(error) = self.own(piece.page()) {
                panic!("{} is written to, but its page cannot be copied: {error}", piece.address);
            }
        }
        self.view.with_piece(piece, work);
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
        for piece in pieces(address, bytes.len()) {
            self.view.with_piece(piece, |page| memory::copy(&mut bytes[piece.in_range()], page));
        }
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        for piece in pieces(address, bytes.len()) {
            let bytes = &bytes[piece.in_range()];
            self.change(piece, |page| page == bytes, |page| memory::copy(page, bytes));
        }
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        for piece in pieces(address, bytes as usize) {
            self.change(piece, memory::is_zero, memory::zero);
        }
    }
}

impl<A: Access> SharedPages for PartPages<'_, A> {
    fn users(&self, page: Page) -> u32 {
        self.view.frame_of(page).map_or(0, |frame| self.view.machine.sharers(frame) + 1)
    }

    fn protection(&self, page: Page) -> Option<Protection> {
        self.view.protection(page)
    }

    fn first_mapped(&self, pages: PageRange) -> Option<Page> {
        self.view.machine.first_mapped(self.view.root, pages)
    }

    #[track_caller]
    fn protect(&mut self, page: Page, protection: Protection) {
        let Self { vmm, view } = self;
        vmm.with(|vmm| view.protect(vmm, page, protection));
    }

    #[track_caller]
    fn copy(&mut self, page: Page) -> Result<(), PageError> {
        let Self { vmm, view } = self;
        vmm.with(|vmm| view.copy(vmm, page))
    }
}

/// The user halves of a process and of its copy, while `fork` makes the copy.
#[derive(Clone, Copy)]
pub struct ForkPages<'a, 'v> {
    /// The user half of the process.
    pub parent: PagesOfSeveral<'a, 'v>,
    /// The user half of the copy.
    pub child: PagesOfSeveral<'a, 'v>,
}

impl ForkPages<'_, '_> {
    /// Restricts both halves to `pages`.
    #[must_use]
    pub fn within(self, pages: PageRange) -> Self {
        let Self { parent, child } = self;
        Self { parent: parent.within(pages), child: child.within(pages) }
    }

    /// The pages of a region, in both halves.
    #[must_use]
    pub fn of_region(self, region: &Region) -> Self {
        let Self { parent, child } = self;
        Self { parent: of_region(parent, region, region.pages), child: of_region(child, region, region.pages) }
    }

    /// The first of `pages` that the copy has mapped and whose bytes differ from the process's, or
    /// that the process has not mapped.
    #[must_use]
    pub fn first_unlike(&self, pages: PageRange) -> Option<Page> {
        let [parent, child] = [self.parent, self.child].map(|pages| pages.view);
        let mut rest = pages;
        while let Some(page) = self.child.first_mapped(rest) {
            let frames = parent.frame_of(page).zip(child.frame_of(page));
            if !frames.is_some_and(|(one, other)| parent.machine.are_alike(one, other)) {
                return Some(page);
            }
            rest = after(page, pages);
        }
        None
    }
}

/// The pages among `pages` that lab 07 is asked about for a region. Lab 07 writes to mappings only.
#[must_use]
pub fn of_region<'a, A>(all: PartPages<'a, A>, region: &Region, pages: PageRange) -> PartPages<'a, A> {
    let pages = all.within(pages);
    if region.purpose == Purpose::Mapping { pages } else { pages.keeping_bytes() }
}

impl Fork for ForkPages<'_, '_> {
    fn parent(&mut self) -> &mut dyn SharedPages {
        &mut self.parent
    }

    #[track_caller]
    fn share(&mut self, page: Page) -> Result<(), PageError> {
        let frame = self.parent.view.mapped_frame(page, "shared");
        let protection = self.parent.view.protection(page).unwrap_or(Protection::USER_READ);
        let PartPages { vmm, view } = &mut self.child;
        vmm.with(|vmm| view.share(vmm, page, frame, protection))
    }

    fn is_shared(&self, page: Page) -> bool {
        self.child.is_mapped(page)
    }

    #[track_caller]
    fn unshare(&mut self, page: Page) {
        self.child.unmap(page);
    }
}
