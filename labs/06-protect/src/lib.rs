//! Lab 06: protection.
//!
//! This file is not yours to edit: it chooses between your files and the
//! reference's, and proves to the compiler that what it chose keeps the contracts'
//! signatures. Your files are [`kernel_rights.rs`](../kernel_rights.rs),
//! [`region_rights.rs`](../region_rights.rs), [`faults.rs`](../faults.rs) and
//! [`user_copy.rs`](../user_copy.rs), in this folder.
#![no_std]
#![forbid(unsafe_code)]

#[cfg_attr(feature = "solution", path = "../solution/faults.rs")]
mod faults;
#[cfg_attr(feature = "solution", path = "../solution/kernel_rights.rs")]
mod kernel_rights;
#[cfg_attr(feature = "solution", path = "../solution/region_rights.rs")]
mod region_rights;
#[cfg_attr(feature = "solution", path = "../solution/user_copy.rs")]
mod user_copy;

pub use faults::Faults;
pub use kernel_rights::KernelRights;
pub use region_rights::RegionRights;
pub use user_copy::Copies;

/// Compiles only if the four types keep the signatures of the traits.
const _: fn() = || {
    fn protects_the_kernel<T: mm_api::KernelProtection>() {}
    fn protects_regions<T: mm_api::RegionProtection>() {}
    fn decides<T: mm_api::FaultPolicy>() {}
    fn copies<T: mm_api::UserCopy>() {}
    protects_the_kernel::<KernelRights>();
    protects_regions::<RegionRights>();
    decides::<Faults>();
    copies::<Copies>();
};
