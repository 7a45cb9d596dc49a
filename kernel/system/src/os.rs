//! The operating system, as far as the labs have come.

use core::fmt::{self, Display, Formatter};

use abi::WaitStatus;
use alloc::vec::Vec;
use kernel_core::labs::Labs;
use kernel_core::machine::Machine;
use kernel_core::machine_end::{End, end};
use kernel_core::protection::{self, SectionRights};
use log::{error, info, warn};
use mm_api::RegionKind;
use mm_api::layout::{KERNEL_HEAP_START, PAGE_SIZE};

use crate::memory::{self, Started};
use crate::process::{self, Audit, Difference};
use crate::screen;

/// Prints the memory map, starts the parts that the labs have built, runs the first program, and
/// ends the machine.
pub fn run(machine: &'static Machine, labs: &'static Labs) -> ! {
    info!("Folio {}: a kernel whose memory is yours to manage", env!("CARGO_PKG_VERSION"));
    describe_memory(machine);
    let well = start_memory(machine, labs) && run_programs(machine);
    info!("There is nothing more to do.");
    end(if well { End::Ok } else { End::NotOk })
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

/// Labs 01 to 03: starts the memory, and prints a line about each lab.
fn start_memory(machine: &'static Machine, labs: &'static Labs) -> bool {
    info!("Lab 01, the frame allocator:");
    let Some(mut lender) = machine.take_lender() else { unreachable!("the machine's memory is lent once") };
    let rights = SectionRights::ask(labs.protections());
    let result = memory::start(machine, labs, &mut lender, &rights, &mut |started| match started {
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
            protect(labs);
            true
        }
        Err(error) => {
            error!("  {error}");
            false
        }
    }
}

/// Prints the frames in use, by owner.
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

/// Lab 06: switches on the processor's protections, and prints which of them are available.
fn protect(labs: &'static Labs) {
    info!("Lab 06, protection:");
    protection::enforce(labs.protections());
    let (cpu, enforced) = (protection::features(), protection::enforced());
    for (name, is_there, is_on) in [
        ("WP, read-only pages bind the kernel", true, enforced.write_protect),
        ("SMEP, the kernel executes no page of a program", cpu.smep, enforced.smep),
        ("SMAP, the kernel reads and writes them through a window only", cpu.smap, enforced.smap),
        ("UMIP, programs do not see where the kernel's tables are", cpu.umip, enforced.umip),
    ] {
        let how = match (is_there, is_on) {
            (_, true) => "on",
            (true, false) => "off",
            (false, false) => "not available on this processor",
        };
        info!("  {how}: {name}");
    }
    info!("");
}

/// The program that is started first, if the machine was booted with it.
const SHELL: &str = "shell";

/// Labs 04 to 07: runs the first program until it has ended. Returns whether its exit code was 0
/// and all memory was given back.
fn run_programs(machine: &'static Machine) -> bool {
    let mut names = machine.modules().map(|module| module.name);
    let Some(first) = names.next() else {
        warn!(
            "The kernel was booted without programs, so there is nothing to run. `cargo grade run` brings them along."
        );
        return true;
    };
    let first = if names.any(|name| name == SHELL) { SHELL } else { first };
    let mut words = machine.command_line().program.unwrap_or(first).split(',');
    let first = words.next().unwrap_or(first);
    let arguments: Vec<&str> = words.collect();
    info!("Labs 04 to 07, processes and their memory:");
    screen::start();
    let before = Audit::now();
    let status = match process::run(machine, first, &arguments) {
        Ok(status) => status,
        Err(error) => {
            error!("{first} cannot be started: {error}");
            return false;
        }
    };
    info!("{first}, the first process, {status}.");
    let after = Audit::now();
    if before == after {
        info!("Everything that processes had was given back.");
    } else {
        warn!("Not everything that processes had was given back.");
        warn!("  In use: {}", Difference { before, now: after });
    }
    status == WaitStatus::exited(0) && before == after
}

/// A range of physical addresses, printed with its size.
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
