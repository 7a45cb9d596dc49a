//! labs/01-pmm/src/bitmap.rs 4:19 `#[path]`
//!
//! The same, under a condition that always holds.
#[cfg_attr(all(), path = "../solution/bitmap.rs")]
mod reference {}
pub struct Pmm;
