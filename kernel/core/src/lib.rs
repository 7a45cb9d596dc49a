//! The part of the kernel below the labs.
//!
//! It boots, writes to the console, reports crashes, manages the machine's memory, and holds the
//! table of the labs' components. It knows neither the labs' types nor the checks.
#![no_std]

mod arch;
mod backtrace;
mod boot_error;
pub mod boot_info;
pub mod circumstances;
pub mod command_line;
pub mod conclusion;
pub mod console;
mod crash;
pub mod labs;
pub mod machine;
pub mod machine_end;
pub mod memory;
pub mod protection;
pub mod report;
pub mod rng;
#[doc(hidden)]
pub mod start;
pub mod statics;
pub mod watchdog;
pub mod words;

pub use arch::clock::instructions;
pub use arch::{breakpoints, interrupts, provoke, trap};
/// The screen, for pictures.
pub mod screen {
    pub use crate::console::vga::{COLUMNS, Colour, ROWS, divide, draw, is_present};
}

pub use boot_error::BootError;
pub use crash::{Explain, expect_panic, explain_panics};
pub use machine_end::idle;
