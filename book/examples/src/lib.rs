//! The worked examples of the book. Chapters include their code from
//! here, so it compiles, and its tests run with all others.
#![forbid(unsafe_code)]

pub mod bits;
pub mod memory_map;
pub mod page_fault;
