//! The watchdog: an ib700 on the ISA bus, which ends a machine that hangs.
//!
//! It counts guest time, whether interrupts are on or not. On a machine without it, writes to its
//! ports have no effect.

use crate::arch::ports;

/// Writing to this port stops the timer.
const DISABLE: u16 = 0x441;
/// Writing to this port sets the timer and starts it.
const ENABLE: u16 = 0x443;

/// Guest time of one instruction in the grader's emulator, in nanoseconds: `-icount shift=3`.
const NANOSECONDS_PER_INSTRUCTION: u64 = 8;
/// The timer counts in steps of two seconds …
const STEP: u64 = 2;
/// … up to fifteen of them: the low four bits written are 15 minus the steps.
const MOST_STEPS: u64 = 15;

/// Ends the machine once it has executed about this many million instructions,
/// rounded up to the next 250 million, and at most 3750 million.
pub fn arm(budget: u32) {
    let seconds = (u64::from(budget) * NANOSECONDS_PER_INSTRUCTION).div_ceil(1000);
    let steps = seconds.div_ceil(STEP).clamp(1, MOST_STEPS);
    // SAFETY: the device touches no memory.
    unsafe { ports::tell(ENABLE, (MOST_STEPS - steps) as u8) };
}

/// Stops the timer.
pub fn disarm() {
    // SAFETY: the device touches no memory.
    unsafe { ports::tell(DISABLE, 0) };
}
