//! Copies between the kernel and a program: what pointers in system calls are
//! for.
//!
//! A program may pass any address. So each page is looked up in the tables that
//! are loaded, and only what the program itself may read or write is copied, by
//! way of the frame: the address is never used as one. What the tables lead to
//! besides must be a frame that was handed out to be mapped; page tables and
//! what belongs to the kernel are out of reach whatever the tables say.

use mm_api::layout::USER_SPACE_END;
use mm_api::{Access, BadAddress, Frame, Page, Piece, UserWindow, VirtAddr, pieces};

use super::paged::{Owner, PagedMachine};

/// The window through which the kernel reaches the memory of the program that runs.
pub struct Window<'a> {
    machine: &'a PagedMachine,
    /// Has the tables allow an access, if the program may make it.
    resolve: &'a mut dyn FnMut(VirtAddr, Access) -> Result<(), BadAddress>,
    is_open: bool,
}

impl<'a> Window<'a> {
    /// A window that is closed. `resolve` is called for a page that the tables do not let
    /// the program use.
    pub fn new(
        machine: &'a PagedMachine,
        resolve: &'a mut dyn FnMut(VirtAddr, Access) -> Result<(), BadAddress>,
    ) -> Self {
        Self { machine, resolve, is_open: false }
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Calls `work` with bytes of the program's that lie in one page.
    #[track_caller]
    fn with_bytes(
        &mut self,
        address: VirtAddr,
        length: usize,
        access: Access,
        work: impl FnOnce(&mut [u8]),
    ) -> Result<(), BadAddress> {
        assert!(self.is_open, "{address} is reached through a window that is closed");
        let Some(piece) = only_piece(address, length) else { return Ok(()) };
        let frame = match find(self.machine, address, access) {
            Some(frame) => frame,
            None => {
                (self.resolve)(address, access)?;
                find(self.machine, address, access).ok_or(BadAddress)?
            }
        };
        self.machine.with_bytes(frame, |page| work(&mut page[piece.in_page()]));
        Ok(())
    }
}

impl UserWindow for Window<'_> {
    #[track_caller]
    fn open(&mut self) {
        assert!(!self.is_open, "the window is opened, but it is open already");
        self.is_open = true;
    }

    #[track_caller]
    fn close(&mut self) {
        assert!(self.is_open, "the window is closed, but it is not open");
        self.is_open = false;
    }

    #[track_caller]
    fn read(&mut self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress> {
        self.with_bytes(address, bytes.len(), Access::Read, |page| super::copy(bytes, page))
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        self.with_bytes(address, bytes.len(), Access::Write, |page| super::copy(page, bytes))
    }
}

/// The bytes as a piece of a page; `None` if there are none.
#[track_caller]
fn only_piece(address: VirtAddr, length: usize) -> Option<Piece> {
    let piece = pieces(address, length).next()?;
    let is_user = Page::containing(address) < Page::containing(USER_SPACE_END);
    assert!(piece.length == length && is_user, "{length} bytes from {address} on are not all in one page of a program");
    Some(piece)
}

/// The frame that the program reaches at `address`, if it may do so.
fn find(machine: &PagedMachine, address: VirtAddr, access: Access) -> Option<Frame> {
    let walk = machine.walk(machine.directory(), address).ok()?;
    let protection = walk.protection();
    let allowed = protection.user && (protection.writable || access != Access::Write);
    let frame = Frame::containing(walk.address);
    (allowed && machine.owner(frame) == Owner::User).then_some(frame)
}
