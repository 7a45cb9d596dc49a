//! The machine's physical memory, and the kernel's access to it.

use mm_api::layout::{DIRECT_MAP_SIZE, KERNEL_BASE};
use mm_api::{PhysAddr, VirtAddr};

use crate::arch::fill;

pub mod boot_box;
pub mod lender;
pub mod paged;
pub mod reach;
pub mod scratch;
pub mod user;

/// Copies `from` to `to`, with about one instruction for every four bytes.
///
/// # Panics
/// If the slices differ in length.
#[track_caller]
pub fn copy(to: &mut [u8], from: &[u8]) {
    fill::copy(to, from);
}

/// Fills all of `bytes` with zeros, with about one instruction for every four bytes.
pub fn zero(bytes: &mut [u8]) {
    fill::zeros(bytes);
}

/// Whether all of `bytes` are zero, with about five instructions for every sixteen bytes.
#[must_use]
pub fn is_zero(bytes: &[u8]) -> bool {
    let (first, middle, last) = bytemuck::pod_align_to::<u8, u32>(bytes);
    let (blocks, rest) = middle.as_chunks::<16>();
    // A block is checked without a branch for each of its words.
    blocks.iter().all(|block| block.iter().fold(0, |all, word| all | word) == 0)
        && rest.iter().all(|&word| word == 0)
        && first.iter().chain(last).all(|&byte| byte == 0)
}

/// The virtual address at which the direct map shows the byte at `address`; `None` past the end of
/// the direct map.
#[must_use]
#[inline]
pub const fn direct(address: PhysAddr) -> Option<VirtAddr> {
    if address.as_u32() < DIRECT_MAP_SIZE { KERNEL_BASE.checked_add(address.as_u32()) } else { None }
}

/// The physical address of a virtual address in the direct map, which contains the kernel's image.
pub(crate) fn physical(address: VirtAddr) -> PhysAddr {
    PhysAddr::new(address - KERNEL_BASE)
}
