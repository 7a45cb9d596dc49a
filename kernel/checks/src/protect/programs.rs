//! Checks that programs make, in ring 3, of what they may and may not do.

use crate::check::{Context, Failed, Outcome};
use crate::programs::ensure_rules;
use kernel_core::protection;

use super::supervisor::ensure_chosen;

/// A program cannot read where the kernel's tables are.
pub fn umip_stops(context: &mut Context) -> Outcome {
    if !protection::features().umip {
        return Err(Failed::lacking("UMIP"));
    }
    ensure_chosen(context, "UMIP", |on| on.umip)?;
    ensure_rules(context, "protect-test", &["tables"])
}

/// A system call takes every pointer that a program may use, and no other.
pub fn copy_programs(context: &mut Context) -> Outcome {
    ensure_rules(context, "protect-test", &["pointers", "half-way", "alignment-check"])
}

/// A forbidden access ends the program; an allowed one succeeds.
pub fn fault_programs(context: &mut Context) -> Outcome {
    ensure_rules(context, "protect-test", &["kernel-half", "null", "guard", "image", "on-demand"])
}

/// `mprotect` on parts of a program's memory.
pub fn mprotect_programs(context: &mut Context) -> Outcome {
    ensure_rules(context, "protect-test", &["mprotect", "mprotect-refused", "mprotect-fork"])
}
