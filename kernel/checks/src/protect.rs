//! Lab 06: the checks of protection.
//!
//! The checks ask lab 06 for its decisions, and try what the processor enforces. Each
//! protection has a check that tries to break it, in ring 0 or in ring 3, and has to be stopped.
//! If nothing stops a write, it changes nothing: the kernel writes the value that is there already.

use crate::check::{Check, Context, Outcome};

mod copying;
mod faults;
mod kernel;
mod list;
mod outside;
mod programs;
mod regions;
pub mod supervisor;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "protect", name, run }
}

/// All checks of this lab, in the order of `lab.toml`.
pub const CHECKS: &[Check] = &[
    check("section-rights", kernel::section_rights),
    check("enforce-all", kernel::enforce_all),
    check("code-read-only", kernel::code_read_only),
    check("constants-read-only", kernel::constants_read_only),
    check("kernel-half-closed", kernel::kernel_half_closed),
    check("smep-stops", supervisor::smep_stops),
    check("smap-stops", supervisor::smap_stops),
    check("umip-stops", programs::umip_stops),
    check("machine-rights", outside::machine_rights),
    check("copy-pieces", copying::copy_pieces),
    check("copy-range", copying::copy_range),
    check("copy-half-way", copying::copy_half_way),
    check("copy-nothing", copying::copy_nothing),
    check("copy-programs", programs::copy_programs),
    check("fault-refused", faults::fault_refused),
    check("fault-order", faults::fault_order),
    check("fault-resolved", faults::fault_resolved),
    check("fault-programs", programs::fault_programs),
    check("mprotect-whole", regions::mprotect_whole),
    check("mprotect-cuts", regions::mprotect_cuts),
    check("mprotect-merges", regions::mprotect_merges),
    check("mprotect-refused", regions::mprotect_refused),
    check("mprotect-mix", regions::mprotect_mix),
    check("mprotect-programs", programs::mprotect_programs),
];
