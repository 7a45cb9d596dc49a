//! labs/03-heap/src/blocks.rs 6:8 `extern`
//!
//! A symbol that the linker does not find, and whose name tells of a host that is in trouble.

// SAFETY: none.
unsafe extern "C" {
    #[link_name = "no space left on device, permission denied"]
    fn missing();
}

#[used]
static REFERENCE: unsafe extern "C" fn() = missing;
