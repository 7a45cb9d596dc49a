//! Copies between the kernel and the running program. Every address that a program passes has to be
//! checked; lab 06 does that.

use abi::Errno;
use kernel_core::labs::Protections;
use kernel_core::memory::user::{Shows, Window};
use mm_api::{Access, BadAddress, UserWindow, VirtAddr};

use super::address_space::AddressSpace;
use crate::memory;

/// Copies bytes from the program's memory, starting at `address`.
///
/// # Errors
/// `EFAULT` if the program may not read one of them; some may have been copied.
pub fn copy_in(space: &mut AddressSpace, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Errno> {
    through(space, Shows::Bytes(address, bytes.len()), |window, copies| (copies.copy_in)(window, address, bytes))
}

/// Copies bytes to the program's memory, starting at `address`.
///
/// # Errors
/// `EFAULT` if the program may not write to one of the addresses; some bytes may have been copied.
pub fn copy_out(space: &mut AddressSpace, address: VirtAddr, bytes: &[u8]) -> Result<(), Errno> {
    through(space, Shows::Place(address, bytes), |window, copies| (copies.copy_out)(window, address, bytes))
}

/// Reads a 32-bit word from the program's memory.
///
/// # Errors
/// `EFAULT` if the program may not read it.
pub fn word_in(space: &mut AddressSpace, address: VirtAddr) -> Result<u32, Errno> {
    let mut bytes = [0; 4];
    copy_in(space, address, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// Has lab 06 copy through a window to the program's memory.
fn through(
    space: &mut AddressSpace,
    shows: Shows<'_>,
    work: impl FnOnce(&mut dyn UserWindow, &Protections) -> Result<(), BadAddress>,
) -> Result<(), Errno> {
    let (machine, labs) = memory::with(|memory| (memory.machine(), memory.labs()));
    let mut resolve = |address: VirtAddr, access: Access| space.resolve(address, access).map_err(BadAddress::from);
    let mut window = Window::new(machine, shows, &mut resolve);
    let result = work(&mut window, labs.protections());
    assert!(!window.is_open(), "lab 06 left the window to the program's memory open");
    result.map_err(|_| Errno::EFAULT)
}
