//! What is in use, to be compared before and after.

use core::fmt;

use crate::memory::{self, FrameCounts};

/// What is in use, but for what may stay for ever: page tables of the kernel half,
/// and what the kernel's heap keeps for later.
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
    /// What is in use now.
    pub fn now() -> Self {
        let (frames, kernel_tables) = memory::with(|memory| (memory.frames(), memory.kernel_tables()));
        let FrameCounts { free, manager, heap, kernel_stacks, user, .. } = frames;
        let (blocks, bytes) = memory::heap_in_use();
        let tables = manager.saturating_sub(kernel_tables);
        Self { rest: free + heap + kernel_tables, tables, kernel_stacks, user, bytes, blocks }
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rest, tables, kernel_stacks, user, bytes, blocks } = self;
        write!(f, "{user} frames of programs, {tables} of directories, {kernel_stacks} of kernel stacks, ")?;
        write!(f, "{bytes} bytes in {blocks} blocks of the kernel's heap; {rest} frames for everything else")
    }
}
