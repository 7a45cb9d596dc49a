//! Lab 05: the checks of the stacks, those of processes and those of the kernel.
//!
//! Each of them tests the contracts of [`mm_api::UserStack`] and
//! [`mm_api::KernelStacks`] in a real address space: the stacks are made of pages
//! of lab 02's directories, what is in them is read by the processor, and what is
//! mapped is found out by a walk through the tables, never by asking the lab.

use kernel_core::check::{Check, Context, Outcome};

mod growing;
mod subject;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "stack", name, run }
}

/// All of them, in the order of `lab.toml`.
pub const CHECKS: &[Check] =
    &[check("stack-create", growing::stack_create), check("stack-zeroed", growing::stack_zeroed)];
