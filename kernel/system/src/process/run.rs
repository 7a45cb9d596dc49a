//! Runs the first program, and every process that descends from it, until the first one ends.

use abi::WaitStatus;
use kernel_core::machine::{Machine, Module};
use kernel_core::trap;
use spin::MutexGuard;

use super::arguments::Command;
use super::handler::{SYSTEM, Traps};
use super::process::{Name, Pid};
use super::program;
use super::scheduler::TICKS_PER_SECOND;
use super::spawn_error::SpawnError;
use super::system::System;
use super::terminal;

/// Runs a program as the first process, and returns how it ended. When it ends, all other processes
/// end too. The memory has to be up.
///
/// # Errors
/// See [`SpawnError`].
pub fn run(machine: &'static Machine, name: &str, arguments: &[&str]) -> Result<WaitStatus, SpawnError> {
    let mut system = System::new(machine);
    let Module { name, bytes } = system.program(name).ok_or(SpawnError::NoSuchProgram)?;
    let command = Command::from_kernel(name, arguments).map_err(SpawnError::Arguments)?;
    let first = system.add(Pid::NOBODY, Name::new(name), |_| program::load(bytes, &command));
    drop(command);
    let first = first?;
    system.begin_with(first);
    let frame = *system.current().frame();
    *lock_system() = Some(system);

    trap::set_handler(&Traps);
    trap::start_timer(TICKS_PER_SECOND);
    trap::enable_serial_interrupt();
    // Input that was typed while the machine started.
    terminal::receive();
    trap::run(&frame);

    let Some(mut system) = lock_system().take() else { unreachable!("the processes were there before") };
    system.reap();
    let Some(status) = system.ended() else { unreachable!("ring 3 is left when the first process has ended") };
    Ok(status)
}

/// Locks the processes while no trap handler works with them.
fn lock_system() -> MutexGuard<'static, Option<System>> {
    SYSTEM.try_lock().expect("the processes are started or ended outside of any trap")
}
