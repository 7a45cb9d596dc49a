//! The end of the heap: `brk` and `sbrk`.

use abi::{Errno, SystemCall};

use crate::call::call;

/// Moves the end of the heap to `address`. Where it is then: where it was, if it
/// could not be moved.
///
/// # Safety
/// Nothing may be in use that would be beyond the end; see [`give_back`](crate::heap::give_back)
/// for what the program's own heap has there.
pub unsafe fn brk(address: u32) -> u32 {
    // SAFETY: the caller's promise. The answer is an address, so it is no error, whatever it is.
    unsafe { call(SystemCall::Brk, &[address]) }.unwrap_or(0)
}

/// The end of the heap.
#[must_use]
pub fn end() -> u32 {
    // SAFETY: no end is at 0, so nothing is moved.
    unsafe { brk(0) }
}

/// Moves the end of the heap by `bytes`. Where it was before.
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
