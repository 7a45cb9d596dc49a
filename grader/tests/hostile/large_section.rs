//! labs/03-heap/src/blocks.rs 6:10 `link_section`
//!
//! Bytes that push the Multiboot header away from the start of the image.

#[used]
#[unsafe(link_section = ".multiboot")]
static FILLER: [u8; 16 << 10] = [1; 16 << 10];
