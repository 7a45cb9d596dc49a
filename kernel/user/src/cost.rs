//! The cost of system calls, measured in instructions.

use abi::Errno;

use crate::{arch, println, process};

/// Rounds of a loop of two instructions, with which the clock is calibrated.
const ROUNDS: u32 = 1024;

/// A clock that counts instructions. It works where every instruction advances the time stamp
/// counter by the same number of ticks, as under QEMU's `-icount`.
pub struct Clock {
    ticks_an_instruction: u64,
    /// Ticks that reading the counter itself takes.
    overhead: u64,
}

impl Clock {
    /// Measures how many ticks an instruction takes.
    #[must_use]
    pub fn calibrated() -> Self {
        let ticks = |rounds| least(10, || elapsed(|| arch::count_down(rounds)));
        let (once, twice) = (ticks(ROUNDS), ticks(2 * ROUNDS));
        let ticks_an_instruction = ((twice - once) / u64::from(2 * ROUNDS)).max(1);
        Self { ticks_an_instruction, overhead: least(10, || elapsed(|| ())) }
    }

    /// How many instructions `work` takes, including the kernel's.
    pub fn count(&self, work: impl FnOnce()) -> u64 {
        elapsed(work).saturating_sub(self.overhead) / self.ticks_an_instruction
    }
}

/// How many ticks pass while `work` runs.
fn elapsed(work: impl FnOnce()) -> u64 {
    let start = arch::time_stamp();
    work();
    arch::time_stamp() - start
}

/// The smallest of `times` measurements: one without an interrupt.
pub fn least(times: u32, mut measure: impl FnMut() -> u64) -> u64 {
    (0..times).map(|_| measure()).min().unwrap_or(0)
}

/// The cost of a child that ends at once: from the call of `fork` until the parent knows that the
/// child has ended. The child copies this process as it is.
///
/// # Errors
/// If the kernel cannot make the child.
pub fn fork_and_exit(clock: &Clock) -> Result<u64, Errno> {
    // The first time, the heap grows in which the kernel keeps its records.
    live(clock)?;
    live(clock)
}

fn live(clock: &Clock) -> Result<u64, Errno> {
    let mut answer = Ok(());
    let cost = clock.count(|| {
        answer = process::spawn(|| 0).and_then(|child| process::wait(Some(child))).map(|_| ());
    });
    answer.map(|()| cost)
}

/// Prints a figure: its name, its value and its unit.
pub fn report(name: &str, number: u64, unit: &str) {
    println!("{name} {number} {unit}");
}
