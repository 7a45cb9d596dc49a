//! Copies between the kernel and a program by the program's address.

use mm_api::VirtAddr;

use super::vectors::PAGE_FAULT;
use super::{interrupts, paging, symbols};

unsafe extern "C" {
    fn user_copy(to: u32, from: u32, bytes: u32) -> u32;
}

/// A page fault in the middle of a copy.
pub(crate) struct Faulted;

/// Fills `to` with bytes from the program's memory, from `address` on.
///
/// # Errors
/// If an access is a page fault. Some bytes may have been copied by then.
///
/// # Safety
/// The bytes are all in one page. If the loaded tables map that page, they map it to memory that
/// Rust has no reference to.
pub(crate) unsafe fn from_user(address: VirtAddr, to: &mut [u8]) -> Result<(), Faulted> {
    // SAFETY: the caller's promise; `to` is as long as that.
    unsafe { copy(to.as_mut_ptr().addr() as u32, address.as_u32(), address, to.len()) }
}

/// Copies `from` to the program's memory, from `address` on.
///
/// # Errors
/// As [`from_user`].
///
/// # Safety
/// As [`from_user`].
pub(crate) unsafe fn to_user(address: VirtAddr, from: &[u8]) -> Result<(), Faulted> {
    // SAFETY: the caller's promise; `from` is as long as that.
    unsafe { copy(address.as_u32(), from.as_ptr().addr() as u32, address, from.len()) }
}

/// # Safety
/// As [`from_user`]. `user` is one of the two addresses. At the other one the kernel has `bytes`
/// bytes of its own that may be read, or written.
unsafe fn copy(to: u32, from: u32, user: VirtAddr, bytes: usize) -> Result<(), Faulted> {
    interrupts::without(|| {
        // The loaded tables decide, not a translation that the processor remembers from others.
        paging::flush_page(user);
        // SAFETY: the caller's promise. If it faults, it returns 1.
        let faulted = unsafe { user_copy(to, from, bytes as u32) };
        if faulted == 0 { Ok(()) } else { Err(Faulted) }
    })
}

/// Where the kernel goes on after an exception, if it came in the middle of such a copy.
pub(super) fn after_fault(vector: u32, eip: u32) -> Option<u32> {
    let in_copy = [symbols::user_copy_words(), symbols::user_copy_bytes()].contains(&VirtAddr::new(eip));
    (vector == PAGE_FAULT && in_copy).then(|| symbols::user_copy_faulted().as_u32())
}
