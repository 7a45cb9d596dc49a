//! The cost of the system, in instructions. The checks judge nothing: the figures are for
//! the course's authors.

use alloc::vec::Vec;

use kernel_core::instructions;
use kernel_core::memory::paged::Handle;
use kernel_system::memory;
use mm_api::{Frame, Page, PageRange, Protection, Space, VirtAddr, VirtualMemory, VmmError};

use crate::check::{Context, Failed, Outcome};
use crate::programs::{Ending, run_program};
use crate::{ensure, fail};

/// Lab 02's manager.
type Vmm = dyn VirtualMemory<Handle> + Send;

/// How many allocations exist where the cost among many is measured.
const MANY: usize = 4096;
/// How often a quick call is measured; the mean is reported.
const TIMES: u64 = 64;

/// Where pages are mapped: at both ends of a table of the user half that is otherwise unused.
const USER_PAGE: Page = Page::containing(VirtAddr::new(0x4000_0000));
const FAR_PAGE: Page = Page::containing(VirtAddr::new(0x403F_F000));

/// Measures how long the memory takes to come up, and the cost of lab 02 alone.
pub fn of_memory(context: &mut Context) -> Outcome {
    let start = instructions();
    context.start_memory()?;
    context.measure("start", instructions() - start, "in-all");
    context.measure("frames", u64::from(memory::with(|memory| memory.frames().managed)), "frames");
    let costs = memory::with(|memory| {
        let vmm = &mut **memory.manager();
        Ok::<_, VmmError>([of_one_allocation(vmm)?, of_one_page(vmm)?])
    });
    let [few, page] = match costs {
        Ok(costs) => costs,
        Err(error) => fail!(expected: ("lab 02 to allocate and to map pages"), saw: ("{error}")),
    };
    context.measure("allocate-with-none", few.0, "a-page");
    context.measure("free-with-none", few.1, "a-page");
    context.measure("map", page.0, "a-page");
    context.measure("unmap", page.1, "a-page");
    let many = with_many_allocations()?;
    context.measure("allocate-with-many", many.0, "a-page");
    context.measure("free-with-many", many.1, "a-page");
    Ok(())
}

/// Allocates a page and frees it again. Returns the cost of each of the two.
fn of_one_allocation(vmm: &mut Vmm) -> Result<(u64, u64), VmmError> {
    let (mut allocate, mut free) = (0, 0);
    for _ in 0..TIMES {
        let start = instructions();
        let pages = vmm.allocate(1)?;
        let middle = instructions();
        vmm.free(pages)?;
        allocate += middle - start;
        free += instructions() - middle;
    }
    Ok((allocate / TIMES, free / TIMES))
}

/// Measures the same after many allocations, of which every second one was freed.
fn with_many_allocations() -> Result<(u64, u64), Failed> {
    let mut allocated: Vec<PageRange> = Vec::with_capacity(MANY);
    let costs = memory::with(|memory| {
        let vmm = &mut **memory.manager();
        for _ in 0..MANY {
            allocated.push(vmm.allocate(1)?);
        }
        for pages in allocated.iter().step_by(2) {
            vmm.free(*pages)?;
        }
        of_one_allocation(vmm)
    });
    match costs {
        Ok(costs) => Ok(costs),
        Err(error) => fail!(expected: ("{MANY} allocations of a page, and to free half of them"), saw: ("{error}")),
    }
}

/// Maps a page and unmaps it again, where the only other page of the table is far from it.
fn of_one_page(vmm: &mut Vmm) -> Result<(u64, u64), VmmError> {
    let pages = vmm.allocate(1)?;
    let frame = match vmm.translate(Space::Kernel, pages.first().start()) {
        Some(translation) => Frame::containing(translation.address),
        None => return Err(VmmError::NotMapped),
    };
    vmm.map(Space::Kernel, FAR_PAGE, frame, Protection::USER_WRITE)?;
    let (mut map, mut unmap) = (0, 0);
    for _ in 0..TIMES {
        let start = instructions();
        vmm.map(Space::Kernel, USER_PAGE, frame, Protection::USER_WRITE)?;
        let middle = instructions();
        vmm.unmap(Space::Kernel, USER_PAGE)?;
        map += middle - start;
        unmap += instructions() - middle;
    }
    vmm.unmap(Space::Kernel, FAR_PAGE)?;
    vmm.free(pages)?;
    Ok((map / TIMES, unmap / TIMES))
}

/// Measures forks, exits, calls and switches. The machine has to be started with the programs.
pub fn of_processes(context: &mut Context) -> Outcome {
    for program in ["costs", "costs-image"] {
        let Ending { status, output } = run_program(context, program, &[])?;
        ensure!(status.code() == Some(0), expected: ("{program} to end well"), saw: ("{program} {status}"));
        let output = str::from_utf8(&output).unwrap_or_default();
        for line in output.lines() {
            let mut words = line.split(' ');
            let (Some(name), Some(number), Some(unit)) = (words.next(), words.next(), words.next()) else { continue };
            let Ok(number) = number.parse() else { continue };
            context.measure(name, number, unit);
        }
    }
    Ok(())
}
