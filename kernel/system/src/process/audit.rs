//! Counts of the memory in use, for comparing before and after.

use core::fmt;

use crate::memory::{self, FrameCounts};

/// The memory in use, apart from the memory that may stay for ever: page tables of the kernel half,
/// and free memory that the kernel's heap keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Audit {
    /// Frames that are free, or in the kernel's heap, or tables of the kernel half.
    rest: u32,
    /// Frames of directories and other tables.
    tables: u32,
    /// Frames of kernel stacks.
    kernel_stacks: u32,
    /// Frames in user halves.
    user: u32,
    /// Bytes of the kernel's heap that are in use.
    bytes: u32,
    /// Blocks of the kernel's heap that are in use.
    blocks: u32,
}

impl Audit {
    /// Counts the memory that is in use now.
    pub fn now() -> Self {
        let (frames, kernel_tables) = memory::with(|memory| (memory.frames(), memory.kernel_tables()));
        let FrameCounts { free, manager, heap, kernel_stacks, user, .. } = frames;
        let (blocks, bytes) = memory::heap_in_use();
        let tables = manager.saturating_sub(kernel_tables);
        Self { rest: free + heap + kernel_tables, tables, kernel_stacks, user, bytes, blocks }
    }
}

/// The difference between two audits.
pub struct Difference {
    /// The audit before.
    pub before: Audit,
    /// The audit now.
    pub now: Audit,
}

/// Names only the counts that differ: `3 more frames of directories and their tables than before`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, now } = self;
        // Frames that are in use are missing among the free ones; that difference needs no line of
        // its own.
        let is_explained =
            (before.user, before.tables, before.kernel_stacks) != (now.user, now.tables, now.kernel_stacks);
        let rest = if is_explained { before.rest } else { now.rest };
        let kinds = [
            (before.user, now.user, "frames of images, heaps and stacks"),
            (before.tables, now.tables, "frames of directories and their tables"),
            (before.kernel_stacks, now.kernel_stacks, "frames of kernel stacks"),
            (before.blocks, now.blocks, "blocks of the kernel's heap"),
            (before.bytes, now.bytes, "bytes of the kernel's heap"),
            (before.rest, rest, "frames that are free or the kernel's own"),
        ];
        let mut separator = "";
        for (before, now, what) in kinds.into_iter().filter(|(before, now, _)| before != now) {
            let word = if now > before { "more" } else { "fewer" };
            write!(f, "{separator}{} {word} {what} than before", now.abs_diff(before))?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("the same as before") } else { Ok(()) }
    }
}
