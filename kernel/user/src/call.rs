//! System calls: their answers as values or errors.

use abi::{Errno, SystemCall};

use crate::arch;

/// Makes a system call. Missing arguments are 0.
///
/// # Errors
/// What the kernel says.
///
/// # Safety
/// The kernel does what the call says, to this process too: what it writes to
/// must be memory that it may write to, and what it takes away must not be in use.
pub unsafe fn call(call: SystemCall, arguments: &[u32]) -> Result<u32, Errno> {
    // SAFETY: the caller's promise.
    Errno::from_eax(unsafe { arch::system_call(call.number(), arguments) })
}
