//! Copies between the kernel and a program: what pointers in system calls are
//! for.
//!
//! A program may pass any address. So each page is looked up in the tables that
//! are loaded, and only what the program itself may read or write is copied, by
//! way of the frame: the address is never used as one. What the tables lead to
//! besides must be a frame that was handed out to be mapped; page tables and
//! what belongs to the kernel are out of reach whatever the tables say.

use core::fmt;

use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{Frame, VirtAddr};

use super::paged::{Owner, PagedMachine};

/// An address that the program may not read or write: EFAULT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadAddress {
    /// The first address of those that were asked for which is none of the
    /// program's.
    pub address: VirtAddr,
}

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program has nothing at {}", self.address)
    }
}

/// Why a string was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadString {
    /// It reaches an address that the program may not read: EFAULT.
    Address(BadAddress),
    /// No byte as far as was looked is zero: E2BIG or ENAMETOOLONG.
    TooLong,
}

impl From<BadAddress> for BadString {
    fn from(error: BadAddress) -> Self {
        Self::Address(error)
    }
}

/// What is done with the program's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// Copies the program's bytes from `address` on into `to`.
///
/// # Errors
/// If the program may not read one of them. Those before it have been copied.
pub fn copy_in(machine: &PagedMachine, address: VirtAddr, to: &mut [u8]) -> Result<(), BadAddress> {
    let length = to.len();
    for_each_piece(machine, address, length, Access::Read, |piece, done| {
        to[done..done + piece.len()].copy_from_slice(piece);
        true
    })
}

/// Copies `from` to the program's addresses from `address` on.
///
/// # Errors
/// If the program may not write to one of them. Those before it have been
/// written to.
pub fn copy_out(machine: &PagedMachine, address: VirtAddr, from: &[u8]) -> Result<(), BadAddress> {
    for_each_piece(machine, address, from.len(), Access::Write, |piece, done| {
        piece.copy_from_slice(&from[done..done + piece.len()]);
        true
    })
}

/// Copies the program's bytes from `address` on into `to`, up to the first one
/// that is zero, and returns how many there are, without that one. Nothing
/// behind it has to be the program's.
///
/// # Errors
/// See [`BadString`].
pub fn copy_string_in(machine: &PagedMachine, address: VirtAddr, to: &mut [u8]) -> Result<usize, BadString> {
    let mut length = None;
    let looked_at = to.len();
    for_each_piece(machine, address, looked_at, Access::Read, |piece, done| {
        let end = piece.iter().position(|&byte| byte == 0);
        let text = &piece[..end.unwrap_or(piece.len())];
        to[done..done + text.len()].copy_from_slice(text);
        length = end.map(|end| done + end);
        end.is_none()
    })?;
    length.ok_or(BadString::TooLong)
}

/// Calls `work` for each page that one of these bytes is in, in order, with those
/// of the page's bytes that are meant, and how many came before them; until it
/// returns `false`.
fn for_each_piece(
    machine: &PagedMachine,
    address: VirtAddr,
    bytes: usize,
    access: Access,
    mut work: impl FnMut(&mut [u8], usize) -> bool,
) -> Result<(), BadAddress> {
    let mut done = 0;
    while done < bytes {
        // Behind the last address there is nothing of the program's either.
        let place = u32::try_from(done).ok().and_then(|done| address.checked_add(done));
        let place = place.ok_or(BadAddress { address: USER_SPACE_END })?;
        let frame = find(machine, place, access).ok_or(BadAddress { address: place })?;
        let offset = place.page_offset() as usize;
        let length = (PAGE_SIZE as usize - offset).min(bytes - done);
        if !machine.with_bytes(frame, |page| work(&mut page[offset..offset + length], done)) {
            break;
        }
        done += length;
    }
    Ok(())
}

/// The frame that the program reaches at `address`, if it may do so.
fn find(machine: &PagedMachine, address: VirtAddr, access: Access) -> Option<Frame> {
    if address >= USER_SPACE_END {
        return None;
    }
    let walk = machine.walk(machine.directory(), address).ok()?;
    let protection = walk.protection();
    let allowed = protection.user && (protection.writable || access == Access::Read);
    let frame = Frame::containing(walk.address);
    (allowed && machine.owner(frame) == Owner::User).then_some(frame)
}
