//! Making processes, replacing their programs, and waiting for them.

use alloc::vec::Vec;
use core::ffi::{CStr, c_char};
use core::ptr;
use core::time::Duration;

use abi::{Errno, SystemCall, WNOHANG, WaitStatus};

use crate::call::call;

/// Ends this process with an exit code.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: nothing of this process is used afterwards.
        let _ = unsafe { call(SystemCall::Exit, &[u32::from(code)]) };
    }
}

/// Which of the two processes a fork has returned to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fork {
    /// The process that called [`fork`]; the number is the child's.
    Parent(u32),
    /// The child.
    Child,
}

/// Copies this process. [`Fork`] tells the two apart.
///
/// # Errors
/// `ENOMEM` or `EAGAIN`; no child was made then.
pub fn fork() -> Result<Fork, Errno> {
    // SAFETY: the copy has memory of its own.
    let pid = unsafe { call(SystemCall::Fork, &[]) }?;
    Ok(if pid == 0 { Fork::Child } else { Fork::Parent(pid) })
}

/// Makes a child that does `work` and exits with its result. Returns the child's number.
///
/// # Errors
/// As [`fork`].
pub fn spawn(work: impl FnOnce() -> u8) -> Result<u32, Errno> {
    match fork()? {
        Fork::Child => exit(work()),
        Fork::Parent(child) => Ok(child),
    }
}

/// Runs another program in this process. Returns only if that fails, with the error.
pub fn exec(path: &CStr, arguments: &[&CStr], environment: &[&CStr]) -> Errno {
    let vector =
        |strings: &[&CStr]| strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect::<Vec<_>>();
    let (argv, envp) = (vector(arguments), vector(environment));
    // SAFETY: the kernel only reads, and if it succeeds, nothing of this program is used afterwards.
    unsafe { exec_raw(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) }
}

/// Runs another program in this process, with pointers that nothing checks. Returns only if that
/// fails, with the error.
///
/// # Safety
/// The kernel checks the pointers, so wrong ones cannot harm this process. If they are right,
/// nothing of this program may be used afterwards.
pub unsafe fn exec_raw(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> Errno {
    let arguments = [path.expose_provenance(), argv.expose_provenance(), envp.expose_provenance()];
    // SAFETY: the caller's promise.
    match unsafe { call(SystemCall::Execve, &arguments.map(|address| address as u32)) } {
        Err(errno) => errno,
        // A call that succeeds does not return.
        Ok(_) => Errno::EIO,
    }
}

/// Waits until a child ends: the given one, or any if `None`. Returns its number and its status.
///
/// # Errors
/// `ECHILD` if there is no such child.
pub fn wait(child: Option<u32>) -> Result<(u32, WaitStatus), Errno> {
    wait_with(child, 0).map(|(child, status)| (child, WaitStatus::from_word(status)))
}

/// The number and the status of a child that has ended: the given one, or any if `None`. Returns
/// `None` if no such child has ended yet.
///
/// # Errors
/// `ECHILD` if there is no such child at all.
pub fn try_wait(child: Option<u32>) -> Result<Option<(u32, WaitStatus)>, Errno> {
    let (child, status) = wait_with(child, WNOHANG)?;
    Ok((child != 0).then_some((child, WaitStatus::from_word(status))))
}

fn wait_with(child: Option<u32>, options: u32) -> Result<(u32, u32), Errno> {
    // No child ends with this status. A zero would say that it exited with 0 where lab 06 has written nothing.
    let mut status = u32::MAX;
    let place = (&raw mut status).expose_provenance() as u32;
    // SAFETY: the kernel writes to `status`.
    let child = unsafe { call(SystemCall::Waitpid, &[child.unwrap_or(u32::MAX), place, options]) }?;
    Ok((child, status))
}

/// The number of this process.
#[must_use]
pub fn id() -> u32 {
    // SAFETY: the call changes nothing.
    unsafe { call(SystemCall::Getpid, &[]) }.unwrap_or(0)
}

/// Lets other processes run.
pub fn yield_now() {
    // SAFETY: nothing of this process is changed.
    let _ = unsafe { call(SystemCall::SchedYield, &[]) };
}

/// Sleeps at least this long. Seconds are limited to 31 bits.
pub fn sleep(time: Duration) {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).min(i32::MAX as u32);
    let requested = [seconds, time.subsec_nanos()];
    let address = requested.as_ptr().expose_provenance() as u32;
    // SAFETY: the kernel only reads.
    let _ = unsafe { call(SystemCall::Nanosleep, &[address, 0]) };
}
