//! `exit`, `fork`, `execve` and `waitpid`.

use abi::{Errno, WNOHANG, WaitStatus};
use kernel_core::machine::Module;
use log::warn;
use mm_api::VirtAddr;

use super::{Answer, Done};
use crate::process::arguments::Command;
use crate::process::process::{Event, Name, Pid, Process};
use crate::process::program;
use crate::process::spawn_error::SpawnError;
use crate::process::system::System;
use crate::process::user_memory::copy_out;

/// Ends the calling process.
pub fn exit(system: &mut System, code: u32) -> Answer {
    let slot = system.current_slot();
    // Only the low eight bits count, as on Unix.
    system.end(slot, WaitStatus::exited(code as u8));
    Ok(Done::Gone)
}

/// Copies the calling process.
pub fn fork(system: &mut System) -> Answer {
    let process = system.current();
    let (pid, name, mut frame) = (process.pid(), *process.name(), *process.frame());
    frame.eax = 0;
    let child = system.add(pid, name, |system| Ok((system.space().fork()?, frame)))?;
    Ok(Done::Answer(child.as_u32()))
}

/// Runs another program in the calling process.
pub fn execve(system: &mut System, path: VirtAddr, argv: VirtAddr, envp: VirtAddr) -> Answer {
    let command = Command::copy_in(system.space(), path, argv, envp)?;
    let Module { name, bytes } = system.program(command.program()).ok_or(Errno::ENOENT)?;
    let loaded = program::load(bytes, &command);
    if let Err(error @ SpawnError::NotAProgram(_)) = loaded {
        // The caller learns only the error number.
        warn!("{name} cannot be run: {error}");
    }
    let (space, frame) = loaded?;
    drop(command);
    let old = system.current().exec(Name::new(name), frame, space);
    system.space().activate();
    old.destroy();
    Ok(Done::Gone)
}

/// Reaps a child. If none has ended, the caller waits, unless `options` has `WNOHANG`.
pub fn waitpid(system: &mut System, pid: u32, status: VirtAddr, options: u32) -> Answer {
    if options & !WNOHANG != 0 {
        return Err(Errno::EINVAL);
    }
    // There are no process groups: 0 and −1 both mean any child, and no child has another negative
    // number.
    let child = match pid.cast_signed() {
        -1 | 0 => None,
        _ => Some(Pid::new(pid).ok_or(Errno::ECHILD)?),
    };
    let parent = system.current().pid();
    let is_meant = |process: &Process| process.is_child_of(parent) && child.is_none_or(|child| process.pid() == child);
    if !system.table().iter().any(is_meant) {
        return Err(Errno::ECHILD);
    }
    let zombie = system.table().position(|process| is_meant(process) && process.status().is_some());
    let Some(slot) = zombie else {
        return Ok(if options & WNOHANG == 0 { Done::Retry(Event::Child(child)) } else { Done::Answer(0) });
    };
    let zombie = system.table().at(slot);
    let (pid, how) = (zombie.pid(), zombie.status());
    if status != VirtAddr::new(0) {
        // If the copy fails the zombie stays, and its parent can ask again.
        let word = how.map_or(0, WaitStatus::word);
        copy_out(system.space(), status, &word.to_le_bytes())?;
    }
    system.table_mut().remove(slot);
    Ok(Done::Answer(pid.as_u32()))
}
