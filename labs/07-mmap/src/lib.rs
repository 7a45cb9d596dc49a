//! Lab 07: mappings, pages on demand, and copy on write.
//!
//! This file is not yours to edit: it chooses between your files and the
//! reference's, and proves to the compiler that what it chose keeps the contracts'
//! signatures. Your files are [`mappings.rs`](../mappings.rs) and
//! [`demand.rs`](../demand.rs), in this folder.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/demand.rs")]
mod demand;
#[cfg(not(feature = "compiled"))]
#[cfg_attr(feature = "solution", path = "../solution/mappings.rs")]
mod mappings;

#[cfg(not(feature = "compiled"))]
pub use demand::Demand;
#[cfg(not(feature = "compiled"))]
pub use mappings::ProcessMappings;

/// The reference as hand-outs have it: compiled.
#[cfg(feature = "compiled")]
pub use lab_abi::components::{Demand, ProcessMappings};

/// Compiles only if the two types keep the signatures of the traits.
const _: fn() = || {
    fn maps<T: mm_api::Mappings>() {}
    fn pages_on_demand<T: mm_api::DemandPaging>() {}
    maps::<ProcessMappings>();
    pages_on_demand::<Demand>();
};
