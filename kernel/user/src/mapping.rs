//! Mappings: the system calls `mmap2`, `munmap` and `mprotect`.

use abi::mapping::{MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE};
use abi::{Errno, SystemCall};

use crate::call::call;

/// No file: what `mmap2` is told about memory that belongs to none.
const NO_FILE: u32 = u32::MAX;

/// Makes a mapping of memory that is zero, and returns its address. `flags` says how and
/// where, besides [`MAP_ANONYMOUS`].
///
/// # Errors
/// `EINVAL`, `ENOMEM`, `EEXIST`, `EPERM`; nothing has changed then.
///
/// # Safety
/// With [`MAP_FIXED`](abi::mapping::MAP_FIXED), nothing of what is there may be in use.
pub unsafe fn map(address: u32, bytes: u32, protection: u32, flags: u32) -> Result<u32, Errno> {
    // SAFETY: the caller's promise.
    unsafe { call(SystemCall::Mmap2, &[address, bytes, protection, flags | MAP_ANONYMOUS, NO_FILE, 0]) }
}

/// Memory of one's own, wherever there is room for it.
///
/// # Errors
/// `ENOMEM`.
pub fn memory(bytes: u32) -> Result<u32, Errno> {
    // SAFETY: it is where nothing was.
    unsafe { map(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE) }
}

/// Ends the mappings of pages.
///
/// # Errors
/// `EINVAL`.
///
/// # Safety
/// Nothing of what is there may be in use.
pub unsafe fn unmap(address: u32, bytes: u32) -> Result<(), Errno> {
    // SAFETY: the caller's promise.
    unsafe { call(SystemCall::Munmap, &[address, bytes]) }.map(|_| ())
}

/// Says what the program may do with pages.
///
/// # Errors
/// `EINVAL`, `ENOMEM`, `EACCES`.
///
/// # Safety
/// What is in use there must not need more.
pub unsafe fn protect(address: u32, bytes: u32, protection: u32) -> Result<(), Errno> {
    // SAFETY: the caller's promise.
    unsafe { call(SystemCall::Mprotect, &[address, bytes, protection]) }.map(|_| ())
}
