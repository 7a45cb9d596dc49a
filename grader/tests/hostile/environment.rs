//! labs/01-pmm/src/bitmap.rs 6:22 `env`
//!
//! The environment of the build.
pub struct Pmm;

compile_error!(core::env!("HOME"));
