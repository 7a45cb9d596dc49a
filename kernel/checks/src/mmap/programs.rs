//! Checks that programs make in ring 3: `mmap-test` tests its own mappings, rule by
//! rule, on a kernel that this lab is part of.

use crate::check::{Context, Outcome};
use crate::programs::ensure_rules;

/// The system calls return what Linux's do.
pub fn program_mmap(context: &mut Context) -> Outcome {
    ensure_rules(context, "mmap-test", &["anonymous", "places", "hints", "fixed", "noreplace", "refused", "munmap"])
}

/// A page gets memory when the program touches it, or the kernel touches it for the program.
pub fn program_demand(context: &mut Context) -> Outcome {
    ensure_rules(context, "mmap-test", &["demand", "system-calls", "protect", "large"])
}

/// A fork copies no page, and no program can tell.
pub fn program_fork(context: &mut Context) -> Outcome {
    ensure_rules(context, "mmap-test", &["fork-private", "fork-shared", "fork-large", "fork-everything"])
}

/// If there is no frame, the program that needs one ends, and no other.
pub fn program_no_frames(context: &mut Context) -> Outcome {
    ensure_rules(context, "mmap-test", &["no-frames", "no-frames-call"])
}
