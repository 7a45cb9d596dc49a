//! Checks that programs make in ring 3: `brk-test` tests its own heap, through
//! the system calls, on a kernel that this lab is part of.

use crate::check::{Context, Outcome};

use crate::programs::ensure_rules;

/// A program's heap has the right place and contents, and grows and shrinks.
pub fn program_heap(context: &mut Context) -> Outcome {
    ensure_rules(context, "brk-test", &["start", "old-break", "brk-answers", "zeroed", "kept", "pages"])
}

/// Memory past the heap's last page is not mapped, neither for the program nor for the
/// kernel that works for it.
pub fn program_faults(context: &mut Context) -> Outcome {
    ensure_rules(context, "brk-test", &["past-end", "shrunk", "system-calls"])
}

/// A refused call returns ENOMEM, and the program continues.
pub fn program_refused(context: &mut Context) -> Outcome {
    ensure_rules(context, "brk-test", &["below-start", "past-limit", "wraps", "out-of-frames", "to-the-last"])
}

/// Every program has a heap of its own: after `fork`, after `execve`, and beside
/// others.
pub fn program_heaps_apart(context: &mut Context) -> Outcome {
    ensure_rules(context, "brk-test", &["fork", "exec", "isolation"])
}
