//! Mappings: the system calls `mmap2`, `munmap` and `mprotect`.

use abi::mapping::{MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE};
use abi::{Errno, SystemCall};

use crate::call::call;

/// The file descriptor that `mmap2` is given for memory without a file.
const NO_FILE: u32 = u32::MAX;

/// Makes a mapping of zeroed memory, and returns its address. `flags` are those of `mmap2`;
/// [`MAP_ANONYMOUS`] is added.
///
/// # Errors
/// `EINVAL`, `ENOMEM`, `EEXIST` or `EPERM`; nothing has changed then.
///
/// # Safety
/// With [`MAP_FIXED`](abi::mapping::MAP_FIXED), the memory that is mapped at the address must not
/// be in use.
pub unsafe fn map(address: u32, bytes: u32, protection: u32, flags: u32) -> Result<u32, Errno> {
    // SAFETY: the caller's promise.
    unsafe { call(SystemCall::Mmap2, &[address, bytes, protection, flags | MAP_ANONYMOUS, NO_FILE, 0]) }
}

/// Makes a private, writable mapping, at an address that the kernel chooses.
///
/// # Errors
/// `ENOMEM` if there is no room, `EINVAL` if `bytes` is 0.
pub fn memory(bytes: u32) -> Result<u32, Errno> {
    // SAFETY: the mapping replaces no other.
    unsafe { map(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE) }
}

/// Removes the mappings of pages.
///
/// # Errors
/// `EINVAL` if the range is invalid, `ENOMEM` if there would be too many regions.
///
/// # Safety
/// The memory there must not be in use.
pub unsafe fn unmap(address: u32, bytes: u32) -> Result<(), Errno> {
    // SAFETY: the caller's promise.
    unsafe { call(SystemCall::Munmap, &[address, bytes]) }.map(|_| ())
}

/// Changes the program's rights to pages.
///
/// # Errors
/// `EINVAL`, `ENOMEM` or `EACCES`.
///
/// # Safety
/// Memory that is in use there must not need more rights.
pub unsafe fn protect(address: u32, bytes: u32, protection: u32) -> Result<(), Errno> {
    // SAFETY: the caller's promise.
    unsafe { call(SystemCall::Mprotect, &[address, bytes, protection]) }.map(|_| ())
}
