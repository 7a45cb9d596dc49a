//! Pages of an address space, over the virtual memory manager of lab 02: what
//! heaps and stacks are made of.

// What is made of them comes with the labs.
#![allow(dead_code)]

use core::cell::RefCell;

use kernel_core::memory::paged::PagedMachine;
use mm_api::layout::PAGE_SIZE;
use mm_api::{Frame, Page, PageError, PageRange, Pages, Protection, Space, VirtAddr, VirtualMemory as _, VmmError};

use crate::labs::VirtualMemory;

/// The pages of one part of an address space.
///
/// Their frames are taken from the machine, and mapped: to the virtual memory
/// manager they are frames of its caller.
pub struct SpacePages<'a, 'm, 'f> {
    /// The virtual memory manager.
    pub vmm: &'a mut VirtualMemory<'m, 'f>,
    /// The machine under it.
    pub machine: &'m PagedMachine<'f>,
    /// The address space.
    pub space: Space<'a>,
    /// The part of it that may be mapped.
    pub part: PageRange,
    /// What may be done with the pages.
    pub protection: Protection,
}

impl SpacePages<'_, '_, '_> {
    /// The frame that `address` is mapped to, and how far into it that is.
    #[track_caller]
    fn find(&self, address: VirtAddr) -> (Frame, usize) {
        match self.vmm.translate(self.space, address) {
            Some(meaning) => (Frame::containing(meaning.address), meaning.address.page_offset() as usize),
            None => panic!("{address} is read or written, but it is not mapped"),
        }
    }

    /// Calls `work` for each frame that a byte of these addresses is in, with
    /// those of the frame's bytes that are meant, and how many came before them.
    #[track_caller]
    fn for_each_piece(&self, address: VirtAddr, bytes: usize, mut work: impl FnMut(&mut [u8], usize)) {
        let mut done = 0;
        while done < bytes {
            let place = u32::try_from(done).ok().and_then(|done| address.checked_add(done));
            let Some(place) = place else { panic!("{bytes} bytes from {address} on reach past 4 GiB") };
            let (frame, offset) = self.find(place);
            let piece = (PAGE_SIZE as usize - offset).min(bytes - done);
            self.machine.with_bytes(frame, |frame| work(&mut frame[offset..offset + piece], done));
            done += piece;
        }
    }
}

impl Pages for SpacePages<'_, '_, '_> {
    #[track_caller]
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        assert!(self.part.contains(page), "{page} is to be mapped, which is not among the pages that this is about");
        if self.is_mapped(page) {
            return Err(PageError::Occupied);
        }
        let frame = self.machine.take_frame().ok_or(PageError::OutOfFrames)?;
        match self.vmm.map(self.space, page, frame, self.protection) {
            Ok(()) => Ok(()),
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
        assert!(self.part.contains(page), "{page} is to be unmapped, which is not among the pages that this is about");
        match self.vmm.unmap(self.space, page) {
            Ok(frame) => self.machine.give_back(frame),
            Err(error) => panic!("{page} cannot be unmapped: {error}"),
        }
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.vmm.translate(self.space, page.start()).is_some()
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.for_each_piece(address, bytes.len(), |piece, done| {
            bytes[done..done + piece.len()].copy_from_slice(piece);
        });
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.for_each_piece(address, bytes.len(), |piece, done| {
            piece.copy_from_slice(&bytes[done..done + piece.len()]);
        });
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.for_each_piece(address, bytes as usize, |piece, _| piece.fill(0));
    }
}

/// The pages of one of several spaces that are worked on at the same time, as when
/// a process is copied. Otherwise as [`SpacePages`].
pub struct SharedPages<'a, 'm, 'f> {
    /// The virtual memory manager, which the others use, too: never two at once.
    pub vmm: &'a RefCell<&'a mut VirtualMemory<'m, 'f>>,
    /// The machine under it.
    pub machine: &'m PagedMachine<'f>,
    /// The address space.
    pub space: Space<'a>,
    /// The part of it that may be mapped.
    pub part: PageRange,
    /// What may be done with the pages.
    pub protection: Protection,
}

impl<'m, 'f> SharedPages<'_, 'm, 'f> {
    /// Calls `work` with the pages, while nobody else needs the manager.
    fn with<R>(&self, work: impl FnOnce(&mut SpacePages<'_, 'm, 'f>) -> R) -> R {
        let Self { machine, space, part, protection, .. } = *self;
        work(&mut SpacePages { vmm: &mut self.vmm.borrow_mut(), machine, space, part, protection })
    }
}

impl Pages for SharedPages<'_, '_, '_> {
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        self.with(|pages| pages.map(page))
    }

    fn unmap(&mut self, page: Page) {
        self.with(|pages| pages.unmap(page));
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.with(|pages| pages.is_mapped(page))
    }

    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.with(|pages| pages.read(address, bytes));
    }

    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.with(|pages| pages.write(address, bytes));
    }

    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.with(|pages| pages.zero(address, bytes));
    }
}
