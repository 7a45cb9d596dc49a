//! The 8254 interval timer of a PC, whose first counter is wired to line 0
//! (Intel 8254 data sheet, order number 231164).

use super::ports;

/// Counts of each counter in a second: a third of the colour subcarrier of an NTSC television.
const FREQUENCY: u32 = 1_193_182;
/// The first counter.
const COUNTER: u16 = 0x40;
/// The control word's port.
const CONTROL: u16 = 0x43;
/// The first counter; both bytes of it, the low one first; mode 2, the rate generator; binary.
const RATE_GENERATOR: u8 = 0x34;

/// The first counter; both bytes of it; mode 0, interrupt on terminal count; binary.
const TERMINAL_COUNT: u8 = 0x30;

/// From now on the timer interrupts `hertz` times a second, or as near to that as it can: at least
/// 19 times, and at most 596591.
pub(super) fn start(hertz: u32) {
    // Mode 2 takes 2 to 65536, of which the last is written as zero.
    program(RATE_GENERATOR, FREQUENCY.div_euclid(hertz.max(1)).clamp(2, 1 << 16) as u16);
}

/// Makes the timer request a single interrupt, within a few microseconds.
pub(super) fn request() {
    program(TERMINAL_COUNT, 2);
}

fn program(mode: u8, count: u16) {
    let [low, high] = count.to_le_bytes();
    // SAFETY: the timer touches no memory, and line 0 has a stub.
    unsafe {
        ports::write(CONTROL, mode);
        ports::write(COUNTER, low);
        ports::write(COUNTER, high);
    }
}
