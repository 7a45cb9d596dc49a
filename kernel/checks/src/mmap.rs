//! Lab 07: the checks of mappings, pages on demand, and copy on write.
//!
//! The checks of the region list compare the kernel's own list, after each call, with a
//! model of each page (`mm_oracle::regions`). The checks of pages work on real directories of
//! lab 02: a walk finds out which pages are mapped, and the processor reads their contents.
//! Then programs test all of it, in ring 3.

use crate::check::{Check, Context, Outcome};

mod cutting;
mod demand;
mod forking;
mod list;
mod mixed;
mod placing;
mod programs;
mod subject;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "mmap", name, run }
}

/// All checks of this lab, in the order of `lab.toml`.
pub const CHECKS: &[Check] = &[
    check("map-places", placing::map_places),
    check("map-hint", placing::map_hint),
    check("map-refused", placing::map_refused),
    check("map-noreplace", placing::map_noreplace),
    check("neighbours-merge", placing::neighbours_merge),
    check("unmap-splits", cutting::unmap_splits),
    check("unmap-refused", cutting::unmap_refused),
    check("map-fixed", cutting::map_fixed),
    check("mapping-mix", mixed::mapping_mix),
    check("fill-zeroed", demand::fill_zeroed),
    check("fill-refused", demand::fill_refused),
    check("write-own", demand::write_own),
    check("write-copies", demand::write_copies),
    check("fork-shares", forking::fork_shares),
    check("fork-sparse", forking::fork_sparse),
    check("fork-shared", forking::fork_shared),
    check("fork-no-frames", forking::fork_no_frames),
    check("program-mmap", programs::program_mmap),
    check("program-demand", programs::program_demand),
    check("program-fork", programs::program_fork),
    check("program-no-frames", programs::program_no_frames),
];
