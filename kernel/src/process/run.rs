//! Runs a first program, and with it all that it starts, until it ends.

use abi::WaitStatus;
use alloc::vec::Vec;
use kernel_core::check::{Context, Failed};
use kernel_core::machine::{Machine, Module};
use kernel_core::{fail, trap};
use log::info;

use super::arguments::Command;
use super::audit::{Audit, Difference};
use super::handler::{SYSTEM, Traps};
use super::process::{Name, Pid};
use super::refusal::Refusal;
use super::scheduler::TICKS_PER_SECOND;
use super::system::System;
use super::{output, program, terminal};
use crate::memory;

/// How the first program ended.
pub struct Ending {
    /// What it would have told its parent.
    pub status: WaitStatus,
    /// What it and the programs that it started have written, the first 8 KiB of it.
    pub output: Vec<u8>,
}

/// Runs a program as the first process, until that ends. All others end with it.
/// The memory has to be up.
///
/// # Errors
/// See [`Refusal`].
pub fn run(machine: &'static Machine, name: &str, arguments: &[&str]) -> Result<WaitStatus, Refusal> {
    let mut system = System::new(machine);
    let Module { name, bytes } = system.program(name).ok_or(Refusal::NoSuchProgram)?;
    let command = Command::from_kernel(name, arguments).map_err(Refusal::Arguments)?;
    let first = system.add(Pid::NOBODY, Name::new(name), |_| program::load(bytes, &command));
    drop(command);
    let first = first?;
    system.begin_with(first);
    let frame = system.current().frame;
    *SYSTEM.lock() = Some(system);

    trap::set_handler(&Traps);
    trap::start_timer(TICKS_PER_SECOND);
    trap::enable_serial_interrupt();
    trap::run(&frame);

    let Some(mut system) = SYSTEM.lock().take() else { unreachable!("the processes were there before") };
    system.bury();
    let Some(status) = system.ended() else { unreachable!("ring 3 is left when the first process has ended") };
    Ok(status)
}

/// Boots the system in a check, runs a program as its first process, and returns
/// when that has ended. Nobody types: its input is at its end. What it writes goes
/// to the log, too.
///
/// It can be called several times in a check.
///
/// # Errors
/// Fails the check if the program cannot be started, or if something was not given
/// back when all processes had ended.
pub fn run_program(context: &mut Context, name: &str, arguments: &[&str]) -> Result<Ending, Failed> {
    if !memory::is_up() {
        memory::start_in(context)?;
    }
    terminal::close();
    info!("running {name}");
    if !output::keep() {
        fail!(expected: ("memory for what {name} writes"), saw: ("none on the kernel's heap"));
    }
    let before = Audit::now();
    let result = run(context.machine(), name, arguments);
    let after = Audit::now();
    let output = output::take();
    let status = match result {
        Ok(status) => status,
        Err(error) => fail!(expected: ("{name} to be started"), saw: ("{error}")),
    };
    if before != after {
        context.note(format_args!("the program {name} {status}"));
        fail!(
            expected: ("everything given back when all processes had ended"),
            saw: ("{}", Difference { before, now: after })
        );
    }
    Ok(Ending { status, output })
}
