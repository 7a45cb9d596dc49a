//! System calls: the number arrives in EAX and the arguments in EBX, ECX, EDX, ESI and EDI; the
//! answer goes back in EAX.

mod lifecycle;
mod meminfo;
mod memory;
mod terminal;
mod time;

use abi::{Errno, SystemCall};
use mm_api::VirtAddr;

use super::process::Event;
use super::scheduler::Turn;
use super::system::System;

/// The length in bytes of `int 0x80`.
const INSTRUCTION: u32 = 2;

/// How the calling process goes on.
enum Done {
    /// At once, with this answer.
    Answer(u32),
    /// With this answer, when it is its turn again.
    Yield(u32),
    /// It waits for the event, and then makes the same call once more.
    Retry(Event),
    /// It waits for the event, and then goes on with this answer.
    Wait(Event, u32),
    /// It has ended, or goes on with the registers of another program.
    Gone,
}

/// The outcome of a call: how the caller goes on, or an error for it.
type Answer = Result<Done, Errno>;

/// The arguments of a call.
struct Arguments {
    ebx: u32,
    ecx: u32,
    edx: u32,
    esi: u32,
    edi: u32,
}

/// Carries out the system call of the running process. Returns whose turn it is afterwards.
pub fn handle(system: &mut System) -> Turn {
    let frame = system.current().frame();
    let number = frame.eax;
    let arguments = Arguments { ebx: frame.ebx, ecx: frame.ecx, edx: frame.edx, esi: frame.esi, edi: frame.edi };
    let answer = match SystemCall::new(number) {
        Some(call) => dispatch(system, call, &arguments),
        None => Err(Errno::ENOSYS),
    };
    match answer {
        Ok(Done::Gone) => {}
        Ok(Done::Answer(value)) => system.current().frame_mut().eax = value,
        Ok(Done::Yield(value)) => {
            system.current().frame_mut().eax = value;
            return Turn::Passes;
        }
        Ok(Done::Wait(event, value)) => {
            system.current().frame_mut().eax = value;
            system.wait_for(event);
        }
        Ok(Done::Retry(event)) => {
            // EAX still holds the number. The instruction before EIP is certainly the one that made
            // the call: programs cannot change each other's code.
            let frame = system.current().frame_mut();
            frame.eip = frame.eip.wrapping_sub(INSTRUCTION);
            system.wait_for(event);
        }
        Err(error) => system.current().frame_mut().eax = error.to_eax(),
    }
    Turn::Stays
}

fn dispatch(system: &mut System, call: SystemCall, arguments: &Arguments) -> Answer {
    let Arguments { ebx, ecx, edx, esi, edi } = *arguments;
    match call {
        SystemCall::Exit => lifecycle::exit(system, ebx),
        SystemCall::Fork => lifecycle::fork(system),
        SystemCall::Waitpid => lifecycle::waitpid(system, ebx, VirtAddr::new(ecx), edx),
        SystemCall::Execve => lifecycle::execve(system, VirtAddr::new(ebx), VirtAddr::new(ecx), VirtAddr::new(edx)),
        SystemCall::Getpid => Ok(Done::Answer(system.current().pid().as_u32())),
        SystemCall::SchedYield => Ok(Done::Yield(0)),
        SystemCall::Read => terminal::read(system, ebx, VirtAddr::new(ecx), edx),
        SystemCall::Write => terminal::write(system, ebx, VirtAddr::new(ecx), edx),
        SystemCall::Brk => memory::brk(system, VirtAddr::new(ebx)),
        SystemCall::Sbrk => memory::sbrk(system, ebx),
        SystemCall::Mmap2 => memory::mmap2(system, VirtAddr::new(ebx), ecx, [edx, esi, edi]),
        SystemCall::Munmap => memory::munmap(system, VirtAddr::new(ebx), ecx),
        SystemCall::Mprotect => memory::mprotect(system, VirtAddr::new(ebx), ecx, edx),
        SystemCall::Nanosleep => time::nanosleep(system, VirtAddr::new(ebx)),
        SystemCall::Meminfo => meminfo::meminfo(system, ebx, VirtAddr::new(ecx), edx, esi),
    }
}
