//! The I/O ports that are not a driver's own.

/// Writes a byte to an I/O port.
///
/// # Safety
/// Whatever the device at that port does with it must leave memory as Rust
/// expects it.
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
