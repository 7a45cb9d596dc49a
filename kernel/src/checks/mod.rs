//! The checks, one file a lab. What they are worth, and what the student reads
//! about them, is in each lab's `lab.toml`.

use kernel_core::check::Check;

mod harness;
mod pmm;

/// Every lab's checks.
pub const ALL: &[&[Check]] = &[pmm::CHECKS, harness::CHECKS];
