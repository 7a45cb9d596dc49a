//! How the machine ends.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch::{self, ports};
use crate::console::serial;
use crate::watchdog;

/// Where QEMU's `isa-debug-exit` device listens: it ends the emulator, with twice
/// the byte plus one as the exit status.
pub(crate) const EXIT_PORT: u16 = 0xF4;

/// Whether to stop before the end.
static LOOK: AtomicBool = AtomicBool::new(false);

/// From now on the machine stops before its end, so that somebody can look at it.
pub fn look_at_the_end() {
    LOOK.store(true, Ordering::Relaxed);
}

/// What the kernel tells the emulator at its end.
#[derive(Clone, Copy)]
pub enum End {
    /// The check passed, or the list was printed: exit status 33.
    Ok = 0x10,
    /// The check failed: exit status 35.
    NotOk = 0x11,
    /// The kernel crashed: exit status 37.
    Crash = 0x12,
}

/// Ends the machine; where no emulator listens, stops it.
pub fn end(how: End) -> ! {
    watchdog::disarm();
    if LOOK.load(Ordering::Relaxed) {
        stop_to_be_looked_at();
    }
    serial::flush();
    // SAFETY: the device ends the machine, or there is none.
    unsafe { ports::tell(EXIT_PORT, how as u8) };
    idle()
}

/// Where QEMU's `pvpanic` device listens: a machine that writes there is stopped,
/// until somebody lets it go on.
const STOP_PORT: u16 = 0x505;

/// Stops the machine, if somebody is there who lets it go on.
pub fn stop_to_be_looked_at() {
    serial::flush();
    // SAFETY: the device touches no memory, or there is none.
    unsafe { ports::tell(STOP_PORT, 1) };
}

/// Does nothing, for ever.
pub fn idle() -> ! {
    loop {
        arch::halt();
    }
}
