//! Filling memory with a word.

use core::arch::asm;

/// Fills all of `words`: one instruction that is executed once a word, where the
/// compiler makes a loop of several.
pub(crate) fn words(words: &mut [u32], value: u32) {
    // SAFETY: it writes so many words from the slice's first one on; the
    // direction flag is clear, as everywhere in compiled code.
    unsafe {
        asm!(
            "rep stosd",
            inout("ecx") words.len() => _,
            inout("edi") words.as_mut_ptr() => _,
            in("eax") value,
            options(nostack, preserves_flags)
        );
    }
}
