//! How the machine ends.

use crate::arch::{self, ports};
use crate::console::serial;
use crate::watchdog;

/// Where QEMU's `isa-debug-exit` device listens: it ends the emulator, with twice
/// the byte plus one as the exit status.
pub(crate) const EXIT_PORT: u16 = 0xF4;

/// What the kernel tells the emulator at its end.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// The check passed, or the list was printed: exit status 33.
    Ok = 0x10,
    /// The check failed: exit status 35.
    NotOk = 0x11,
    /// The kernel crashed: exit status 37.
    Crash = 0x12,
}

/// Ends the machine; where no emulator listens, stops it.
pub(crate) fn end(how: End) -> ! {
    watchdog::disarm();
    serial::flush();
    // SAFETY: the device ends the machine, or there is none.
    unsafe { ports::write(EXIT_PORT, how as u8) };
    idle()
}

/// Does nothing, for ever.
pub fn idle() -> ! {
    loop {
        arch::halt();
    }
}
