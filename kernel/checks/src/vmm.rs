//! Lab 02: the checks of the virtual memory manager.
//!
//! Each of them runs on real paging: the manager's directories are loaded, and
//! pages are read and written, by the kernel and in ring 3. The checks walk the
//! tables themselves; they never ask the manager.

use crate::check::{Check, Context, Outcome};

mod allocating;
mod building;
mod directories;
mod freeing;
mod mapping;
mod mixed;
pub(super) mod subject;
mod unmapping;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "vmm", name, run }
}

/// All checks of this lab, in the order of `lab.toml`.
pub const CHECKS: &[Check] = &[
    check("kernel-directory", building::kernel_directory),
    check("kernel-half-empty", building::kernel_half_empty),
    check("kernel-goes-on", building::kernel_goes_on),
    check("map-reaches-frame", mapping::map_reaches_frame),
    check("table-on-demand", mapping::table_on_demand),
    check("rights-both-levels", mapping::rights_both_levels),
    check("map-twice", mapping::map_twice),
    check("unmap-returns", unmapping::unmap_returns),
    check("unmap-flushes", unmapping::unmap_flushes),
    check("protect-at-once", unmapping::protect_at_once),
    check("bad-pages", mapping::bad_pages),
    check("kernel-allocation", allocating::kernel_allocation),
    check("guard-gap", allocating::guard_gap),
    check("free-returns", freeing::free_returns),
    check("free-whole", freeing::free_whole),
    check("user-allocation", allocating::user_allocation),
    check("free-parts", freeing::free_parts),
    check("bad-ranges", allocating::bad_ranges),
    check("kernel-half-shared", directories::kernel_half_shared),
    check("translate-truth", mapping::translate_truth),
    check("other-directory", directories::other_directory),
    check("empty-tables", unmapping::empty_tables),
    check("destroy-returns", directories::destroy_returns),
    check("frames-run-out", allocating::frames_run_out),
    check("random-spaces", mixed::random_spaces),
];
