//! Lab 03: the checks of the kernel's heap.
//!
//! Each of them tests the contract of [`mm_api::KernelHeap`], never the reference's
//! design: the heap decides where its blocks lie and what records it keeps. A correct
//! heap passes all but the checks on cost, even if it is slow or wasteful.

use crate::check::{Check, Context, Outcome};

mod c_names;
mod cost;
mod damage;
mod freeing;
mod handing_out;
mod interrupted;
mod mixed;
mod over_pages;
mod reallocating;
mod refusing;
mod simulated;
mod subject;
mod whole;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "heap", name, run }
}

/// All checks of this lab, in the order of `lab.toml`.
pub const CHECKS: &[Check] = &[
    check("block-alignment", handing_out::block_alignment),
    check("blocks-apart", handing_out::blocks_apart),
    check("empty-blocks", handing_out::empty_blocks),
    check("zeroed-blocks", handing_out::zeroed_blocks),
    check("array-size", handing_out::array_size),
    check("block-reuse", freeing::block_reuse),
    check("merge-behind", freeing::merge_behind),
    check("merge-before", freeing::merge_before),
    check("one-block-left", freeing::one_block_left),
    check("grows-late", whole::grows_late),
    check("heap-exhausted", whole::heap_exhausted),
    check("tail-given-back", whole::tail_given_back),
    check("freed-twice", refusing::freed_twice),
    check("foreign-pointer", refusing::foreign_pointer),
    check("interior-pointer", refusing::interior_pointer),
    check("self-test", damage::self_test),
    check("underrun-found", damage::underrun_found),
    check("overrun-found", damage::overrun_found),
    check("realloc-content", reallocating::realloc_content),
    check("realloc-in-place", reallocating::realloc_in_place),
    check("realloc-refused", reallocating::realloc_refused),
    check("heap-mix", mixed::heap_mix),
    check("heap-over-pages", over_pages::heap_over_pages),
    check("c-names", c_names::c_names),
    check("interrupts-may-allocate", interrupted::interrupts_may_allocate),
    check("heap-cost", cost::heap_cost),
    check("heap-waste", cost::heap_waste),
];
