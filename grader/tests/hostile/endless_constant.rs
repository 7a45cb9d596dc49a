//! labs/01-pmm/src/bitmap.rs could_not_build stopped after 30 seconds of processor time
//!
//! A constant that is never done.

#[allow(long_running_const_eval)]
const _: () = loop {};
