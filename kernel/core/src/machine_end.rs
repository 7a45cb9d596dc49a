//! How the machine stops and ends. *The host* is the program that runs the machine: an emulator,
//! and the grader behind it.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch::{self, ports};
use crate::console::serial;
use crate::watchdog;

/// The port of QEMU's `isa-debug-exit` device. The device ends the emulator, with twice the byte
/// plus one as the exit status.
const EXIT_PORT: u16 = 0xF4;

/// The port of QEMU's `pvpanic` device. The device stops a machine that writes an odd byte there.
/// The host finds the byte in AL, and may let the machine go on.
const STOP_PORT: u16 = 0x505;

/// The reason for a stop: a check wants the host to look at the page tables.
const STOP_TO_LOOK: u8 = 0x01;
/// The reason for a stop: the kernel has booted, and waits for its command line.
const STOP_TO_BE_TOLD: u8 = 0x81;

/// Whether to stop before the end.
static LOOK: AtomicBool = AtomicBool::new(false);

/// From now on the machine stops before its end, so that the host can look at it.
pub fn look_at_the_end() {
    LOOK.store(true, Ordering::Relaxed);
}

/// How the kernel ended. The emulator exits with twice the value plus one.
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

/// Ends the machine. Where no emulator listens, the processor halts for ever.
pub fn end(how: End) -> ! {
    watchdog::disarm();
    if LOOK.load(Ordering::Relaxed) {
        stop_to_be_looked_at();
    }
    tell_end(how as u8);
    idle()
}

/// Tells the host that the machine has come to its end.
///
/// A machine that is used again has no exit port, since its emulator goes on. It is stopped
/// instead, with the would-be exit status as the reason.
pub(crate) fn tell_end(code: u8) {
    serial::flush();
    // SAFETY: the device ends the machine, or there is none.
    unsafe { ports::tell(EXIT_PORT, code) };
    stop(code << 1 | 1);
}

/// Stops the machine, if a host listens that can resume it, so that the host looks at the page
/// tables.
pub fn stop_to_be_looked_at() {
    stop(STOP_TO_LOOK);
}

/// Stops the machine, if a host listens that can resume it, so that the host sends the command
/// line.
pub(crate) fn stop_to_be_told() {
    stop(STOP_TO_BE_TOLD);
}

fn stop(why: u8) {
    serial::flush();
    // SAFETY: the device touches no memory, or there is none.
    unsafe { ports::tell(STOP_PORT, why) };
}

/// Halts the processor for ever. Interrupts, if they are on, are still handled.
pub fn idle() -> ! {
    loop {
        arch::halt();
    }
}
