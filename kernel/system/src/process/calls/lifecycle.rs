//! `exit`, `fork`, `execve` and `waitpid`.

use abi::{Errno, WNOHANG, WaitStatus};
use kernel_core::machine::Module;
use log::warn;
use mm_api::VirtAddr;

use super::{Answer, Done};
use crate::process::arguments::Command;
use crate::process::process::{Event, Name, Pid, State};
use crate::process::program;
use crate::process::refusal::Refusal;
use crate::process::system::System;
use crate::process::table::Slot;
use crate::process::user_memory::copy_out;

/// Ends the process.
pub fn exit(system: &mut System, code: u32) -> Answer {
    let slot = system.current_slot();
    // The low eight bits count, as everywhere.
    system.end(slot, WaitStatus::exited(code as u8));
    Ok(Done::Gone)
}

/// Makes a copy of the process.
pub fn fork(system: &mut System) -> Answer {
    let process = system.current();
    let (pid, name, mut frame) = (process.pid, process.name, process.frame);
    frame.eax = 0;
    let child = system.add(pid, name, |system| Ok((system.space().fork()?, frame)))?;
    Ok(Done::Answer(child.as_u32()))
}

/// Runs another program in this process.
pub fn execve(system: &mut System, path: VirtAddr, argv: VirtAddr, envp: VirtAddr) -> Answer {
    let command = Command::copy_in(system.space(), path, argv, envp)?;
    let Module { name, bytes } = system.program(command.program()).ok_or(Errno::ENOENT)?;
    let loaded = program::load(bytes, &command);
    if let Err(refusal @ Refusal::NotAProgram(_)) = loaded {
        // Whoever called is told no more than that.
        warn!("{name} cannot be run: {refusal}");
    }
    let (space, frame) = loaded?;
    drop(command);
    let name = Name::new(name);
    let process = system.current();
    process.name = name;
    process.frame = frame;
    let Some(body) = &mut process.body else { unreachable!("a process that calls has not ended") };
    let old = core::mem::replace(&mut body.space, space);
    body.space.activate();
    old.destroy();
    Ok(Done::Gone)
}

/// Tells how a child ended, or waits until one has.
pub fn waitpid(system: &mut System, pid: u32, status: VirtAddr, options: u32) -> Answer {
    if options & !WNOHANG != 0 {
        return Err(Errno::EINVAL);
    }
    // There are no groups of processes: a 0 or a −1 means any child, and no other
    // negative number means any.
    let child = match pid.cast_signed() {
        -1 | 0 => None,
        _ => Some(Pid::new(pid).ok_or(Errno::ECHILD)?),
    };
    let parent = system.current().pid;
    let is_meant = |system: &System, slot: Slot| {
        let process = system.table.at(slot);
        process.parent == parent && !process.adopted && child.is_none_or(|child| process.pid == child)
    };
    if !system.table.slots().any(|slot| is_meant(system, slot)) {
        return Err(Errno::ECHILD);
    }
    let ended = system.table.slots().filter(|&slot| is_meant(system, slot)).find_map(|slot| {
        let process = system.table.at(slot);
        match process.state {
            State::Ended(how) => Some((slot, process.pid, how)),
            State::Ready | State::Waiting(_) => None,
        }
    });
    match ended {
        Some((slot, pid, how)) => {
            if status != VirtAddr::new(0) {
                // Where that fails the child stays, to be asked about again.
                copy_out(system.space(), status, &how.word().to_le_bytes())?;
            }
            system.table.remove(slot);
            Ok(Done::Answer(pid.as_u32()))
        }
        None if options & WNOHANG != 0 => Ok(Done::Answer(0)),
        None => Ok(Done::Retry(Event::Child(child))),
    }
}
