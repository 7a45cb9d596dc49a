//! The handler of traps, which runs whenever a program is interrupted.

use kernel_core::trap::{self, Handler, Trap, TrapFrame};
use spin::Mutex;

use super::scheduler::Turn;
use super::system::System;
use super::{calls, fault, terminal};

/// The processes, while there are any.
pub static SYSTEM: Mutex<Option<System>> = Mutex::new(None);

/// Handles traps for the processes in [`SYSTEM`].
pub struct Traps;

impl Handler for Traps {
    fn from_user(&self, trap: Trap, frame: &mut TrapFrame) {
        let mut guard = SYSTEM.try_lock().expect("the kernel is not interrupted while it works for a process");
        let system = guard.as_mut().expect("what runs in ring 3 is a process");
        system.reap();
        *system.current().frame_mut() = *frame;
        let turn = match trap {
            Trap::SystemCall => calls::handle(system),
            Trap::Timer => {
                system.current().count_tick();
                Turn::Passes
            }
            Trap::Serial => {
                terminal::receive();
                Turn::Stays
            }
            Trap::Fault { vector, error_code, address } => {
                fault::handle(system, &fault::Fault { vector, error_code, address });
                Turn::Stays
            }
        };
        system.schedule(turn);
        if system.ended().is_some() {
            trap::leave();
        } else {
            *frame = *system.current().frame();
        }
    }

    fn from_kernel(&self, trap: Trap) {
        // Ticks are counted already; the kernel looks at them when it goes on.
        if trap == Trap::Serial {
            terminal::receive();
        }
    }
}
