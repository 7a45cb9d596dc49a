//! labs/01-pmm/src/bitmap.rs 4:1 `extern`
//!
//! Where a lab's tests run on the host there is an operating system.
extern crate std;
pub struct Pmm;
