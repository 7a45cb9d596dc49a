//! Copies between the kernel and a program by the program's address.

use mm_api::VirtAddr;

use super::vectors::PAGE_FAULT;
use super::{interrupts, paging, symbols};

unsafe extern "C" {
    fn user_copy(to: u32, from: u32, bytes: u32) -> u32;
}

/// A page fault in the middle of a copy.
pub(crate) struct Faulted;

/// Copies the bytes from a program's address on.
///
/// # Errors
/// If an access faults. Some may have been copied.
///
/// # Safety
/// The bytes are all in one page. If the tables that are loaded map it, it is to memory
/// that Rust has no reference to.
pub(crate) unsafe fn from_user(address: VirtAddr, to: &mut [u8]) -> Result<(), Faulted> {
    // SAFETY: the caller's promise; `to` is as long as that.
    unsafe { copy(to.as_mut_ptr().addr() as u32, address.as_u32(), address, to.len()) }
}

/// Copies bytes to a program's address.
///
/// # Errors
/// As [`from_user`].
///
/// # Safety
/// As there.
pub(crate) unsafe fn to_user(address: VirtAddr, from: &[u8]) -> Result<(), Faulted> {
    // SAFETY: the caller's promise; `from` is as long as that.
    unsafe { copy(address.as_u32(), from.as_ptr().addr() as u32, address, from.len()) }
}

/// # Safety
/// As [`from_user`], where `user` is one of the two addresses; the other one begins
/// memory of the kernel's that is `bytes` long and may be used so.
unsafe fn copy(to: u32, from: u32, user: VirtAddr, bytes: usize) -> Result<(), Faulted> {
    interrupts::without(|| {
        // The tables decide, and nothing that the processor may remember of others.
        paging::flush_page(user);
        // SAFETY: the caller's promise. If it faults, it returns 1.
        let faulted = unsafe { user_copy(to, from, bytes as u32) };
        if faulted == 0 { Ok(()) } else { Err(Faulted) }
    })
}

/// Where to go on after an exception of the kernel's, if it came in such a copy.
pub(super) fn after_fault(vector: u32, eip: u32) -> Option<u32> {
    let in_copy = [symbols::user_copy_words(), symbols::user_copy_bytes()].contains(&VirtAddr::new(eip));
    (vector == PAGE_FAULT && in_copy).then(|| symbols::user_copy_faulted().as_u32())
}
