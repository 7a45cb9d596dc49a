//! labs/03-heap/src/blocks.rs 6:10 `link_section`
//!
//! Another Multiboot header before the kernel's own, with a flag that has the loader look for addresses.

#[used]
#[unsafe(link_section = ".multiboot")]
static HEADER: [u32; 4096] = {
    let mut words = [0; 4096];
    words[0] = 0x1BAD_B002;
    words[1] = 1 << 16;
    words[2] = 0_u32.wrapping_sub(0x1BAD_B002 + (1 << 16));
    words
};
