//! Arguments of `mmap2`, `munmap` and `mprotect`, with Linux's numbers.

/// The program may read.
pub const PROT_READ: u32 = 1;
/// The program may write.
pub const PROT_WRITE: u32 = 2;
/// The program may execute.
pub const PROT_EXEC: u32 = 4;

/// All processes that share the mapping since a fork see what one of them writes.
pub const MAP_SHARED: u32 = 1;
/// No other process sees the program's writes.
pub const MAP_PRIVATE: u32 = 2;
/// The bits of the type: exactly one of [`MAP_SHARED`] and [`MAP_PRIVATE`] must be given.
pub const MAP_TYPE: u32 = 0xF;
/// The mapping begins at this very address, and replaces mappings that are there.
pub const MAP_FIXED: u32 = 0x10;
/// The mapping is zeroed memory, not a file. This kernel has no other mappings.
pub const MAP_ANONYMOUS: u32 = 0x20;
/// The mapping begins at this very address, and the call fails if something is there.
pub const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;
