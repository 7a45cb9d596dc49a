//! Filling and copying memory.
//!
//! Each word takes one instruction, `stosd` or `movsd`; sixteen of them stand in a row. The
//! compiler would make a loop of several instructions for each word. With `rep`, too, a word would
//! take one, but an emulator then comes back to the same instruction for every word.

use core::arch::asm;

/// Words that are filled or copied in a row.
const BLOCK: usize = 16;

/// Fills all of `words` with `value`.
pub(crate) fn words(words: &mut [u32], value: u32) {
    // SAFETY: it writes as many words as the slice has, from the first one on; the direction flag
    // is clear, as everywhere in compiled code.
    unsafe {
        asm!(
            "test {blocks}, {blocks}",
            "jz 3f",
            "2:",
            ".rept {block}",
            "stosd",
            ".endr",
            "dec {blocks}",
            "jnz 2b",
            "3:",
            "rep stosd",
            block = const BLOCK,
            blocks = inout(reg) words.len() / BLOCK => _,
            inout("ecx") words.len() % BLOCK => _,
            inout("edi") words.as_mut_ptr() => _,
            in("eax") value,
            options(nostack)
        );
    }
}

/// Fills all of `bytes` with zeros.
pub(crate) fn zeros(bytes: &mut [u8]) {
    let (first, middle, last) = bytemuck::pod_align_to_mut::<u8, u32>(bytes);
    first.fill(0);
    words(middle, 0);
    last.fill(0);
}

/// Copies `from` to `to`.
///
/// # Panics
/// If they are not equally long.
#[track_caller]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    assert_eq!(to.len(), from.len(), "bytes are copied to a place of another size");
    const BYTES: usize = BLOCK * size_of::<u32>();
    // SAFETY: it reads all bytes of one slice and writes them to the other, which is as long; the
    // direction flag is clear, as everywhere in compiled code.
    unsafe {
        asm!(
            // The compiler keeps ESI for itself: it is put aside in EAX.
            "xchg eax, esi",
            "test ecx, ecx",
            "jz 3f",
            "2:",
            ".rept {block}",
            "movsd",
            ".endr",
            "dec ecx",
            "jnz 2b",
            "3:",
            "mov ecx, edx",
            "shr ecx, 2",
            "rep movsd",
            "mov ecx, edx",
            "and ecx, 3",
            "rep movsb",
            "xchg eax, esi",
            block = const BLOCK,
            inout("eax") from.as_ptr() => _,
            inout("ecx") to.len() / BYTES => _,
            in("edx") to.len() % BYTES,
            inout("edi") to.as_mut_ptr() => _,
            options(nostack)
        );
    }
}
