//! Measures the costs of frame allocators.

mod baselines;
mod candidate;
mod crates;
mod lab;
mod measure;

use crate::machine::println;
use crate::rng::Seed;

use candidate::{Entry, entry};
use measure::{Occupancy, Pattern};

/// Frames in a MiB.
const MIB: u32 = 256;

/// The memory sizes, in MiB.
const SIZES: [u32; 4] = [32, 256, 1024, 3584];

/// The occupancies, in percent.
const PERCENT: [u32; 3] = [10, 50, 99];

/// The allocators that can be measured.
const ENTRIES: &[Entry] = &[
    entry::<baselines::Nothing>("(empty call)"),
    entry::<lab::Lab<pmm::Pmm>>("folio pmm"),
    #[cfg(feature = "pmm-reference")]
    entry::<lab::Lab<pmm::measured_beside::reference::Pmm>>("folio pmm reference"),
    #[cfg(feature = "pmm-champion")]
    entry::<lab::Lab<pmm::measured_beside::champion::Pmm>>("folio pmm champion"),
    entry::<crates::Bitmap<bitmap_allocator::BitAlloc64K>>("bitmap-allocator 64K"),
    entry::<crates::Bitmap<bitmap_allocator::BitAlloc1M>>("bitmap-allocator 1M"),
    entry::<crates::BuddySystem>("buddy_system_allocator"),
    entry::<baselines::NaiveBitmap>("(naive bitmap)"),
    entry::<baselines::FreeList>("(free list)"),
];

/// Writes the names of all allocators.
pub fn list() {
    println!("allocator");
    for entry in ENTRIES {
        println!("{}", entry.name);
    }
}

/// Measures one allocator or, if `name` is empty, all of them, at every occupancy, and writes a
/// line for each.
///
/// # Panics
/// If there is no allocator of this name.
pub fn measure(name: &str, seed: Seed) {
    let is_wanted = |entry: &&Entry| name.is_empty() || entry.name == name;
    assert!(ENTRIES.iter().any(|entry| is_wanted(&entry)), "there is no allocator `{name}`");
    println!("allocator,memory_mib,frames_a_run,pattern,percent_taken,{}", measure::COLUMNS);
    for mib in SIZES {
        for run in [1, candidate::RUN] {
            for pattern in [Pattern::Low, Pattern::Scattered] {
                for percent in PERCENT {
                    let occupancy = Occupancy::new(mib * MIB, run, pattern, percent, seed);
                    for entry in ENTRIES.iter().filter(is_wanted) {
                        if entry.fits(mib * MIB, run) {
                            println!("{},{mib},{run},{pattern},{percent},{}", entry.name, occupancy.measure(entry));
                        }
                    }
                }
            }
        }
    }
}
