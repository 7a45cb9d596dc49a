//! Processes that have a heap and little else, and the questions that the checks
//! have in common.

use kernel_core::check::{Context, Failed, Outcome};
use kernel_core::memory::paged::PagedMachine;
use kernel_core::{ensure, fail};
use mm_api::layout::{PAGE_SIZE, USER_CODE_START, USER_STACK_GUARD, USER_STACK_SIZE, USER_STACK_START};
use mm_api::{
    Directory, Entry, Frame, FrameAllocator, Page, PageRange, ProcessHeap as _, Protection, Space, TableIndex,
    VirtAddr, VirtualMemory,
};

use crate::labs::{FrameAllocator as Pmm, ProcessHeap, VirtualMemory as Vmm};
use crate::pages::SpacePages;

/// The machine that the processes are on.
pub struct Subject<'m, 'f> {
    /// The virtual memory manager.
    vmm: Vmm<'m, 'f>,
    /// The machine.
    pub machine: &'m PagedMachine<'f>,
    /// The check's context.
    pub context: &'m mut Context,
    /// The frame with the code for ring 3, which all processes have.
    code: Frame,
}

/// A process: an address space, and a heap in it.
pub struct Process {
    directory: Directory,
    /// The lab's heap.
    pub heap: ProcessHeap,
    /// A page of the stack, which is not the heap's.
    stack: Frame,
    /// The pages that the heap may have.
    part: PageRange,
}

/// Has a heap made that has to be made.
pub fn with_heap(image_end: VirtAddr, limit: VirtAddr, work: impl FnOnce(&ProcessHeap) -> Outcome) -> Outcome {
    match ProcessHeap::new(image_end, limit) {
        Ok(heap) => work(&heap),
        Err(error) => fail!(expected: ("a heap from new({image_end}, {limit})"), saw: ("{error} ({error:?})")),
    }
}

/// Runs a check on a machine with the kernel's directory loaded, on which
/// processes can be made, and looks whether they left something behind.
pub fn on_processes(context: &mut Context, work: impl FnOnce(&mut Subject<'_, '_>) -> Outcome) -> Outcome {
    let map = context.machine_map();
    let mut frames = match Pmm::new(&map, context.machine_lender()) {
        Ok(frames) => frames,
        Err(error) => fail!(expected: ("a frame allocator for this machine"), saw: ("{error}")),
    };
    let machine = PagedMachine::new(context, &mut frames)?;
    let mappings = machine.mappings();
    let mut vmm = match Vmm::new(machine.handle(), &machine.layout(&mappings)) {
        Ok(vmm) => vmm,
        Err(error) => fail!(expected: ("the kernel's page directory"), saw: ("the error {error:?}")),
    };
    vmm.load(Space::Kernel);
    let Some(code) = machine.take_frame() else { fail!(expected: ("a frame for a program"), saw: ("none is free")) };
    machine.put_user_code(code, Page::containing(USER_CODE_START));
    let before = machine.free_frames();
    work(&mut Subject { vmm, machine: &machine, context, code })?;
    let after = machine.free_frames();
    ensure!(after == before, expected: ("{before} free frames when all processes have ended"), saw: ("{after}"));
    Ok(())
}

/// The only page of a process's stack: the topmost.
const STACK: Page = Page::containing(VirtAddr::new(USER_STACK_START.as_u32() + USER_STACK_SIZE - 1));

impl<'m, 'f> Subject<'m, 'f> {
    /// A process whose program ends at `image_end`, with an empty heap.
    pub fn process(&mut self, image_end: VirtAddr) -> Result<Process, Failed> {
        let heap = match ProcessHeap::new(image_end, USER_STACK_GUARD) {
            Ok(heap) => heap,
            Err(error) => fail!(
                expected: ("a heap for a program that ends at {image_end}"),
                saw: ("{error} ({error:?})")
            ),
        };
        self.process_with(heap)
    }

    /// A process with this heap, which is empty.
    pub fn process_with(&mut self, heap: ProcessHeap) -> Result<Process, Failed> {
        let Ok(directory) = self.vmm.create_directory() else {
            fail!(expected: ("a page directory"), saw: ("the frames ran out"))
        };
        let Some(stack) = self.machine.take_frame() else {
            fail!(expected: ("a frame for a stack"), saw: ("none is free"))
        };
        let space = Space::Of(&directory);
        for (page, frame, protection) in [
            (Page::containing(USER_CODE_START), self.code, Protection::USER_READ),
            (STACK, stack, Protection::USER_WRITE),
        ] {
            if let Err(error) = self.vmm.map(space, page, frame, protection) {
                fail!(expected: ("{page} to be mapped for a process"), saw: ("the error {error:?}"));
            }
        }
        let part = PageRange::between(heap.start(), USER_STACK_GUARD);
        Ok(Process { directory, heap, stack, part })
    }

    /// Ends a process: its heap is cleared, and its directory goes.
    pub fn end(&mut self, mut process: Process) -> Outcome {
        self.with_pages(&process.directory, process.part, |pages| process.heap.clear(pages));
        self.ensure_pages(&process, "after clear()")?;
        self.machine.give_back(process.stack);
        self.vmm.destroy_directory(process.directory);
        Ok(())
    }

    /// Calls `work` with the pages of a space.
    fn with_pages<R>(
        &mut self,
        directory: &Directory,
        part: PageRange,
        work: impl FnOnce(&mut SpacePages<'_, 'm, 'f>) -> R,
    ) -> R {
        work(&mut SpacePages {
            vmm: &mut self.vmm,
            machine: self.machine,
            space: Space::Of(directory),
            part,
            protection: Protection::USER_WRITE,
        })
    }

    /// Fails unless exactly the pages are mapped that a byte of the heap lies in,
    /// and the two that do not belong to it.
    pub fn ensure_pages(&self, process: &Process, when: &str) -> Outcome {
        let (start, end) = (process.heap.start(), process.heap.current());
        let bytes = end.as_u32().wrapping_sub(start.as_u32());
        let expected = PageRange::new(Page::containing(start), bytes.div_ceil(PAGE_SIZE));
        let Some(expected) = expected.filter(|_| start <= end && end <= USER_STACK_GUARD) else {
            fail!(expected: ("the break between {start} and {USER_STACK_GUARD}"), saw: ("{end}"))
        };
        let mut mapped = 0;
        for page in self.mapped_pages(process) {
            if expected.contains(page) {
                mapped += 1;
            } else if page != STACK && page != Page::containing(USER_CODE_START) {
                fail!(
                    expected: ("no page but those of the heap to be mapped, {start} up to the break at {end}, {when}"),
                    saw: ("{page} is mapped")
                );
            }
        }
        if mapped < expected.len() {
            let root = process.directory.frame();
            let missing = expected.iter().find(|page| self.machine.walk(root, page.start()).is_err());
            let missing = missing.unwrap_or(expected.first());
            fail!(
                expected: ("every page of the heap to be mapped, {start} up to the break at {end}, {when}"),
                saw: ("{missing} is not mapped")
            );
        }
        Ok(())
    }

    /// Every page of a process's user half that its tables map.
    fn mapped_pages(&self, process: &Process) -> impl Iterator<Item = Page> {
        let entry = |table: Frame, index: TableIndex| {
            let word = self.machine.with_words(table, |words| words[index.as_u32() as usize]);
            Entry::from_bits(word.unwrap_or(0))
        };
        let root = process.directory.frame();
        let tables = TableIndex::user_half().map(move |index| (index, entry(root, index)));
        tables.filter(|(_, table)| table.is_present()).flat_map(move |(directory, table)| {
            TableIndex::all()
                .filter(move |index| entry(table.frame(), *index).is_present())
                .map(move |index| Page::from_indices(directory, index))
        })
    }
}
