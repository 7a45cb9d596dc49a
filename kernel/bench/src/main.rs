//! Counts what a frame allocator costs, beside its peers.
//!
//! A kernel of its own, as small as can be: it runs at 1 MiB with paging and
//! interrupts off, measures, writes one line of comma-separated values for
//! each measurement to the serial port, and ends the machine. Under
//! `-icount shift=0` the time stamp counter counts instructions, so every run
//! gives the same figures. `README.md` has the commands.
#![no_std]
#![no_main]

extern crate alloc;

mod baselines;
mod candidate;
mod crates;
mod heap;
mod lab;
mod machine;
mod measure;
mod rng;

use core::arch::global_asm;
use core::panic::PanicInfo;

use crate::candidate::{Entry, entry};
use crate::machine::{end, println};
use crate::measure::{Occupancy, Pattern};

global_asm!(include_str!("boot.s"));

/// Frames in a MiB.
const MIB: u32 = 256;

/// The memory sizes, in MiB.
const SIZES: [u32; 4] = [32, 256, 1024, 3584];

/// The occupancies, in percent.
const PERCENT: [u32; 3] = [10, 50, 99];

/// Everything that is measured.
const ENTRIES: [Entry; 7] = [
    entry::<baselines::Nothing>("(empty call)"),
    entry::<lab::Lab>("folio pmm"),
    entry::<crates::Bitmap<bitmap_allocator::BitAlloc64K>>("bitmap-allocator 64K"),
    entry::<crates::Bitmap<bitmap_allocator::BitAlloc1M>>("bitmap-allocator 1M"),
    entry::<crates::BuddySystem>("buddy_system_allocator"),
    entry::<baselines::NaiveBitmap>("(naive bitmap)"),
    entry::<baselines::FreeList>("(free list)"),
];

/// Where `boot.s` arrives.
#[unsafe(no_mangle)]
extern "C" fn bench_main() -> ! {
    heap::init();
    println!("allocator,memory_mib,frames_a_run,pattern,percent_taken,{}", measure::COLUMNS);
    for mib in SIZES {
        for run in [1, candidate::RUN] {
            for pattern in [Pattern::Low, Pattern::Scattered] {
                for percent in PERCENT {
                    let occupancy = Occupancy::new(mib * MIB, run, pattern, percent);
                    for entry in &ENTRIES {
                        if entry.fits(mib * MIB, run) {
                            println!("{},{mib},{run},{pattern},{percent},{}", entry.name, occupancy.measure(entry));
                        }
                    }
                }
            }
        }
    }
    end(true)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("panic,{info}");
    end(false)
}
