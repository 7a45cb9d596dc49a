//! The kernel.
//!
//! What a machine needs to run at all is in the library `kernel-core`; here is
//! what is built on the labs: the operating system, and the checks.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

mod checks;
mod labs;
mod memory;
mod os;
mod pages;
mod process;
mod screen;

use kernel_core::check;
use kernel_core::command_line::Task;
use kernel_core::machine::Machine;

kernel_core::entry!(main);

/// Does what the command line asks for.
fn main(machine: &'static Machine) -> ! {
    match machine.command_line().task {
        Task::Run => os::run(machine),
        Task::List => check::list(checks::ALL),
        Task::Check(name) => check::run(checks::ALL, name, machine),
    }
}
