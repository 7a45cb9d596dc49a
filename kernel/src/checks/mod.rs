//! The checks, one file a lab. What they are worth, and what the student reads
//! about them, is in each lab's `lab.toml`.
#![forbid(unsafe_code)]

use kernel_core::check::{Check, names_are_sound};

mod harness;
mod heap;
mod pmm;
mod process_heap;
mod programs;
mod stack;
mod vmm;

/// Every lab's checks.
pub const ALL: &[&[Check]] =
    &[pmm::CHECKS, vmm::CHECKS, heap::CHECKS, process_heap::CHECKS, stack::CHECKS, harness::CHECKS];

const _: () = assert!(names_are_sound(ALL), "a check's name is there twice, or is not made of a-z, 0-9 and -");
