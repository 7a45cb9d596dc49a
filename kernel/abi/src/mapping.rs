//! What `mmap2`, `munmap` and `mprotect` take, with Linux's numbers.

/// The program may read.
pub const PROT_READ: u32 = 1;
/// The program may write.
pub const PROT_WRITE: u32 = 2;
/// The program may execute.
pub const PROT_EXEC: u32 = 4;

/// What is written is seen by all that have the mapping since a fork.
pub const MAP_SHARED: u32 = 1;
/// What is written is seen by nobody else.
pub const MAP_PRIVATE: u32 = 2;
/// The bits that say which of the two: exactly one has to be.
pub const MAP_TYPE: u32 = 0xF;
/// At this address, in the place of what is there.
pub const MAP_FIXED: u32 = 0x10;
/// Memory that is zero, and not a file. There are no others here.
pub const MAP_ANONYMOUS: u32 = 0x20;
/// At this address, if nothing is there.
pub const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;
