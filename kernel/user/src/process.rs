//! Processes: making them, replacing them, waiting for them.

use alloc::vec::Vec;
use core::ffi::{CStr, c_char};
use core::ptr;
use core::time::Duration;

use abi::{Errno, SystemCall, WNOHANG, WaitStatus};

use crate::call::call;

/// Ends this process.
pub fn exit(code: u8) -> ! {
    loop {
        // SAFETY: nothing of this process is used afterwards.
        let _ = unsafe { call(SystemCall::Exit, &[u32::from(code)]) };
    }
}

/// Who one is after a fork.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fork {
    /// The one that called; this is the number of the other.
    Parent(u32),
    /// The copy.
    Child,
}

/// Makes a copy of this process.
///
/// # Errors
/// `ENOMEM` or `EAGAIN`: there is no copy then.
pub fn fork() -> Result<Fork, Errno> {
    // SAFETY: the copy has memory of its own.
    let pid = unsafe { call(SystemCall::Fork, &[]) }?;
    Ok(if pid == 0 { Fork::Child } else { Fork::Parent(pid) })
}

/// Makes a copy of this process that does `work` and exits with what it returns.
/// The copy's number.
///
/// # Errors
/// As [`fork`].
pub fn spawn(work: impl FnOnce() -> u8) -> Result<u32, Errno> {
    match fork()? {
        Fork::Child => exit(work()),
        Fork::Parent(child) => Ok(child),
    }
}

/// Runs another program in this process: returns only if that fails.
pub fn exec(path: &CStr, arguments: &[&CStr], environment: &[&CStr]) -> Errno {
    let vector =
        |strings: &[&CStr]| strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect::<Vec<_>>();
    let (argv, envp) = (vector(arguments), vector(environment));
    // SAFETY: the kernel only reads, and if it succeeds, nothing of this program is used afterwards.
    unsafe { exec_raw(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) }
}

/// Runs another program in this process, with pointers as they are: returns only
/// if that fails.
///
/// # Safety
/// The kernel checks the pointers, so whatever they are, this process survives.
/// But if they are right, nothing of this program may be used afterwards.
pub unsafe fn exec_raw(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> Errno {
    let arguments = [path.expose_provenance(), argv.expose_provenance(), envp.expose_provenance()];
    // SAFETY: the caller's promise.
    match unsafe { call(SystemCall::Execve, &arguments.map(|address| address as u32)) } {
        Err(errno) => errno,
        // It does not return.
        Ok(_) => Errno::EIO,
    }
}

/// Waits until a child ends: this one, or any for `None`. Its number, and how it ended.
///
/// # Errors
/// `ECHILD` if there is no such child.
pub fn wait(child: Option<u32>) -> Result<(u32, WaitStatus), Errno> {
    wait_with(child, 0).map(|(child, status)| (child, WaitStatus::from_word(status)))
}

/// A child that has ended, this one or any for `None`: its number, and how it
/// ended. `None` if none has so far.
///
/// # Errors
/// `ECHILD` if there is no such child at all.
pub fn try_wait(child: Option<u32>) -> Result<Option<(u32, WaitStatus)>, Errno> {
    let (child, status) = wait_with(child, WNOHANG)?;
    Ok((child != 0).then_some((child, WaitStatus::from_word(status))))
}

fn wait_with(child: Option<u32>, options: u32) -> Result<(u32, u32), Errno> {
    let mut status = 0_u32;
    let place = (&raw mut status).expose_provenance() as u32;
    // SAFETY: the kernel writes to `status`.
    let child = unsafe { call(SystemCall::Waitpid, &[child.unwrap_or(u32::MAX), place, options]) }?;
    Ok((child, status))
}

/// The number of this process.
#[must_use]
pub fn id() -> u32 {
    // SAFETY: this only asks.
    unsafe { call(SystemCall::Getpid, &[]) }.unwrap_or(0)
}

/// Lets others run.
pub fn yield_now() {
    // SAFETY: nothing of this process is changed.
    let _ = unsafe { call(SystemCall::SchedYield, &[]) };
}

/// Sleeps at least this long, as far as it fits into 31 bits of seconds.
pub fn sleep(time: Duration) {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).min(i32::MAX as u32);
    let requested = [seconds, time.subsec_nanos()];
    let address = requested.as_ptr().expose_provenance() as u32;
    // SAFETY: the kernel only reads.
    let _ = unsafe { call(SystemCall::Nanosleep, &[address, 0]) };
}
