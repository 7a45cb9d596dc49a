//! How the machine stops and ends.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch::{self, ports};
use crate::console::serial;
use crate::watchdog;

/// Where QEMU's `isa-debug-exit` device listens: it ends the emulator, with twice
/// the byte plus one as the exit status.
const EXIT_PORT: u16 = 0xF4;

/// Where QEMU's `pvpanic` device listens: a machine that writes an odd byte there is
/// stopped, and whoever stopped it finds the byte in AL and lets it go on, or not.
const STOP_PORT: u16 = 0x505;

/// A check wants the page tables to be looked at.
const STOP_TO_LOOK: u8 = 0x01;
/// The kernel has come up, and is to be told what to do.
const STOP_TO_BE_TOLD: u8 = 0x81;

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
    /// A part that the operating system needs is not written yet: exit status 39.
    NotWritten = 0x13,
}

/// Ends the machine; where no emulator listens, stops it.
pub fn end(how: End) -> ! {
    watchdog::disarm();
    if LOOK.load(Ordering::Relaxed) {
        stop_to_be_looked_at();
    }
    tell_end(how as u8);
    idle()
}

/// Tells whoever runs the machine that it has come to its end.
///
/// A machine that is used again has no exit port: its emulator goes on. There it is
/// stopped, with what would be the exit status.
pub(crate) fn tell_end(code: u8) {
    serial::flush();
    // SAFETY: the device ends the machine, or there is none.
    unsafe { ports::tell(EXIT_PORT, code) };
    stop(code << 1 | 1);
}

/// Stops the machine, if somebody is there who lets it go on, so that its page
/// tables are looked at.
pub fn stop_to_be_looked_at() {
    stop(STOP_TO_LOOK);
}

/// Stops the machine, if somebody is there who lets it go on, so that it is told what to do.
pub(crate) fn stop_to_be_told() {
    stop(STOP_TO_BE_TOLD);
}

fn stop(why: u8) {
    serial::flush();
    // SAFETY: the device touches no memory, or there is none.
    unsafe { ports::tell(STOP_PORT, why) };
}

/// Does nothing, for ever.
pub fn idle() -> ! {
    loop {
        arch::halt();
    }
}
