//! The checks, one module a lab. What they are worth, and what the student reads
//! about them, is in each lab's `lab.toml`.
//!
//! They stand on the operating system, and the operating system knows none of them.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod arena;
mod check;
mod harness;
mod heap;
mod memory;
mod mmap;
mod pmm;
mod process_heap;
mod programs;
mod protect;
mod stack;
mod vmm;

use kernel_core::command_line::Task;
use kernel_core::labs::Labs;
use kernel_core::machine::Machine;

use check::{Check, names_are_sound};

/// Every lab's checks.
const ALL: &[&[Check]] = &[
    memory::CHECKS,
    pmm::CHECKS,
    vmm::CHECKS,
    heap::CHECKS,
    process_heap::CHECKS,
    stack::CHECKS,
    protect::CHECKS,
    mmap::CHECKS,
    harness::CHECKS,
];

const _: () = assert!(names_are_sound(ALL), "a check's name is there twice, or is not made of a-z, 0-9 and -");

/// Does what the command line asks for: runs a check, lists them, or runs the
/// operating system.
pub fn main(machine: &'static Machine, labs: &'static Labs) -> ! {
    match machine.command_line().task {
        Task::Run => kernel_system::run(machine, labs),
        Task::List => check::list(ALL),
        Task::Check(name) => check::run(ALL, name, machine, labs),
    }
}
