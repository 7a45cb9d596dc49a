//! Lab 04: the checks of a process's heap.
//!
//! Each of them has real processes: page directories that are loaded, and a
//! program in ring 3 that reads and writes. Which pages a process has is found out
//! by a walk through its tables, never by asking the heap.

use kernel_core::check::{Check, Context, Outcome};

mod building;
mod subject;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "process-heap", name, run }
}

/// All of them, in the order of `lab.toml`.
pub const CHECKS: &[Check] =
    &[check("heap-start", building::heap_start), check("heap-no-room", building::heap_no_room)];
