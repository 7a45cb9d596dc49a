//! labs/01-pmm/src/bitmap.rs 8:3 `unsafe`
//!
//! A naked function is no unsafe code to the lint, and its body is assembly.
use mm_api::{Frame, FrameAllocator};

pub struct Pmm;

#[unsafe(naked)]
extern "C" fn search() {
    core::arch::naked_asm!("ret");
}
