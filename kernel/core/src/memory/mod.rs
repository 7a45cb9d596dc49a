//! The machine's physical memory, and how the kernel reaches it.

use mm_api::layout::{DIRECT_MAP_SIZE, KERNEL_BASE};
use mm_api::{PhysAddr, VirtAddr};

pub mod boot_box;
pub mod lender;
pub mod paged;
pub mod reach;
pub mod scratch;
pub mod user;

/// Where the direct map shows the byte at `address`, or `None` past its end.
#[must_use]
pub const fn direct(address: PhysAddr) -> Option<VirtAddr> {
    if address.as_u32() < DIRECT_MAP_SIZE { KERNEL_BASE.checked_add(address.as_u32()) } else { None }
}

/// The physical address of what the direct map, or the kernel's image, has at
/// `address`.
pub(crate) fn physical(address: VirtAddr) -> PhysAddr {
    PhysAddr::new(address - KERNEL_BASE)
}
