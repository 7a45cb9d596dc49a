//! Loops that never end, and loops that only take long.

use core::hint::{black_box, spin_loop};

use kernel_core::provoke;

use crate::check::Outcome;

/// Instructions that a slow check takes.
const SLOW: u32 = 300_000_000;

/// An endless loop of `pause`, which is so slow to emulate that no watchdog ends it. It counts, so that the machine is
/// never in the same state twice.
pub fn spin() -> Outcome {
    let mut turns = 0_u64;
    loop {
        spin_loop();
        turns = black_box(turns + 1);
    }
}

/// Walks round a list whose end leads back to its beginning, and marks what it has seen.
pub fn cycle() -> Outcome {
    const LENGTH: usize = 64;
    let next: [usize; LENGTH] = black_box(core::array::from_fn(|at| (at + 1) % LENGTH));
    let mut seen = [false; LENGTH];
    let mut at = 0;
    loop {
        seen[at] = true;
        at = next[at];
        black_box(&mut seen);
    }
}

/// Counts for longer than any check may take.
pub fn counting() -> Outcome {
    loop {
        provoke::count_in_memory(u32::MAX);
    }
}

/// Counts for long, with registers that are the same again and again.
pub fn slow() -> Outcome {
    provoke::count_in_memory(SLOW / 3);
    Ok(())
}

/// Waits for long, while nothing changes but the clock.
pub fn clock_wait() -> Outcome {
    provoke::wait_for_clock(SLOW);
    Ok(())
}
