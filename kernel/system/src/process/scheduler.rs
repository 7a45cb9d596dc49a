//! Who runs: each in turn, for one tick of the timer at a time.

use kernel_core::trap;

use super::process::{Event, Pid, State};
use super::system::System;
use super::terminal;

/// Ticks of the timer in a second.
pub const TICKS_PER_SECOND: u32 = 100;

impl System {
    /// Chooses who goes on: the process that runs, if it can and `keep` says so, or
    /// else the next one. While nobody can, the kernel waits.
    pub fn schedule(&mut self, keep: bool) {
        loop {
            self.wake();
            if self.ended().is_some() {
                return;
            }
            self.refresh_picture();
            let current = self.current_slot();
            if keep && self.table.at(current).state == State::Ready {
                return;
            }
            // The process itself comes last in the round.
            if let Some(next) = self.table.next_ready(current) {
                return self.switch_to(next);
            }
            trap::wait_for_interrupt();
        }
    }

    /// Wakes those for whom what they wait for has come.
    fn wake(&mut self) {
        if terminal::take_interrupt() {
            self.interrupt();
        }
        let (now, has_input) = (trap::ticks(), terminal::has_input());
        for process in self.table.iter_mut() {
            let has_come = match process.state {
                State::Waiting(Event::Tick(tick)) => tick <= now,
                State::Waiting(Event::Input) => has_input,
                // Whoever ends wakes its parent.
                State::Waiting(Event::Child(_)) | State::Ready | State::Ended(_) => false,
            };
            if has_come {
                process.state = State::Ready;
            }
        }
    }

    /// ^C: stops the program that the first process waits for, and all that it started.
    fn interrupt(&mut self) {
        let first = self.table.find(Pid::FIRST).map(|slot| self.table.at(slot).state);
        if let Some(State::Waiting(Event::Child(Some(child)))) = first {
            self.kill_family(child);
        }
    }
}
