//! Lab 04: the checks of a process's heap.
//!
//! Each of them has real processes: page directories that are loaded, and a
//! program in ring 3 that reads and writes. A walk through a process's tables finds
//! out which pages it has; the heap is never asked.

use crate::check::{Check, Context, Outcome};

mod apart;
mod building;
mod copying;
mod looking;
mod mixed;
mod moving;
mod refusing;
mod ring_3;
mod subject;
mod words;
mod zeros;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "process-heap", name, run }
}

/// All checks of this lab, in the order of `lab.toml`.
pub const CHECKS: &[Check] = &[
    check("heap-start", building::heap_start),
    check("heap-no-room", building::heap_no_room),
    check("brk-moves", moving::brk_moves),
    check("sbrk-old-break", moving::sbrk_old_break),
    check("grow-at-boundary", moving::grow_at_boundary),
    check("shrink-at-boundary", moving::shrink_at_boundary),
    check("break-keeps-content", moving::content_kept),
    check("growth-zeroed", zeros::zeroed_growth),
    check("regrowth-zeroed", zeros::zeroed_regrowth),
    check("past-break-zeroed", zeros::zeroed_past_break),
    check("break-below-start", refusing::below_start),
    check("break-past-limit", refusing::past_limit),
    check("break-wraps", refusing::sum_wraps),
    check("heap-occupied", refusing::heap_occupied),
    check("half-undone", refusing::half_undone),
    check("clear-empties", apart::clear_empties),
    check("two-processes", apart::two_processes),
    check("fork-copies", copying::fork_copies),
    check("fork-apart", copying::fork_apart),
    check("fork-undone", copying::fork_undone),
    check("break-mix", mixed::break_mix),
    check("program-heap", ring_3::program_heap),
    check("program-faults", ring_3::program_faults),
    check("program-refused", ring_3::program_refused),
    check("program-heaps-apart", ring_3::program_heaps_apart),
];
