//! The operating system, as far as the labs have come.

use core::fmt::{self, Display, Formatter};

use kernel_core::machine::Machine;
use log::{error, info};
use mm_api::{FrameAllocator as _, RegionKind};

use crate::labs::FrameAllocator;

/// Says what there is, starts what the labs have built, and then waits.
pub fn run(machine: &'static Machine) -> ! {
    info!("Folio {}: a kernel whose memory is yours to manage", env!("CARGO_PKG_VERSION"));
    describe_memory(machine);
    start_frame_allocator(machine);
    info!("There is nothing more to do.");
    kernel_core::idle()
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

/// Lab 01: builds the frame allocator, and has it say what it manages.
fn start_frame_allocator(machine: &'static Machine) {
    info!("Lab 01, the frame allocator:");
    let Some(mut lender) = machine.take_lender() else {
        return error!("the machine's memory was lent to somebody else");
    };
    match FrameAllocator::new(&machine.map(), &mut lender) {
        Ok(allocator) => {
            let (managed, lent) = (allocator.managed_frames(), lender.lent_frames());
            info!("  {managed} frames managed, {} free, {lent} lent for its records", allocator.free_frames());
        }
        Err(error) => error!("the frame allocator did not start: {error}"),
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
