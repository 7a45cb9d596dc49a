//! Measures the costs of heaps, in instructions and in memory.

mod candidate;
mod contract;
mod crates;
mod empty_call;
mod history;
mod lab;
mod measure;
mod memory;
mod replay;
mod script;
mod traces;

use crate::machine::println;
use crate::policies;
use crate::rng::Seed;

pub use candidate::{Candidate, Entry, Heap, Work, entry};
pub use memory::Region;

use memory::Memory;
use traces::TRACES;

/// The heaps that can be measured. A name is one word, so that it can be given on the command line.
const ENTRIES: &[Entry] = &[
    entry::<empty_call::Nothing>("(empty-call)"),
    entry::<lab::Lab>("folio-heap"),
    #[cfg(feature = "heap-reference")]
    entry::<lab::Reference>("folio-heap-reference"),
    #[cfg(feature = "heap-champion")]
    entry::<lab::Champion>("folio-heap-champion"),
    #[cfg(feature = "heap-champion")]
    entry::<lab::ThriftyChampion>("folio-heap-champion-thrifty"),
    entry::<crates::Talc>("talc"),
    entry::<crates::Rlsf>("rlsf"),
    entry::<crates::Dlmalloc>("dlmalloc"),
    entry::<crates::LinkedList>("linked_list_allocator"),
    entry::<crates::Buddies>("buddy_system_allocator"),
];

/// Writes the names of all heaps.
pub fn list() {
    println!("heap");
    for entry in ENTRIES {
        println!("{}", entry.name);
    }
}

/// Writes the variants of the textbook's heap, each with its difference.
pub fn list_policies() {
    println!("heap,about");
    for variant in policies::VARIANTS {
        println!("{},\"{}\"", variant.entry.name, variant.about);
    }
}

/// Writes the figures and the description of each trace.
pub fn list_traces(seed: Seed) {
    println!("trace,allocations,reallocations,peak_blocks,payload_bytes,contract_bytes,about");
    for trace in &TRACES {
        println!("{},{},\"{}\"", trace.name, trace.script(seed), trace.about);
    }
}

/// Measures one heap, on one trace or on all, and writes a line for each.
///
/// # Panics
/// If there is no heap or no trace of this name.
pub fn measure(heap: &str, trace: Option<&str>, seed: Seed) {
    let entry = find(heap);
    let mut memory = Memory::take();
    println!("heap,trace,{}", measure::COLUMNS);
    let mut any = false;
    for it in TRACES.iter().filter(|it| trace.is_none_or(|trace| trace == it.name)) {
        let figures = measure::measure(entry, &it.script(seed), &mut memory);
        println!("{},{},{figures}", entry.name, it.name);
        any = true;
    }
    assert!(any, "there is no such trace");
}

/// Runs a trace on a heap in a region of `bytes` bytes, and writes where each block lies.
///
/// # Panics
/// If there is no heap or no trace of this name, or the region is too small.
pub fn tell_history(heap: &str, trace: &str, bytes: &str, seed: Seed) {
    let entry = find(heap);
    let Some(trace) = TRACES.iter().find(|it| it.name == trace) else { panic!("there is no trace `{trace}`") };
    let Ok(bytes) = bytes.parse() else { panic!("`{bytes}` is no number of bytes") };
    history::tell(entry, &trace.script(seed), &Memory::take().first(bytes));
}

/// The heap of this name.
///
/// # Panics
/// If there is no such heap.
fn find(name: &str) -> &'static Entry {
    match ENTRIES.iter().find(|entry| entry.name == name).or_else(|| policies::find(name)) {
        Some(entry) => entry,
        None => panic!("there is no heap `{name}`"),
    }
}
