//! labs/03-heap/src/blocks.rs 8:26 `asm`
//!
//! The assembler has macros that put a directive together.
pub struct Heap;

fn read() {
    // SAFETY: none.
    unsafe { core::arch::asm!(".macro take a b", "\\a\\b \"/etc/hostname\"", ".endm", "take .incl, ude") };
}
