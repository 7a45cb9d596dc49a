//! Copies between the kernel and a program: what pointers in system calls are
//! for.
//!
//! A program may pass any address. So each page is looked up in the tables that
//! are loaded, and only what the program itself may read or write is copied, by
//! way of the frame: the address is never used as one. What the tables lead to
//! besides must be a frame that was handed out to be mapped; page tables and
//! what belongs to the kernel are out of reach whatever the tables say.

use core::fmt;
use core::ops::Range;

use mm_api::layout::USER_SPACE_END;
use mm_api::{Frame, VirtAddr, pieces};

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
    for_each_piece(machine, address, to.len(), Access::Read, |bytes, place| super::copy(&mut to[place], bytes))
}

/// Copies `from` to the program's addresses from `address` on.
///
/// # Errors
/// If the program may not write to one of them. Those before it have been
/// written to.
pub fn copy_out(machine: &PagedMachine, address: VirtAddr, from: &[u8]) -> Result<(), BadAddress> {
    for_each_piece(machine, address, from.len(), Access::Write, |bytes, place| super::copy(bytes, &from[place]))
}

/// Calls `work` for each page that one of these bytes is in, in order, with those
/// of the page's bytes that are meant, and their place among all.
fn for_each_piece(
    machine: &PagedMachine,
    address: VirtAddr,
    bytes: usize,
    access: Access,
    mut work: impl FnMut(&mut [u8], Range<usize>),
) -> Result<(), BadAddress> {
    // The pieces end at the last address, but no program has anything there.
    for piece in pieces(address, bytes) {
        let frame = find(machine, piece.address, access).ok_or(BadAddress { address: piece.address })?;
        machine.with_bytes(frame, |page| work(&mut page[piece.in_page()], piece.in_range()));
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
