//! What a champion aims at: few instructions, or little memory.
//!
//! Both cannot be had at once. To lose little memory is to look at many free blocks and to choose
//! among them, and each look takes about eight instructions.

/// How many free blocks are looked at.
pub trait Aim {
    /// Which of the blocks of a bin is taken.
    const FIT: Fit;

    /// How many blocks are looked at for one that is to be aligned, before the wilderness is.
    const ALIGNED_PROBES: u32;
}

/// Which of the blocks of a bin is taken. Either looks no further than at so many.
#[derive(Clone, Copy)]
pub enum Fit {
    /// The first that is large enough.
    First(u32),
    /// The smallest that is large enough.
    Best(u32),
}

/// Few instructions: no call takes many.
pub enum Quick {}

impl Aim for Quick {
    const FIT: Fit = Fit::First(2);
    /// None: of the wilderness, one piece is left, which is in no bin.
    const ALIGNED_PROBES: u32 = 0;
}

/// Little memory.
pub enum Thrifty {}

impl Aim for Thrifty {
    const FIT: Fit = Fit::Best(8);
    const ALIGNED_PROBES: u32 = 16;
}
