//! The fixed addresses of the machine and of the kernel's address space.
//!
//! ```text
//! 0xFFFF_FFFF ┌─────────────────────────────┐
//!             │ free (a page directory may  │
//!             │ map itself here)            │
//! 0xFFC0_0000 ├─────────────────────────────┤ SELF_MAP_START = TEMPORARY_END
//!             │ temporary mappings          │
//! 0xFF80_0000 ├─────────────────────────────┤ TEMPORARY_START = KERNEL_STACKS_END
//!             │ kernel stacks, one for each │
//!             │ process                     │
//! 0xFC00_0000 ├─────────────────────────────┤ KERNEL_STACKS_START = KERNEL_HEAP_END
//!             │ the kernel's heap           │
//! 0xF800_0000 ├─────────────────────────────┤ KERNEL_HEAP_START = KERNEL_VIRTUAL_END
//!             │ kernel virtual allocations  │
//! 0xF000_0000 ├─────────────────────────────┤ KERNEL_VIRTUAL_START
//!             │ direct map: physical        │
//!             │ addresses 0 … 768 MiB       │
//! 0xC000_0000 ├─────────────────────────────┤ KERNEL_BASE = USER_SPACE_END
//!             │ user space                  │
//! 0x0000_0000 └─────────────────────────────┘
//! ```

use crate::VirtAddr;

/// Bytes in a frame of physical memory and in a page of virtual memory.
pub const PAGE_SIZE: u32 = abi::PAGE_SIZE;

/// `PAGE_SIZE` is two to this power.
pub const PAGE_SHIFT: u32 = 12;

/// How many frames 4 GiB of physical addresses hold: frame numbers are below this.
pub const FRAME_COUNT: u32 = 1 << (32 - PAGE_SHIFT);

/// Where the kernel half of every address space begins. The direct map starts
/// here: physical address `p` is seen at `KERNEL_BASE + p`.
pub const KERNEL_BASE: VirtAddr = VirtAddr::new(0xC000_0000);

/// Bytes of physical memory that the direct map can cover: 768 MiB.
pub const DIRECT_MAP_SIZE: u32 = 0x3000_0000;

/// Where the kernel's own virtual allocations begin.
pub const KERNEL_VIRTUAL_START: VirtAddr = VirtAddr::new(0xF000_0000);

/// The first address after the kernel's own virtual allocations.
pub const KERNEL_VIRTUAL_END: VirtAddr = VirtAddr::new(0xF800_0000);

/// Where the kernel's heap begins, which grows and shrinks at its end.
pub const KERNEL_HEAP_START: VirtAddr = VirtAddr::new(0xF800_0000);

/// The first address that the kernel's heap can never reach.
pub const KERNEL_HEAP_END: VirtAddr = VirtAddr::new(0xFC00_0000);

/// Where the kernel's stacks begin, one for each process.
pub const KERNEL_STACKS_START: VirtAddr = VirtAddr::new(0xFC00_0000);

/// The first address after the kernel's stacks.
pub const KERNEL_STACKS_END: VirtAddr = VirtAddr::new(0xFF80_0000);

/// Where temporary mappings of frames outside the direct map begin.
pub const TEMPORARY_START: VirtAddr = VirtAddr::new(0xFF80_0000);

/// The first address after the temporary mappings.
pub const TEMPORARY_END: VirtAddr = VirtAddr::new(0xFFC0_0000);

/// Where a page directory may map itself: if its last entry names the directory,
/// its tables are seen from here on.
pub const SELF_MAP_START: VirtAddr = VirtAddr::new(0xFFC0_0000);

/// The first address that a user program cannot use.
pub const USER_SPACE_END: VirtAddr = VirtAddr::new(0xC000_0000);

/// Where a user program's image is linked.
pub const USER_CODE_START: VirtAddr = VirtAddr::new(0x0804_8000);

/// Where a user program's heap begins.
pub const USER_HEAP_START: VirtAddr = VirtAddr::new(0x1000_0000);

/// Where a user program's stack region begins.
pub const USER_STACK_START: VirtAddr = VirtAddr::new(0xBFFF_0000);

/// Bytes in a user program's stack region.
pub const USER_STACK_SIZE: u32 = 0x1_0000;

/// The first address after the region of a process's stack.
pub const USER_STACK_END: VirtAddr = VirtAddr::new(USER_STACK_START.as_u32() + USER_STACK_SIZE);

/// The page below a user program's stack region, which is never mapped.
pub const USER_STACK_GUARD: VirtAddr = VirtAddr::new(USER_STACK_START.as_u32() - PAGE_SIZE);
