//! System calls: the number in EAX, arguments in EBX, ECX, EDX, ESI and EDI, the
//! answer in EAX.

mod lifecycle;
mod meminfo;
mod memory;
mod terminal;
mod time;

use abi::{Errno, SystemCall};
use mm_api::VirtAddr;

use super::process::{Event, State};
use super::system::System;

/// Bytes of `int 0x80`.
const INSTRUCTION: u32 = 2;

/// What becomes of a process that called.
enum Done {
    /// It goes on with this answer.
    Answer(u32),
    /// It goes on with this answer when it is its turn again.
    Yield(u32),
    /// It waits, and then makes the same call once more.
    Retry(Event),
    /// It waits, and then goes on with this answer.
    Wait(Event, u32),
    /// It has ended, or goes on with registers of another program.
    Gone,
}

/// What a call answers.
type Answer = Result<Done, Errno>;

/// The arguments of a call.
struct Arguments {
    ebx: u32,
    ecx: u32,
    edx: u32,
    esi: u32,
}

/// Does what the process that runs asks for. Returns whether it may go on at once.
pub fn handle(system: &mut System) -> bool {
    let frame = &system.current().frame;
    let number = frame.eax;
    let arguments = Arguments { ebx: frame.ebx, ecx: frame.ecx, edx: frame.edx, esi: frame.esi };
    let answer = match SystemCall::new(number) {
        Some(call) => dispatch(system, call, &arguments),
        None => Err(Errno::ENOSYS),
    };
    match answer {
        Ok(Done::Gone) => true,
        Ok(Done::Answer(value)) => settle(system, value, State::Ready),
        Ok(Done::Yield(value)) => {
            settle(system, value, State::Ready);
            false
        }
        Ok(Done::Wait(event, value)) => settle(system, value, State::Waiting(event)),
        Ok(Done::Retry(event)) => {
            // EAX still holds the number. That the instruction before is the one
            // that called is certain: programs cannot change each other's code.
            let process = system.current();
            process.frame.eip = process.frame.eip.wrapping_sub(INSTRUCTION);
            process.state = State::Waiting(event);
            true
        }
        Err(error) => settle(system, error.to_eax(), State::Ready),
    }
}

/// Notes the answer.
fn settle(system: &mut System, answer: u32, state: State) -> bool {
    let process = system.current();
    process.frame.eax = answer;
    process.state = state;
    true
}

fn dispatch(system: &mut System, call: SystemCall, arguments: &Arguments) -> Answer {
    let Arguments { ebx, ecx, edx, esi } = *arguments;
    match call {
        SystemCall::Exit => lifecycle::exit(system, ebx),
        SystemCall::Fork => lifecycle::fork(system),
        SystemCall::Waitpid => lifecycle::waitpid(system, ebx, VirtAddr::new(ecx), edx),
        SystemCall::Execve => lifecycle::execve(system, VirtAddr::new(ebx), VirtAddr::new(ecx), VirtAddr::new(edx)),
        SystemCall::Getpid => Ok(Done::Answer(system.current().pid.as_u32())),
        SystemCall::SchedYield => Ok(Done::Yield(0)),
        SystemCall::Read => terminal::read(system, ebx, VirtAddr::new(ecx), edx),
        SystemCall::Write => terminal::write(system, ebx, VirtAddr::new(ecx), edx),
        SystemCall::Brk => memory::brk(system, VirtAddr::new(ebx)),
        SystemCall::Sbrk => memory::sbrk(system, ebx),
        SystemCall::Nanosleep => time::nanosleep(system, VirtAddr::new(ebx)),
        SystemCall::Meminfo => meminfo::meminfo(system, ebx, VirtAddr::new(ecx), edx, esi),
    }
}
