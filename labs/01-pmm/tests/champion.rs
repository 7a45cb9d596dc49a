//! The contract and the model once more, for the champion: `cargo test -p pmm --features champion`.
#![cfg(feature = "champion")]
#![allow(clippy::duplicate_mod, reason = "each of the two has what they share as a module of its own")]

pub use pmm::measured_beside::champion::Pmm;

#[allow(unused_imports, reason = "it names the allocator that it is about when it stands alone")]
#[path = "contract.rs"]
mod contract;
#[allow(unused_imports, reason = "the same")]
#[path = "model.rs"]
mod model;
