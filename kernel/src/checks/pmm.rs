//! Lab 01: the checks of the physical memory manager.

use kernel_core::check::Check;

/// All of them.
pub const CHECKS: &[Check] = &[];
