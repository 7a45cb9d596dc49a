//! The I/O ports that are not a driver's own.

use core::arch::asm;

/// Writes a byte to an I/O port.
///
/// # Safety
/// The device's reaction must leave memory as Rust expects it.
pub(crate) unsafe fn write(port: u16, value: u8) {
    // SAFETY: the kernel runs in ring 0; the device is the caller's concern.
    unsafe { x86::io::outb(port, value) }
}

/// Reads a byte from an I/O port.
///
/// # Safety
/// As [`write`]: reading a register may make a device do something, too.
pub(super) unsafe fn read(port: u16) -> u8 {
    // SAFETY: as in `write`.
    unsafe { x86::io::inb(port) }
}

/// Writes a byte to the port of a device that informs the host, and stops for Bochs's debugger, if
/// that runs the machine.
///
/// QEMU has such devices. Bochs has none, but its debugger can be told to stop at `xchg bx, bx`,
/// which changes nothing anywhere else. The debugger then finds the port in DX and the byte in AL.
///
/// # Safety
/// As [`write`].
pub(crate) unsafe fn tell(port: u16, value: u8) {
    // SAFETY: as in `write`; the exchange leaves everything as it is.
    unsafe { asm!("out dx, al", "xchg bx, bx", in("dx") port, in("al") value, options(nostack)) }
}
