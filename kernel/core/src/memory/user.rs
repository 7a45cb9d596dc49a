//! Copies between the kernel and a program: what pointers in system calls are
//! for.
//!
//! A program may pass any address. So each page is looked up in the tables that
//! are loaded, and only what the program itself may read or write is copied, by the
//! program's own address. What the tables lead to besides must be a frame that was
//! handed out to be mapped; page tables and what belongs to the kernel are out of
//! reach whatever the tables say.

use mm_api::layout::USER_SPACE_END;
use mm_api::{Access, BadAddress, Frame, Page, UserWindow, VirtAddr, pieces};

use super::paged::{Owner, PagedMachine};
use crate::arch::{copy, interrupts, protection};

/// The window through which the kernel reaches the memory of the program that runs.
///
/// Where the processor has no SMAP, it is one all the same: whether it is open is noted.
pub struct Window<'a> {
    machine: &'a PagedMachine,
    /// Has the tables allow an access, if the program may make it.
    resolve: &'a mut dyn FnMut(VirtAddr, Access) -> Result<(), BadAddress>,
    shows: Shows<'a>,
    is_open: bool,
}

/// What a window shows of a program's memory.
#[derive(Clone, Copy)]
pub enum Shows<'a> {
    /// All of it.
    Everything,
    /// So many bytes from an address on, to be read.
    Bytes(VirtAddr, usize),
    /// The place from an address on for these bytes, to be written.
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

/// Where in a range of addresses another one begins that is part of it.
fn offset_in(start: VirtAddr, all: usize, address: VirtAddr, length: usize) -> Option<usize> {
    let offset = address.as_u32().checked_sub(start.as_u32())? as usize;
    (length <= all.checked_sub(offset)?).then_some(offset)
}

impl<'a> Window<'a> {
    /// A window that is closed. `resolve` is called for a page that the tables do not let
    /// the program use; meanwhile SMAP stops the kernel as ever.
    pub fn new(
        machine: &'a PagedMachine,
        shows: Shows<'a>,
        resolve: &'a mut dyn FnMut(VirtAddr, Access) -> Result<(), BadAddress>,
    ) -> Self {
        Self { machine, resolve, shows, is_open: false }
    }

    /// Whether it is open, or the processor lets the kernel through all the same.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open || protection::is_window_open()
    }

    /// Calls `work`, which makes an access to bytes of the program's in one page, once the
    /// program may make it.
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
        // Nothing changes the tables in between.
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
        // SAFETY: the bytes are in one page, which the tables that are loaded map to a frame
        // of a process's or a check's: `access` has looked. Rust has no reference to it.
        self.access(address, length, Access::Read, || unsafe { copy::from_user(address, bytes) })
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        self.shows.ensure_written(address, bytes);
        // SAFETY: as in `read`.
        self.access(address, bytes.len(), Access::Write, || unsafe { copy::to_user(address, bytes) })
    }
}

/// Whether the bytes are a piece of a page of a program; `false` if there are none.
///
/// # Panics
/// If they are in several pages, or in the kernel half.
#[track_caller]
fn is_piece(address: VirtAddr, length: usize) -> bool {
    let Some(piece) = pieces(address, length).next() else { return false };
    let is_user = Page::containing(address) < Page::containing(USER_SPACE_END);
    assert!(piece.length == length && is_user, "{length} bytes from {address} on are not all in one page of a program");
    true
}

/// Whether the tables let the program make an access, and lead to a frame that is for that.
fn may(machine: &PagedMachine, address: VirtAddr, access: Access) -> bool {
    let Ok(walk) = machine.walk(machine.directory(), address) else { return false };
    let protection = walk.protection();
    let is_allowed = protection.user && (protection.writable || access != Access::Write);
    is_allowed && machine.owner(Frame::containing(walk.address)) == Owner::User
}
