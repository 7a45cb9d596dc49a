//! The serial port, the clock and the way out.

use core::fmt::{self, Write};

/// COM1.
const SERIAL: u16 = 0x3F8;
/// The line status register, and its bit that says that the next byte can be sent.
const LINE_STATUS: u16 = SERIAL + 5;
const CAN_SEND: u8 = 1 << 5;
/// QEMU's `isa-debug-exit`: value `v` ends the emulator with status `2 v + 1`.
const EXIT: u16 = 0xF4;

/// The watchdog (ib700, where there is one): writing to this port starts it.
const WATCHDOG: u16 = 0x443;
/// Writing to this port stops it.
const WATCHDOG_OFF: u16 = 0x441;
/// Two seconds, the shortest time that it counts: two thousand million instructions.
const TWO_SECONDS: u8 = 14;

/// Writes to the serial port.
pub struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
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

/// Writes a line to the serial port.
macro_rules! println {
    ($($arguments:tt)*) => {{
        use core::fmt::Write as _;
        // The serial port never fails.
        let _ = writeln!($crate::machine::Serial, $($arguments)*);
    }};
}
pub(crate) use println;

/// Under `-icount shift=0`, how many instructions were executed.
#[inline(always)]
pub fn instructions() -> u32 {
    // SAFETY: this runs in ring 0, which may always read the counter.
    unsafe { x86::time::rdtsc() as u32 }
}

/// What the time stamp counter says: without `-icount` the ticks of the computer's own.
#[inline(always)]
pub fn ticks() -> u64 {
    // SAFETY: as for `instructions`.
    unsafe { x86::time::rdtsc() }
}

/// Instructions from one look at the clock to the next.
pub fn clock_overhead() -> u32 {
    let sample = || {
        let start = instructions();
        instructions().wrapping_sub(start)
    };
    (0..16).map(|_| sample()).min().unwrap_or(0)
}

/// From now on, the watchdog ends the machine after 2000 million instructions.
pub fn arm_watchdog() {
    // SAFETY: this runs in ring 0, and the port touches no memory.
    unsafe { x86::io::outb(WATCHDOG, TWO_SECONDS) };
}

/// Stops the watchdog.
pub fn disarm_watchdog() {
    // SAFETY: this runs in ring 0, and the port touches no memory.
    unsafe { x86::io::outb(WATCHDOG_OFF, 0) };
}

/// Ends the machine: exit status 33 if all went well, else 35.
pub fn end(well: bool) -> ! {
    loop {
        // SAFETY: this runs in ring 0, and the port touches no memory.
        unsafe { x86::io::outb(EXIT, if well { 0x10 } else { 0x11 }) };
    }
}
