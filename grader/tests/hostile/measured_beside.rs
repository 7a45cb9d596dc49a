//! labs/03-heap/src/blocks.rs 3:23 `measured_beside`

pub use super::super::measured_beside::champion::Heap;
