//! The same as `champion.rs`, for the champion that needs little memory.
#![cfg(feature = "champion")]
#![allow(clippy::duplicate_mod, reason = "each of the two has what they share as a module of its own")]

pub use heap::measured_beside::champion::thrifty::Heap;

#[allow(unused_imports, reason = "it names the heap that it is about when it stands alone")]
#[path = "contract.rs"]
mod contract;
#[allow(unused_imports, reason = "the same")]
#[path = "model.rs"]
mod model;
