//! What happens when a program is interrupted.

use kernel_core::trap::{self, Handler, Trap, TrapFrame};
use spin::Mutex;

use super::system::System;
use super::{calls, fault, terminal};

/// The processes, while there are any.
pub static SYSTEM: Mutex<Option<System>> = Mutex::new(None);

/// The handler of traps.
pub struct Traps;

impl Handler for Traps {
    fn from_user(&self, trap: Trap, frame: &mut TrapFrame) {
        let mut guard = SYSTEM.try_lock().expect("the kernel is not interrupted while it works for a process");
        let system = guard.as_mut().expect("who runs in ring 3 is a process");
        system.bury();
        system.current().frame = *frame;
        let keep = match trap {
            Trap::SystemCall => calls::handle(system),
            Trap::Timer => {
                let process = system.current();
                process.ticks = process.ticks.saturating_add(1);
                false
            }
            Trap::Serial => {
                terminal::receive();
                true
            }
            Trap::Fault { vector, error_code, address } => {
                fault::handle(system, &fault::Fault { vector, error_code, address });
                true
            }
        };
        system.schedule(keep);
        if system.ended().is_some() {
            trap::leave();
        } else {
            *frame = system.current().frame;
        }
    }

    fn from_kernel(&self, trap: Trap) {
        // The timer is looked at when the kernel goes on.
        if trap == Trap::Serial {
            terminal::receive();
        }
    }
}
