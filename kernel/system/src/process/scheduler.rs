//! The scheduler: the ready processes run in turn, each for one tick of the timer at a time.

use kernel_core::trap;

use super::process::{Event, Pid, State};
use super::system::System;
use super::terminal;

/// Ticks of the timer in a second.
pub const TICKS_PER_SECOND: u32 = 100;

/// Whose turn it is after a trap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// The same process goes on, if it can run.
    Stays,
    /// The next ready process runs.
    Passes,
}

impl System {
    /// Chooses the process that runs next. While no process can run, the kernel waits.
    pub fn schedule(&mut self, turn: Turn) {
        loop {
            self.wake();
            if self.ended().is_some() {
                return;
            }
            self.refresh_picture();
            let current = self.current_slot();
            if turn == Turn::Stays && self.table().at(current).is_ready() {
                return;
            }
            // The current process itself comes last in the round.
            if let Some(next) = self.table().next_ready(current) {
                return self.switch_to(next);
            }
            trap::wait_for_interrupt();
        }
    }

    /// Wakes processes whose event has occurred. The end of a child wakes its parent elsewhere.
    fn wake(&mut self) {
        if terminal::take_interrupt() {
            self.interrupt();
        }
        self.table_mut().wake_sleepers(trap::ticks());
        self.table_mut().wake_readers(terminal::has_input);
    }

    /// Handles ^C: kills the program that the first process waits for, with all its descendants. If
    /// the first process reads instead, it gets an empty line, so that a shell shows its prompt
    /// again.
    fn interrupt(&mut self) {
        let first = self.table().find(Pid::FIRST).map(|slot| self.table().at(slot).state());
        match first {
            Some(State::Waiting(Event::Child(Some(child)))) => self.kill_family(child),
            // A shell that is ready may have printed its prompt and be about to read.
            Some(State::Waiting(Event::Input) | State::Ready) => terminal::give_empty_line(),
            _ => {}
        }
    }
}
