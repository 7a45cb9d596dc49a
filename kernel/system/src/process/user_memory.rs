//! Copies between the kernel and the program that runs. Every address that a
//! program gives is one to be checked.

use abi::Errno;
use kernel_core::memory::paged::PagedMachine;
use kernel_core::memory::user::{self, BadAddress};
use mm_api::VirtAddr;
use mm_api::layout::{USER_STACK_END, USER_STACK_START};

use super::address_space::AddressSpace;
use crate::memory;

/// Copies the bytes from an address of the program's on.
///
/// # Errors
/// `EFAULT` if it may not read one of them; some may have been copied.
pub fn copy_in(space: &mut AddressSpace, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Errno> {
    let length = bytes.len();
    copy(space, address, length, |machine| user::copy_in(machine, address, bytes))
}

/// Copies bytes to the addresses from one of the program's on.
///
/// # Errors
/// `EFAULT` if it may not write to one of them; some may have been copied.
pub fn copy_out(space: &mut AddressSpace, address: VirtAddr, bytes: &[u8]) -> Result<(), Errno> {
    copy(space, address, bytes.len(), |machine| user::copy_out(machine, address, bytes))
}

/// A 32-bit word at an address of the program's.
///
/// # Errors
/// `EFAULT` if it may not read it.
pub fn word_in(space: &mut AddressSpace, address: VirtAddr) -> Result<u32, Errno> {
    let mut bytes = [0; 4];
    copy_in(space, address, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// Copies. If that does not work, and some of it would be in the stack's region,
/// the stack grows, as it would if the program did the same by itself.
fn copy(
    space: &mut AddressSpace,
    address: VirtAddr,
    length: usize,
    mut work: impl FnMut(&PagedMachine) -> Result<(), BadAddress>,
) -> Result<(), Errno> {
    memory::with(|memory| {
        if work(memory.machine()).is_ok() {
            return Ok(());
        }
        let Some(lowest) = lowest_in_stack(address, length) else { return Err(Errno::EFAULT) };
        if lowest >= space.stack_bottom() || space.grow_stack_in(memory, lowest).is_err() {
            return Err(Errno::EFAULT);
        }
        work(memory.machine()).map_err(|_| Errno::EFAULT)
    })
}

/// The lowest of the addresses from one on that is in the stack's region; `None`
/// if none is.
fn lowest_in_stack(address: VirtAddr, length: usize) -> Option<VirtAddr> {
    let end = u64::from(address.as_u32()) + length as u64;
    let lowest = address.max(USER_STACK_START);
    (lowest < USER_STACK_END && u64::from(lowest.as_u32()) < end).then_some(lowest)
}
