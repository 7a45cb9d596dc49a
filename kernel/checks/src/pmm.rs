//! Lab 01: the checks of the physical memory manager.
//!
//! Each of them tests the contract of [`mm_api::FrameAllocator`], never the
//! reference's design: every correct allocator passes all but the checks on cost,
//! even if it is slow. So the number of frames bounds each loop, and calls that have
//! to be tried often are tried on small invented maps.
//!
//! What a map says about a frame comes from `mm_oracle`, which shares no code with any lab.

use crate::check::Check;

mod allocating;
mod building;
mod cost;
mod drawn;
mod frames;
mod freeing;
mod maps;
mod mixed;
mod runs;
mod subject;

/// A check of this lab.
const fn check(name: &'static str, run: fn(&mut crate::check::Context) -> crate::check::Outcome) -> Check {
    Check { lab: "pmm", name, run }
}

/// All checks of this lab, in the order of `lab.toml`.
pub const CHECKS: &[Check] = &[
    check("managed-count", building::managed_count),
    check("whole-frames", building::whole_frames),
    check("unusable-wins", building::unusable_wins),
    check("odd-regions", building::odd_regions),
    check("reserved-ranges", building::reserved_ranges),
    check("many-regions", building::many_regions),
    check("init-errors", building::init_errors),
    check("records-placed", building::records_placed),
    check("in-use-kept", allocating::in_use_kept),
    check("usable-frames-only", allocating::usable_frames_only),
    check("never-twice", allocating::never_twice),
    check("exhaustion", allocating::exhaustion),
    check("free-and-reuse", freeing::free_and_reuse),
    check("double-free", freeing::double_free),
    check("foreign-free", freeing::foreign_free),
    check("exact-counts", freeing::exact_counts),
    check("runs-whole", runs::runs_whole),
    check("runs-found", runs::runs_found),
    check("runs-rejoin", runs::runs_rejoin),
    check("run-free-refused", runs::run_free_refused),
    check("random-mix", mixed::random_mix),
    check("high-memory", mixed::high_memory),
    check("small-records", cost::small_records),
    check("frame-cost", cost::frame_cost),
    check("run-cost", cost::run_cost),
];
