//! The checks, one module per lab. Their points and the texts that students read are in
//! each lab's `lab.toml`.
//!
//! They are built on the operating system, which knows none of them.
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

/// Does what the command line says: runs a check, lists the checks, or runs the
/// operating system.
pub fn main(machine: &'static Machine, labs: &'static Labs) -> ! {
    match machine.command_line().task {
        Task::Run => kernel_system::run(machine, labs),
        Task::List => check::list(ALL),
        Task::Check(name) => check::run(ALL, name, machine, labs),
    }
}
