//! Interrupts of devices.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::check::{Context, Outcome};
use crate::ensure;
use kernel_core::trap::{self, Handler, Trap, TrapFrame};
use kernel_core::{interrupts, provoke};

/// How often the timer interrupts, in a second.
const HERTZ: u32 = 1000;

/// Counts what interrupts the kernel.
struct Counter {
    timer: AtomicU32,
    other: AtomicU32,
}

impl Handler for Counter {
    fn from_user(&self, _trap: Trap, _frame: &mut TrapFrame) {
        self.other.fetch_add(1, Ordering::Relaxed);
    }

    fn from_kernel(&self, trap: Trap) {
        let count = if trap == Trap::Timer { &self.timer } else { &self.other };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The timer interrupts the kernel while it waits and while it works, and not
/// while interrupts are off. Spurious interrupts do not count.
pub fn timer(context: &mut Context) -> Outcome {
    static COUNTER: Counter = Counter { timer: AtomicU32::new(0), other: AtomicU32::new(0) };
    let timer = || COUNTER.timer.load(Ordering::Relaxed);

    trap::set_handler(&COUNTER);
    ensure!(!interrupts::enabled(), expected: ("interrupts to be off"), saw: ("they are on"));
    trap::start_timer(HERTZ);
    for _ in 0..5 {
        trap::wait_for_interrupt();
        ensure!(!interrupts::enabled(), expected: ("interrupts to be off after a wait"), saw: ("they are on"));
    }
    let waited = timer();
    ensure!(waited >= 5, expected: ("an interrupt of the timer in each of 5 waits"), saw: ("{waited}"));

    interrupts::restore(true);
    let mut rounds = 0_u64;
    while timer() < waited + 5 {
        rounds += 1;
        spin_loop();
    }
    let were_enabled = interrupts::disable();
    ensure!(were_enabled, expected: ("disable() to say that interrupts were on"), saw: ("that they were off"));
    context.measure("rounds", rounds, "rounds");

    let before = timer();
    // As long as the five interrupts took.
    for _ in 0..rounds {
        spin_loop();
    }
    ensure!(timer() == before, expected: ("no interrupt while they are off"), saw: ("{}", timer() - before));

    provoke::spurious_interrupts();
    let other = COUNTER.other.load(Ordering::Relaxed);
    ensure!(other == 0, expected: ("spurious interrupts to be passed over"), saw: ("{other} of them handled"));
    trap::wait_for_interrupt();
    trap::wait_for_interrupt();
    ensure!(timer() >= before + 2, expected: ("the timer to go on"), saw: ("{} interrupts", timer() - before));
    let ticks = trap::ticks();
    ensure!(ticks == u64::from(timer()), expected: ("{} ticks", timer()), saw: ("{ticks}"));
    Ok(())
}
