//! Limits that no honest machine exceeds.

/// The most output that a machine may print, in bytes. A machine that prints more is stopped.
pub const MOST_OUTPUT: usize = 256 << 10;

/// No check stops more often than this.
pub const MOST_CHECKPOINTS: usize = 64;
