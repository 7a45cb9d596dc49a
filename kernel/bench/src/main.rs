//! Counts the costs of frame allocators and heaps: the labs' and their peers'.
//!
//! The benchmark is a kernel of its own, as small as possible. It runs at 1 MiB with paging and
//! interrupts off, measures, writes one line of comma-separated values for each measurement to the
//! serial port, and ends the machine. Under `-icount shift=0` the time stamp counter counts
//! instructions, so every run gives the same figures. `README.md` has the commands.
//!
//! The same image is a program for Linux on i386: there it measures the memory functions on the
//! processor itself, and writes to standard output.
#![no_std]
#![no_main]

extern crate alloc;

mod arguments;
mod frames;
mod heaps;
mod linux;
mod machine;
mod memory_functions;
mod own_heap;
mod policies;
mod rng;
mod string_instructions;

use core::arch::global_asm;
use core::panic::PanicInfo;

use crate::arguments::BootInformation;
use crate::machine::{end, println};

global_asm!(include_str!("boot.s"));

/// The first Rust function, called by `boot.s`.
#[unsafe(no_mangle)]
extern "C" fn bench_main(information: &'static BootInformation) -> ! {
    own_heap::init();
    let (words, seed) = arguments::words_and_seed(information);
    match words.as_slice() {
        ["allocators"] => frames::list(),
        ["frames", name @ ..] => frames::measure(&name.join(" "), seed),
        ["memory"] => memory_functions::measure_all(),
        ["heaps"] => heaps::list(),
        ["policies"] => heaps::list_policies(),
        ["traces"] => heaps::list_traces(seed),
        ["heap", name] => heaps::measure(name, None, seed),
        ["heap", name, trace] => heaps::measure(name, Some(trace), seed),
        ["history", name, trace, bytes] => heaps::tell_history(name, trace, bytes, seed),
        _ => panic!("README.md says what can be measured"),
    }
    end(true)
}

/// The first Rust function in a process of Linux's, called by `boot.s`.
#[unsafe(no_mangle)]
extern "C" fn bench_program() -> ! {
    machine::run_as_process();
    memory_functions::measure_all();
    end(true)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("panic,{info}");
    end(false)
}
