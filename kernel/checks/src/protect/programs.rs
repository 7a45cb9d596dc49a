//! Checks that programs make, in ring 3, of what they can and cannot do.

use crate::check::{Context, Failed, Outcome};
use crate::programs::ensure_rules;
use kernel_core::protection;

/// A program cannot ask where the kernel's tables are.
pub fn umip_stops(context: &mut Context) -> Outcome {
    if !protection::features().umip {
        return Err(Failed::lacking("UMIP"));
    }
    ensure_rules(context, "protect-test", &["tables"])
}

/// A system call takes every pointer that a program may use, and no other.
pub fn copy_programs(context: &mut Context) -> Outcome {
    ensure_rules(context, "protect-test", &["pointers", "half-way", "alignment-check"])
}

/// What a program may not do ends it, and what it may do goes on.
pub fn fault_programs(context: &mut Context) -> Outcome {
    ensure_rules(context, "protect-test", &["kernel-half", "null", "guard", "image", "on-demand"])
}

/// `mprotect` on parts of a program's memory.
pub fn mprotect_programs(context: &mut Context) -> Outcome {
    ensure_rules(context, "protect-test", &["mprotect", "mprotect-refused", "mprotect-fork"])
}
