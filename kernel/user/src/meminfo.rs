//! The system call `meminfo`, which reports how memory is used.

use alloc::vec::Vec;

use abi::meminfo::{PHYSICAL, PROCESSES, Physical, Process, REGIONS, Region};
use abi::{Errno, SystemCall};

use crate::call::call;

/// Bytes of the record that [`physical`] asks for.
pub const RECORD_BYTES: u32 = Physical::BYTES as u32;

/// The use of the machine's memory.
///
/// # Errors
/// `ENOSYS` on another kernel.
pub fn physical() -> Result<Physical, Errno> {
    let mut bytes = [0; Physical::BYTES];
    ask(PHYSICAL, &mut bytes, 0)?;
    Ok(Physical::from_bytes(&bytes))
}

/// A record of every process, zombies included.
///
/// # Errors
/// `ENOSYS` on another kernel.
pub fn processes() -> Result<Vec<Process>, Errno> {
    records(PROCESSES, 0, Process::from_bytes)
}

/// The record of a process. The search does not use the heap, and looks only at the first 64
/// processes.
///
/// # Errors
/// `ESRCH` if it is not among them, `ENOSYS` on another kernel.
pub fn process(pid: u32) -> Result<Process, Errno> {
    let mut bytes = [0; 64 * Process::BYTES];
    let count = ask(PROCESSES, &mut bytes, 0)?;
    let (records, _) = bytes.as_chunks();
    records.iter().take(count).map(Process::from_bytes).find(|process| process.pid == pid).ok_or(Errno::ESRCH)
}

/// The regions of a process's address space.
///
/// # Errors
/// `ESRCH` if there is no such process.
pub fn regions(pid: u32) -> Result<Vec<Region>, Errno> {
    records(REGIONS, pid, Region::from_bytes)
}

/// All records of a kind.
fn records<const BYTES: usize, R>(what: u32, pid: u32, read: fn(&[u8; BYTES]) -> R) -> Result<Vec<R>, Errno> {
    let mut room = 16;
    loop {
        let mut bytes = alloc::vec![0; room * BYTES];
        let count = ask(what, &mut bytes, pid)?;
        if count <= room {
            let (records, _) = bytes.as_chunks::<BYTES>();
            return Ok(records.iter().take(count).map(read).collect());
        }
        room = count + 4;
    }
}

/// Asks the kernel for records, and returns how many there are, even if not all fit into `bytes`.
fn ask(what: u32, bytes: &mut [u8], pid: u32) -> Result<usize, Errno> {
    let address = bytes.as_mut_ptr().expose_provenance() as u32;
    // SAFETY: the kernel writes to `bytes`.
    let count = unsafe { call(SystemCall::Meminfo, &[what, address, bytes.len() as u32, pid]) }?;
    Ok(count as usize)
}
