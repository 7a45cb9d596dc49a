//! What no machine that means well exceeds.

/// More than this of output, in bytes, cannot be meant: the machine is stopped.
pub const MOST_OUTPUT: usize = 256 << 10;

/// No check stops more often than this.
pub const MOST_CHECKPOINTS: usize = 64;
