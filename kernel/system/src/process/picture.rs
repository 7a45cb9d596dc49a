//! The picture of memory beside the text on the screen.

use kernel_core::trap;

use super::scheduler::TICKS_PER_SECOND;
use super::system::System;
use crate::memory;
use crate::screen::{self, Program};

/// Ticks of the timer from one picture to the next.
const PERIOD: u64 = TICKS_PER_SECOND as u64 / 5;

impl System {
    /// Draws memory as it is now, if the last picture is old enough.
    pub fn refresh_picture(&mut self) {
        if !self.picture_is_due(trap::ticks(), PERIOD) {
            return;
        }
        let programs = self.table().iter().filter_map(|process| {
            let root = process.resources()?.space.directory().frame();
            Some(Program { pid: process.pid().as_u32(), name: process.name().as_str(), root })
        });
        memory::with(|memory| {
            screen::refresh(self.machine(), memory.machine(), memory.kernel_root(), programs);
        });
    }
}
