//! Copies between the kernel and a program, for the pointers in system calls.
//!
//! A program may pass any address. So each page is looked up in the loaded tables, and only memory
//! that the program itself may read or write is copied, by the program's own address. In addition,
//! the tables must lead to a frame that was handed out for a process. Page tables and frames of the
//! kernel are out of reach, whatever the tables say.

use mm_api::layout::USER_SPACE_END;
use mm_api::{Access, BadAddress, Frame, Page, UserWindow, VirtAddr, pieces};

use super::paged::{Owner, PagedMachine};
use crate::arch::{copy, interrupts, protection};

/// The window through which the kernel reaches the memory of the running program.
///
/// It works without SMAP, too: it notes whether it is open.
pub struct Window<'a> {
    machine: &'a PagedMachine,
    /// Changes the tables so that they allow an access, if the program may make it.
    resolve: &'a mut dyn FnMut(VirtAddr, Access) -> Result<(), BadAddress>,
    shows: Shows<'a>,
    is_open: bool,
}

/// The part of a program's memory that a window shows.
#[derive(Clone, Copy)]
pub enum Shows<'a> {
    /// All of the program's memory.
    Everything,
    /// So many bytes from an address on, for reading.
    Bytes(VirtAddr, usize),
    /// The bytes from an address on, for writing exactly these values.
    Place(VirtAddr, &'a [u8]),
}

impl Shows<'_> {
    /// Panics unless these bytes may be read.
    #[track_caller]
    fn ensure_read(self, address: VirtAddr, length: usize) {
        let is_right = match self {
            Self::Everything => true,
            Self::Bytes(start, all) => offset_in(start, all, address, length).is_some(),
            Self::Place(..) => false,
        };
        assert!(is_right, "{length} bytes from {address} on are read, but those are not the ones that were asked for");
    }

    /// Panics unless these bytes may be written.
    #[track_caller]
    fn ensure_written(self, address: VirtAddr, bytes: &[u8]) {
        let is_right = match self {
            Self::Everything => true,
            Self::Bytes(..) => false,
            Self::Place(start, all) => offset_in(start, all.len(), address, bytes.len())
                .is_some_and(|offset| all[offset..offset + bytes.len()] == *bytes),
        };
        let length = bytes.len();
        assert!(
            is_right,
            "{length} bytes are written from {address} on, but those are not the ones that were to be copied there"
        );
    }
}

/// The offset of one range of addresses in another; `None` if it is not part of the other.
fn offset_in(start: VirtAddr, all: usize, address: VirtAddr, length: usize) -> Option<usize> {
    let offset = address.as_u32().checked_sub(start.as_u32())? as usize;
    (length <= all.checked_sub(offset)?).then_some(offset)
}

impl<'a> Window<'a> {
    /// A closed window. It calls `resolve` for an access that the tables do not allow the program;
    /// meanwhile it is closed, so that SMAP stops the kernel as usual.
    pub fn new(
        machine: &'a PagedMachine,
        shows: Shows<'a>,
        resolve: &'a mut dyn FnMut(VirtAddr, Access) -> Result<(), BadAddress>,
    ) -> Self {
        Self { machine, resolve, shows, is_open: false }
    }

    /// Whether the window is open, or the processor lets the kernel through even though it is
    /// closed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open || protection::is_window_open()
    }

    /// Calls `work`, which accesses bytes of the program in one page, once the tables allow the
    /// program this access.
    #[track_caller]
    fn access(
        &mut self,
        address: VirtAddr,
        length: usize,
        access: Access,
        mut work: impl FnMut() -> Result<(), copy::Faulted>,
    ) -> Result<(), BadAddress> {
        assert!(self.is_open, "{address} is reached through a window that is closed");
        if !is_piece(address, length) {
            return Ok(());
        }
        // Nothing changes the tables between the two.
        let mut attempt = || interrupts::without(|| may(self.machine, address, access) && work().is_ok());
        if attempt() {
            return Ok(());
        }
        protection::close_window();
        let resolved = (self.resolve)(address, access);
        protection::open_window();
        resolved?;
        if attempt() { Ok(()) } else { Err(BadAddress) }
    }
}

impl UserWindow for Window<'_> {
    #[track_caller]
    fn open(&mut self) {
        assert!(!self.is_open, "the window is opened, but it is open already");
        self.is_open = true;
        protection::open_window();
    }

    #[track_caller]
    fn close(&mut self) {
        assert!(self.is_open, "the window is closed, but it is not open");
        self.is_open = false;
        protection::close_window();
    }

    #[track_caller]
    fn read(&mut self, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress> {
        let length = bytes.len();
        self.shows.ensure_read(address, length);
        // SAFETY: the bytes are in one page, which the loaded tables map to a frame of a process or
        // a check: `access` has checked it. Rust has no reference to the frame.
        self.access(address, length, Access::Read, || unsafe { copy::from_user(address, bytes) })
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        self.shows.ensure_written(address, bytes);
        // SAFETY: as in `read`.
        self.access(address, bytes.len(), Access::Write, || unsafe { copy::to_user(address, bytes) })
    }
}

/// Whether there are any bytes, all in one page of a program; `false` if there are none.
///
/// # Panics
/// If the bytes are in several pages, or in the kernel half.
#[track_caller]
fn is_piece(address: VirtAddr, length: usize) -> bool {
    let Some(piece) = pieces(address, length).next() else { return false };
    let is_user = Page::containing(address) < Page::containing(USER_SPACE_END);
    assert!(piece.length == length && is_user, "{length} bytes from {address} on are not all in one page of a program");
    true
}

/// Whether the tables allow the program an access, and lead to a frame of a process or a check.
fn may(machine: &PagedMachine, address: VirtAddr, access: Access) -> bool {
    let Ok(walk) = machine.walk(machine.directory(), address) else { return false };
    let protection = walk.protection();
    let is_allowed = protection.user && (protection.writable || access != Access::Write);
    is_allowed && machine.owner(Frame::containing(walk.address)) == Owner::User
}
