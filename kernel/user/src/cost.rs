//! What the kernel takes for what a program asks of it, in instructions.

use abi::Errno;

use crate::{arch, println, process};

/// Rounds of a loop of two instructions that the clock is measured with.
const ROUNDS: u32 = 1024;

/// A clock that counts instructions, where the machine's time stamp counter goes
/// equally far in each, such as under QEMU's `-icount`.
pub struct Clock {
    ticks_an_instruction: u64,
    /// What reading the counter takes by itself.
    overhead: u64,
}

impl Clock {
    /// Measures how far the counter goes in an instruction.
    #[must_use]
    pub fn calibrated() -> Self {
        let ticks = |rounds| least(10, || elapsed(|| arch::count_down(rounds)));
        let (once, twice) = (ticks(ROUNDS), ticks(2 * ROUNDS));
        let ticks_an_instruction = ((twice - once) / u64::from(2 * ROUNDS)).max(1);
        Self { ticks_an_instruction, overhead: least(10, || elapsed(|| ())) }
    }

    /// How many instructions `work` takes, those of the kernel included.
    pub fn count(&self, work: impl FnOnce()) -> u64 {
        elapsed(work).saturating_sub(self.overhead) / self.ticks_an_instruction
    }
}

/// How far the counter goes while something is done.
fn elapsed(work: impl FnOnce()) -> u64 {
    let start = arch::time_stamp();
    work();
    arch::time_stamp() - start
}

/// The least of so many measurements: one that no interrupt came into.
pub fn least(times: u32, mut measure: impl FnMut() -> u64) -> u64 {
    (0..times).map(|_| measure()).min().unwrap_or(0)
}

/// What it takes to have a child that ends at once: from the call of `fork` until
/// the parent knows that the child has ended. The process is taken as it is.
///
/// # Errors
/// If the kernel refuses to make the child.
pub fn fork_and_exit(clock: &Clock) -> Result<u64, Errno> {
    // The first time, the heap grows where the kernel keeps its records.
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

/// Prints a figure: its name, the number, and what it is about.
pub fn report(name: &str, number: u64, unit: &str) {
    println!("{name} {number} {unit}");
}
