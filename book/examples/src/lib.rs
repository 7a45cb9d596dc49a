//! The worked examples of the book. What a chapter shows is included from
//! here, so it compiles, and its tests run with all others.
#![forbid(unsafe_code)]

pub mod bits;
pub mod memory_map;
pub mod page_fault;
