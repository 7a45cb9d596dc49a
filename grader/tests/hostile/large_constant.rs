//! labs/01-pmm/src/bitmap.rs could_not_build larger than 256 MiB
//!
//! Bytes that fill the disk.

/// 10 GB are more than the address space of the kernel, 2 GB are not.
pub static FILLER: [u8; 2_000_000_000] = [1; 2_000_000_000];
