//! labs/04-process-heap/src/program_break.rs 8:23 `unsafe`
//!
//! Data in the section of the code.
pub struct Heap;

impl Heap {
    // The attribute may come with a condition that always holds.
    #[cfg_attr(all(), unsafe(link_section = ".text"))]
    fn entry(&self) {}
}
