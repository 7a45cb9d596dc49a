//! The kernel below the labs.
//!
//! Booting, the console, crashes, the machine's memory, and the frame that the
//! checks run in. Nothing here knows a lab: when a student saves, this crate
//! stays as it was built, and only the lab and the kernel's binary are built
//! again.
#![no_std]

mod arch;
mod backtrace;
mod boot_info;
pub mod check;
pub mod command_line;
pub mod console;
mod crash;
pub mod machine;
mod machine_end;
pub mod memory;
mod report;
pub mod rng;
#[doc(hidden)]
pub mod start;
mod watchdog;

pub use arch::{interrupts, provoke, trap};
/// The screen, for pictures.
pub mod screen {
    pub use crate::console::vga::{COLUMNS, Colour, ROWS, divide, draw, is_present};
}

pub use boot_info::BootError;
pub use boot_info::self_test::run as test_boot_info;
pub use crash::{Explain, explain_panics};
pub use machine_end::{idle, shut_down};
