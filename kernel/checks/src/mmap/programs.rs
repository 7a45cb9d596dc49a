//! Checks that programs make in ring 3: `mmap-test` looks at its own mappings, rule by
//! rule, and the kernel around it is the one that this lab is part of.

use crate::check::{Context, Outcome};
use crate::programs::ensure_rules;

/// The system calls answer as Linux's do.
pub fn program_mmap(context: &mut Context) -> Outcome {
    ensure_rules(context, "mmap-test", &["anonymous", "places", "hints", "fixed", "noreplace", "refused", "munmap"])
}

/// Pages come when they are touched, by the program or for it by the kernel.
pub fn program_demand(context: &mut Context) -> Outcome {
    ensure_rules(context, "mmap-test", &["demand", "system-calls", "protect", "large"])
}

/// A fork copies nothing, and nobody sees it.
pub fn program_fork(context: &mut Context) -> Outcome {
    ensure_rules(context, "mmap-test", &["fork-private", "fork-shared", "fork-large", "fork-everything"])
}

/// Without a frame, the program that needs one ends, and nobody else.
pub fn program_no_frames(context: &mut Context) -> Outcome {
    ensure_rules(context, "mmap-test", &["no-frames", "no-frames-call"])
}
