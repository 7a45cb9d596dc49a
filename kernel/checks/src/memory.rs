//! Lab 00: the checks of the functions that copy, fill and compare bytes.
//!
//! Each of them tests the contract of [`mm_api::MemoryFunctions`], on pages between two
//! that are not mapped. The checks call the student's functions as plain functions: the kernel
//! itself is linked with others, so that it can report whatever the student's do.

use crate::check::Check;

mod comparing;
mod copying;
mod cost;
mod edges;
mod field;
mod filling;
mod judged;
mod large;
mod mixed;
mod moving;
mod own_work;

/// A check of this lab, which is [judged](judged::judged).
macro_rules! check {
    ($name:literal, $run:expr) => {
        Check { lab: "memory", name: $name, run: |context| judged::judged(context, $run) }
    };
}

/// All checks of this lab, in the order of `lab.toml`.
pub const CHECKS: &[Check] = &[
    check!("copy-bytes", copying::copy_bytes),
    check!("copy-exact", copying::copy_exact),
    check!("copy-edges", edges::copy_edges),
    check!("copy-itself", copying::copy_itself),
    check!("set-bytes", filling::set_bytes),
    check!("set-low-byte", filling::set_low_byte),
    check!("set-exact", filling::set_exact),
    check!("compare-equal", comparing::compare_equal),
    check!("compare-unsigned", comparing::compare_unsigned),
    check!("compare-first", comparing::compare_first),
    check!("compare-exact", comparing::compare_exact),
    check!("move-bytes", moving::move_bytes),
    check!("move-down", moving::move_down),
    check!("move-up", moving::move_up),
    check!("move-exact", moving::move_exact),
    check!("returns-dest", copying::returns_dest),
    check!("large-lengths", large::large_lengths),
    check!("own-work", own_work::own_work),
    check!("memory-mix", mixed::memory_mix),
    check!("memory-cost", cost::memory_cost),
];

/// Lengths from 0 to more than sixteen words.
const LENGTHS: core::ops::RangeInclusive<usize> = 0..=70;

/// Every alignment that a word of up to eight bytes can have.
const ALIGNMENTS: core::ops::Range<usize> = 0..8;
