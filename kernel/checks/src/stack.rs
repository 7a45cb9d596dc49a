//! Lab 05: the checks of the stacks, those of processes and those of the kernel.
//!
//! Each of them tests the contracts of [`mm_api::UserStack`] and
//! [`mm_api::KernelStacks`] in a real address space: the stacks are made of pages
//! of lab 02's directories, the processor reads their contents, and a walk through the
//! tables finds out which pages are mapped; the lab is never asked. Then the whole
//! system runs on these stacks, and programs test their own.

use crate::check::{Check, Context, Outcome};

mod arguments;
mod copying;
mod frame;
mod growing;
mod kernel;
mod mixed;
mod programs;
mod refusing;
mod subject;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "stack", name, run }
}

/// All checks of this lab, in the order of `lab.toml`.
pub const CHECKS: &[Check] = &[
    check("stack-create", growing::stack_create),
    check("stack-zeroed", growing::stack_zeroed),
    check("stack-destroyed", growing::stack_destroyed),
    check("stack-grows", growing::stack_grows),
    check("stack-no-gap", growing::stack_no_gap),
    check("stack-limit", growing::stack_limit),
    check("initial-frame", arguments::initial_frame),
    check("frame-empty-lists", arguments::frame_empty_lists),
    check("frame-aligned", arguments::frame_aligned),
    check("frame-strings", arguments::frame_strings),
    check("frame-grows", arguments::frame_grows),
    check("frame-too-large", arguments::frame_too_large),
    check("stack-fork", copying::stack_fork),
    check("stack-undone", refusing::stack_undone),
    check("kernel-stack", kernel::kernel_stack),
    check("kernel-stack-places", kernel::kernel_stack_places),
    check("kernel-stack-reuse", kernel::kernel_stack_reuse),
    check("kernel-stack-undone", kernel::kernel_stack_undone),
    check("program-arguments", programs::program_arguments),
    check("program-recursion", programs::program_recursion),
    check("program-overflow", programs::program_overflow),
    check("program-stacks-apart", programs::program_stacks_apart),
    check("stack-mix", mixed::stack_mix),
];
