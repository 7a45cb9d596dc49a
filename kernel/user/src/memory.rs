//! The break, the end of the heap: `brk` and `sbrk`.

use abi::{Errno, SystemCall};

use crate::call::call;

/// Moves the break to `address`. Returns the break as it is afterwards, which is the old one if it
/// could not be moved.
///
/// # Safety
/// No memory beyond the new break may be in use, blocks of the program's own heap included.
pub unsafe fn brk(address: u32) -> u32 {
    // SAFETY: the caller's promise. An address is never taken for an error number, so `unwrap_or`
    // changes nothing.
    unsafe { call(SystemCall::Brk, &[address]) }.unwrap_or(0)
}

/// The break.
#[must_use]
pub fn end() -> u32 {
    // SAFETY: the break cannot be at 0, so the kernel does not move it.
    unsafe { brk(0) }
}

/// Moves the break by `bytes`. Returns the break as it was before.
///
/// # Errors
/// `ENOMEM`; nothing has changed then.
///
/// # Safety
/// As [`brk`].
pub unsafe fn sbrk(bytes: i32) -> Result<u32, Errno> {
    // SAFETY: the caller's promise.
    unsafe { call(SystemCall::Sbrk, &[bytes.cast_unsigned()]) }
}
