//! What heaps cost, in instructions and in memory.

mod candidate;
mod crates;
mod empty_call;
mod lab;
mod measure;
mod memory;
mod replay;
mod script;
mod traces;

use crate::machine::println;

use candidate::{Entry, entry};
use memory::Memory;
use traces::TRACES;

/// Everything that is measured. A name is one word, so that it can be asked for.
const ENTRIES: &[Entry] = &[
    entry::<empty_call::Nothing>("(empty-call)"),
    entry::<lab::Lab>("folio-heap"),
    #[cfg(feature = "heap-champion")]
    entry::<lab::Champion>("folio-heap-champion"),
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

/// Writes what the traces are.
pub fn list_traces() {
    println!("trace,allocations,reallocations,peak_blocks,payload_bytes,about");
    for trace in &TRACES {
        println!("{},{},\"{}\"", trace.name, trace.script(), trace.about);
    }
}

/// Measures one heap, on one trace or on all, and writes a line for each.
///
/// # Panics
/// If there is no such heap, or no such trace.
pub fn measure(heap: &str, trace: Option<&str>) {
    let Some(entry) = ENTRIES.iter().find(|entry| entry.name == heap) else {
        panic!("there is no heap `{heap}`");
    };
    let mut memory = Memory::take();
    println!("heap,trace,{}", measure::COLUMNS);
    let mut any = false;
    for it in TRACES.iter().filter(|it| trace.is_none_or(|trace| trace == it.name)) {
        let figures = measure::measure(entry, &it.script(), &mut memory);
        println!("{},{},{figures}", entry.name, it.name);
        any = true;
    }
    assert!(any, "there is no such trace");
}
