//! `nanosleep`.

use abi::Errno;
use kernel_core::trap;
use mm_api::VirtAddr;

use super::{Answer, Done};
use crate::process::process::Event;
use crate::process::scheduler::TICKS_PER_SECOND;
use crate::process::system::System;
use crate::process::user_memory::copy_in;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
const NANOSECONDS_PER_TICK: u64 = NANOSECONDS_PER_SECOND / TICKS_PER_SECOND as u64;

/// Sleeps at least as long as the program asked. Nothing interrupts a sleep, so the remaining time
/// is never reported.
pub fn nanosleep(system: &mut System, requested: VirtAddr) -> Answer {
    let mut bytes = [0; 8];
    copy_in(system.space(), requested, &mut bytes)?;
    let [seconds, nanoseconds] =
        [0, 4].map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
    // Both are signed in the program's record. As unsigned numbers, negative values are too large,
    // and are refused as well.
    if u64::from(nanoseconds) >= NANOSECONDS_PER_SECOND || seconds > i32::MAX as u32 {
        return Err(Errno::EINVAL);
    }
    let time = u64::from(seconds) * NANOSECONDS_PER_SECOND + u64::from(nanoseconds);
    if time == 0 {
        return Ok(Done::Yield(0));
    }
    // The first tick may come at any moment, so it does not count.
    let ticks = time.div_ceil(NANOSECONDS_PER_TICK) + 1;
    Ok(Done::Wait(Event::Tick(trap::ticks() + ticks), 0))
}
