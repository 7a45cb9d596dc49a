//! The operating system, as far as the labs have come.

use core::fmt::{self, Display, Formatter};

use kernel_core::machine::Machine;
use log::{error, info, warn};
use mm_api::RegionKind;
use mm_api::layout::{KERNEL_HEAP_START, PAGE_SIZE};

use crate::memory::{self, Started};
use crate::process::{self, Audit};
use crate::screen;

/// Says what there is, starts what the labs have built, and then waits.
pub fn run(machine: &'static Machine) -> ! {
    info!("Folio {}: a kernel whose memory is yours to manage", env!("CARGO_PKG_VERSION"));
    describe_memory(machine);
    if start_memory(machine) {
        run_programs(machine);
    }
    info!("There is nothing more to do.");
    kernel_core::shut_down()
}

/// Prints the memory map and what is reserved in it.
fn describe_memory(machine: &Machine) {
    info!("");
    info!("Memory map:");
    for region in machine.map().regions {
        let kind = match region.kind {
            RegionKind::Usable => "usable",
            RegionKind::Unusable => "not usable",
        };
        info!("  {}  {kind}", Span { start: region.base, length: region.length });
    }
    info!("Reserved:");
    for (range, purpose) in machine.reserved() {
        info!("  {}  {purpose}", Span { start: range.start, length: range.end - range.start });
    }
    info!("");
}

/// Labs 01 to 03: brings the memory up, and has each of them say what it did.
fn start_memory(machine: &'static Machine) -> bool {
    info!("Lab 01, the frame allocator:");
    let result = memory::start(machine, |started| match started {
        Started::Frames { managed, free, lent } => {
            info!("  {managed} frames managed, {free} free, {lent} lent for its records");
            info!("Lab 02, the virtual memory manager:");
        }
        Started::Paging { directory, tables } => {
            info!("  the kernel's directory in {directory} is loaded, {tables} frames of tables");
            info!("Lab 03, the kernel's heap:");
        }
        Started::Heap { bytes } => info!("  {} KiB from {KERNEL_HEAP_START} on", bytes / 1024),
    });
    match result {
        Ok(()) => {
            describe_use();
            true
        }
        Err(error) => {
            error!("  {error}");
            false
        }
    }
}

/// Prints whose the frames are.
fn describe_use() {
    let frames = memory::with(|memory| memory.frames());
    let kib = |frames: u32| frames * (PAGE_SIZE / 1024);
    info!("");
    info!("Memory in use:");
    info!("  {:>9} KiB  directories and page tables", kib(frames.manager));
    info!("  {:>9} KiB  the kernel's heap", kib(frames.heap));
    info!("  {:>9} KiB  free", kib(frames.free));
    info!("");
}

/// The program that is started first, if the machine was booted with it.
const SHELL: &str = "shell";

/// Labs 04 and 05: starts the first program, and goes on when it has ended.
fn run_programs(machine: &'static Machine) {
    let mut names = machine.modules().map(|module| module.name);
    let Some(first) = names.next() else {
        warn!(
            "The kernel was booted without programs, so there is nothing to run. `cargo grade run` brings them along."
        );
        return;
    };
    let first = if names.any(|name| name == SHELL) { SHELL } else { first };
    info!("Labs 04 and 05, the heap and the stacks of processes:");
    screen::start();
    let before = Audit::now();
    match process::run(machine, first, &[]) {
        Ok(status) => info!("{first}, the first process, {status}."),
        Err(error) => return error!("{first} cannot be started: {error}"),
    }
    let after = Audit::now();
    if before == after {
        info!("Everything that processes had was given back.");
    } else {
        warn!("Not everything that processes had was given back.");
        warn!("  in use before: {before}");
        warn!("  and after:     {after}");
    }
}

/// A range of physical addresses, and how large it is.
struct Span {
    start: u64,
    length: u64,
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let last = self.start.saturating_add(self.length.saturating_sub(1));
        write!(f, "{:#012x} - {last:#012x}  {:>9} KiB", self.start, self.length.div_ceil(1024))
    }
}
