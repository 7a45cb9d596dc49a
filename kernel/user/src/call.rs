//! System calls, with their answers as values or errors.

use abi::{Errno, SystemCall};

use crate::arch;

/// Makes a system call. Missing arguments are 0.
///
/// # Errors
/// The error number that the kernel answers.
///
/// # Safety
/// The kernel carries out the call in this process. Memory that the call writes to must be valid
/// for writing, and memory that it takes away must not be in use.
pub unsafe fn call(call: SystemCall, arguments: &[u32]) -> Result<u32, Errno> {
    // SAFETY: the caller's promise.
    Errno::from_eax(unsafe { arch::system_call(call.number(), arguments) })
}
