//! What the benchmark runs on, a bare machine or a process of Linux's: its output, its clock and its end.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

use crate::linux;

/// The base port of COM1.
const SERIAL: u16 = 0x3F8;
/// The line status register, and its bit for an empty transmitter.
const LINE_STATUS: u16 = SERIAL + 5;
const CAN_SEND: u8 = 1 << 5;
/// QEMU's `isa-debug-exit`: value `v` ends the emulator with status `2 v + 1`.
const EXIT: u16 = 0xF4;

/// The watchdog (ib700, if there is one): a write to this port starts it.
const WATCHDOG: u16 = 0x443;
/// A write to this port stops the watchdog.
const WATCHDOG_OFF: u16 = 0x441;
/// Two seconds, the shortest time that the watchdog counts: 2000 million instructions.
const TWO_SECONDS: u8 = 14;

/// Whether it runs in a process of Linux's.
static IS_PROCESS: AtomicBool = AtomicBool::new(false);

/// Uses Linux's calls from now on, in the place of the machine's ports.
pub fn run_as_process() {
    IS_PROCESS.store(true, Ordering::Relaxed);
}

fn is_process() -> bool {
    IS_PROCESS.load(Ordering::Relaxed)
}

/// Writes to the serial port, or to a process's standard output.
pub struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_process() {
            return linux::write(text);
        }
        for byte in text.bytes() {
            // SAFETY: this runs in ring 0, and the port touches no memory.
            unsafe {
                while x86::io::inb(LINE_STATUS) & CAN_SEND == 0 {}
                x86::io::outb(SERIAL, byte);
            }
        }
        Ok(())
    }
}

/// Writes a line of output.
macro_rules! println {
    ($($arguments:tt)*) => {{
        use core::fmt::Write as _;
        // The serial port never fails. If a process's output does, there is nobody to tell.
        let _ = writeln!($crate::machine::Output, $($arguments)*);
    }};
}
pub(crate) use println;

/// The number of executed instructions, under `-icount shift=0`.
#[inline(always)]
pub fn instructions() -> u32 {
    // SAFETY: this runs in ring 0, which may always read the counter.
    unsafe { x86::time::rdtsc() as u32 }
}

/// The time stamp counter: without `-icount`, the ticks of the computer's own counter.
#[inline(always)]
pub fn ticks() -> u64 {
    // SAFETY: ring 0 may always read the counter, and Linux lets its processes read it.
    unsafe { x86::time::rdtsc() }
}

/// Instructions between two readings of the clock.
pub fn clock_overhead() -> u32 {
    let sample = || {
        let start = instructions();
        instructions().wrapping_sub(start)
    };
    (0..16).map(|_| sample()).min().unwrap_or(0)
}

/// Starts the watchdog, which ends the machine after 2000 million instructions.
pub fn arm_watchdog() {
    // SAFETY: this runs in ring 0, and the port touches no memory.
    unsafe { x86::io::outb(WATCHDOG, TWO_SECONDS) };
}

/// Stops the watchdog.
pub fn disarm_watchdog() {
    // SAFETY: this runs in ring 0, and the port touches no memory.
    unsafe { x86::io::outb(WATCHDOG_OFF, 0) };
}

/// Ends the machine, with exit status 33 if all went well, and 35 otherwise; a process, with 0 and 1.
pub fn end(well: bool) -> ! {
    if is_process() {
        linux::exit(u32::from(!well));
    }
    loop {
        // SAFETY: this runs in ring 0, and the port touches no memory.
        unsafe { x86::io::outb(EXIT, if well { 0x10 } else { 0x11 }) };
    }
}
