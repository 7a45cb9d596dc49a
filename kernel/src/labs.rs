//! The labs' types, under the names that the kernel and its checks use.
//!
//! This is the only file of the kernel that names a lab. Which of them are the
//! student's and which are the reference is decided by cargo's features.

/// Lab 01: the physical memory manager.
pub use pmm::Pmm as FrameAllocator;

/// Lab 02: the virtual memory manager.
pub use vmm::Vmm as VirtualMemoryManager;
