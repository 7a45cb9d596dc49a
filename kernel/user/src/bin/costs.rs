//! `costs`: counts the instructions that the kernel takes for forks and exits, for a system call
//! and for a switch to another process. Each line is one figure: its name, its value, and its unit.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::hint::black_box;
use core::time::Duration;

use user::abi::{Errno, PAGE_SIZE};
use user::cost::{Clock, fork_and_exit, least, report};
use user::start::Start;
use user::{arch, eprintln, memory, process};

user::program!(main);

/// Sizes of the heap in MiB, with the names of the figures.
const HEAPS: [(u32, &str); 4] = [
    (1, "fork-and-exit-heap-1-mib"),
    (2, "fork-and-exit-heap-2-mib"),
    (4, "fork-and-exit-heap-4-mib"),
    (8, "fork-and-exit-heap-8-mib"),
];
/// Pages that the stack grows by: its region has 16.
const STACK_PAGES: u32 = 12;
/// Numbers of other processes, with the names of the figures.
const OTHERS: [(u32, &str, &str); 4] = [
    (1, "call-with-1-other", "switch-with-1-other"),
    (8, "call-with-8-others", "switch-with-8-others"),
    (32, "call-with-32-others", "switch-with-32-others"),
    (62, "call-with-62-others", "switch-with-62-others"),
];
/// How often quick operations are measured; the smallest value counts.
const TIMES: u32 = 50;

fn main(_: &Start) -> u8 {
    match measure(&Clock::calibrated()) {
        Ok(()) => 0,
        Err(errno) => {
            eprintln!("costs: {errno}");
            1
        }
    }
}

fn measure(clock: &Clock) -> Result<(), Errno> {
    let smallest = fork_and_exit(clock)?;
    report("fork-and-exit-smallest", smallest, "in-all");
    of_heaps(clock, smallest)?;
    of_stacks(clock, smallest)?;
    of_calls(clock)
}

/// Forks and exits with heaps of several sizes.
fn of_heaps(clock: &Clock, smallest: u64) -> Result<(), Errno> {
    for (mib, name) in HEAPS {
        let bytes = mib << 20;
        move_break(bytes.cast_signed())?;
        let more = fork_and_exit(clock)?.saturating_sub(smallest);
        report(name, more / u64::from(bytes / PAGE_SIZE), "a-page");
        move_break(-bytes.cast_signed())?;
    }
    Ok(())
}

#[allow(unsafe_code)]
fn move_break(bytes: i32) -> Result<(), Errno> {
    // SAFETY: the new memory is not used, and the same amount is given back.
    unsafe { memory::sbrk(bytes) }.map(|_| ())
}

/// Forks and exits with a larger stack.
fn of_stacks(clock: &Clock, smallest: u64) -> Result<(), Errno> {
    // The stack never shrinks, so it is still large at the fork.
    black_box(arch::push_and_pop(STACK_PAGES * PAGE_SIZE));
    let more = fork_and_exit(clock)?.saturating_sub(smallest);
    report("fork-and-exit-stack", more / u64::from(STACK_PAGES), "a-page");
    Ok(())
}

/// A system call and a switch, with more and more other processes asleep.
fn of_calls(clock: &Clock) -> Result<(), Errno> {
    let mut others = 1;
    process::spawn(yield_for_ever)?;
    for (wanted, call_name, switch_name) in OTHERS {
        while others < wanted {
            process::spawn(sleep_for_ever)?;
            others += 1;
        }
        // Lets all of them run until they sleep.
        (0..2 * wanted).for_each(|_| process::yield_now());
        let call = least(TIMES, || clock.count(|| _ = black_box(process::id())));
        // Two switches: to the partner and back.
        let switches = least(TIMES, || clock.count(process::yield_now));
        report(call_name, call, "a-call");
        report(switch_name, switches / 2, "a-switch");
    }
    Ok(())
}

fn yield_for_ever() -> u8 {
    loop {
        process::yield_now();
    }
}

fn sleep_for_ever() -> u8 {
    loop {
        process::sleep(Duration::from_secs(1 << 20));
    }
}
