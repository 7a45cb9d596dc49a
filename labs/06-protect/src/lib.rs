//! Lab 06: protection.
//!
//! This file is not yours to edit: it chooses between your files and the
//! reference's, and proves to the compiler that what it chose keeps the contracts'
//! signatures. Your files are [`kernel_rights.rs`](../kernel_rights.rs),
//! [`region_rights.rs`](../region_rights.rs), [`faults.rs`](../faults.rs) and
//! [`user_copy.rs`](../user_copy.rs), in this folder.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/faults.rs")]
mod faults;
#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/kernel_rights.rs")]
mod kernel_rights;
#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/region_rights.rs")]
mod region_rights;
#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/user_copy.rs")]
mod user_copy;

#[cfg(not(feature = "compiled"))]
pub use faults::Faults;
#[cfg(not(feature = "compiled"))]
pub use kernel_rights::KernelRights;
#[cfg(not(feature = "compiled"))]
pub use region_rights::RegionRights;
#[cfg(not(feature = "compiled"))]
pub use user_copy::Copies;

/// The reference as hand-outs have it: compiled.
#[cfg(feature = "compiled")]
pub use lab_abi::components::{Copies, Faults, KernelRights, RegionRights};

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
