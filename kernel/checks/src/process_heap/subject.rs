//! Processes that have a heap and little else.

use core::cell::RefCell;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::circumstances;
use kernel_core::labs::{Manager, ProcessHeap};
use kernel_core::memory::paged::PagedMachine;
use kernel_core::words::told;
use mm_api::layout::{USER_CODE_START, USER_STACK_END, USER_STACK_GUARD};
use mm_api::{BreakError, Directory, Frame, Page, PageRange, Protection, Space, VirtAddr};

use super::words::{Answer, At};
use kernel_system::pages::{PagesOfSeveral, Part, SpacePages};

/// The rights to the pages of a heap.
const HEAP: Protection = Protection::USER_WRITE;

/// The page with the code that accesses memory in ring 3.
pub const CODE: Page = Page::containing(USER_CODE_START);

/// The only page of a process's stack: the topmost.
pub const STACK: Page = Page::containing(VirtAddr::new(USER_STACK_END.as_u32() - 1));

/// The machine that the processes are on.
pub struct Subject<'m> {
    /// The virtual memory manager.
    pub vmm: Manager,
    /// The machine.
    pub machine: &'static PagedMachine,
    /// The check's context.
    pub context: &'m mut Context,
    /// The frame with the code for ring 3, which all processes have.
    code: Frame,
}

/// An address space, with everything in it except a heap.
pub struct Home {
    /// Its page directory.
    pub directory: Directory,
    stack: Frame,
    /// The pages that a heap may have.
    part: PageRange,
}

/// A process: an address space, and a heap in it.
pub struct Process {
    /// The address space.
    pub home: Home,
    /// The lab's heap.
    pub heap: ProcessHeap,
}

/// Makes a heap that the lab must not refuse.
pub fn new_heap(context: &Context, image_end: VirtAddr, limit: VirtAddr) -> Result<ProcessHeap, Failed> {
    match context.labs().process_heap(image_end, limit) {
        Ok(heap) => Ok(heap),
        Err(error) => fail!(expected: ("a heap from new({image_end}, {limit})"), saw: ("{}", told(&error))),
    }
}

/// Runs a check on a machine with the kernel's directory loaded, on which
/// processes can be made, and fails if they leave frames behind. Can be called once per
/// boot: the machine's frames are given to one allocator only.
pub fn on_processes(context: &mut Context, work: impl FnOnce(&mut Subject<'_>) -> Outcome) -> Outcome {
    let map = context.machine_map();
    let labs = context.labs();
    let frames = match labs.frames(&map, context.machine_lender()) {
        Ok(frames) => frames,
        Err(error) => fail!(expected: ("a frame allocator for this machine"), saw: ("{error}")),
    };
    let machine = context.paged_machine(frames)?;
    let mappings = machine.mappings();
    let mut vmm = match labs.manager(machine.handle(), &machine.layout(&mappings)) {
        Ok(vmm) => vmm,
        Err(error) => fail!(expected: ("the kernel's page directory"), saw: ("{}", told(&error))),
    };
    vmm.load(Space::Kernel);
    let Some(code) = machine.take_frame() else { fail!(expected: ("a frame for a program"), saw: ("none is free")) };
    machine.put_user_code(code, CODE);
    let before = machine.free_frames();
    work(&mut Subject { vmm, machine, context, code })?;
    let after = machine.free_frames();
    ensure!(
        after == before,
        expected: ("{before} free frames when all processes have ended, as before the first one"),
        saw: ("{after}")
    );
    Ok(())
}

/// Runs a check on one process with an ordinary heap, and ends it.
pub fn on_process(context: &mut Context, work: impl FnOnce(&mut Subject<'_>, &mut Process) -> Outcome) -> Outcome {
    on_processes(context, |subject| subject.with_process(USER_CODE_START, work))
}

impl Process {
    /// Where its heap starts.
    pub fn start(&self) -> VirtAddr {
        self.heap.start()
    }

    /// The break.
    pub fn end(&self) -> VirtAddr {
        self.heap.current()
    }

    /// The address `bytes` past the heap's start.
    pub fn at(&self, bytes: u32) -> VirtAddr {
        VirtAddr::new(self.heap.start().as_u32().wrapping_add(bytes))
    }

    /// An address, with its distance from the heap's start.
    pub fn tell(&self, address: VirtAddr) -> At {
        At { start: self.heap.start(), address }
    }
}

impl Subject<'_> {
    /// A process whose program ends at `image_end`, with an empty heap.
    pub fn process(&mut self, image_end: VirtAddr) -> Result<Process, Failed> {
        self.process_up_to(image_end, USER_STACK_GUARD)
    }

    /// A process with another limit of its heap than the layout's.
    pub fn process_up_to(&mut self, image_end: VirtAddr, limit: VirtAddr) -> Result<Process, Failed> {
        let heap = new_heap(self.context, image_end, limit)?;
        Ok(Process { home: self.home(heap.start())?, heap })
    }

    /// Calls `work` with a process whose program ends at `image_end`, and ends the process.
    pub fn with_process(
        &mut self,
        image_end: VirtAddr,
        work: impl FnOnce(&mut Self, &mut Process) -> Outcome,
    ) -> Outcome {
        let mut process = self.process(image_end)?;
        work(self, &mut process)?;
        self.end(process)
    }

    /// An address space for a process whose heap starts at `start`.
    pub fn home(&mut self, start: VirtAddr) -> Result<Home, Failed> {
        let Ok(directory) = self.vmm.create_directory() else {
            fail!(expected: ("a page directory for a process"), saw: ("the frames ran out"))
        };
        let Some(stack) = self.machine.take_frame() else {
            fail!(expected: ("a frame for a stack"), saw: ("none is free"))
        };
        let home = Home { directory, stack, part: PageRange::between(start, USER_STACK_GUARD) };
        self.map_at(&home, CODE, self.code, Protection::USER_READ)?;
        self.map_at(&home, STACK, stack, HEAP)?;
        Ok(home)
    }

    /// Maps a page of a process that is not the heap's.
    pub fn map_at(&mut self, home: &Home, page: Page, frame: Frame, protection: Protection) -> Outcome {
        match self.vmm.map(Space::Of(&home.directory), page, frame, protection) {
            Ok(()) => Ok(()),
            Err(error) => fail!(expected: ("{page} to be mapped for a process"), saw: ("{}", told(&error))),
        }
    }

    /// Unmaps such a page, and gives its frame back.
    pub fn unmap_at(&mut self, home: &Home, page: Page) -> Outcome {
        match self.vmm.unmap(Space::Of(&home.directory), page) {
            Ok(frame) => {
                self.machine.give_back(frame);
            }
            Err(error) => fail!(expected: ("{page} to be mapped still"), saw: ("{}", told(&error))),
        }
        Ok(())
    }

    /// Ends a process: its heap is cleared, and its address space goes.
    pub fn end(&mut self, mut process: Process) -> Outcome {
        self.clear(&mut process);
        let (start, end) = (process.start(), process.end());
        ensure!(end == start, expected: ("the break at the start, {start}, after clear()"), saw: ("{end}"));
        self.ensure_pages(&process, format_args!("after clear()"))?;
        self.destroy(process.home);
        Ok(())
    }

    /// Destroys an address space in which there is no heap any more.
    pub fn destroy(&mut self, home: Home) {
        self.machine.give_back(home.stack);
        self.vmm.destroy_directory(home.directory);
    }

    /// Calls `work` with a process's pages and its heap.
    fn with_pages<R>(
        &mut self,
        process: &mut Process,
        work: impl FnOnce(&mut SpacePages<'_>, &mut ProcessHeap) -> R,
    ) -> R {
        let Home { directory, part, .. } = &process.home;
        let (space, part) = (Space::Of(directory), Part::user(*part, HEAP));
        let mut pages = SpacePages::new(&mut *self.vmm, self.machine, space, directory.frame(), part);
        work(&mut pages, &mut process.heap)
    }

    /// The heap's `brk`.
    pub fn brk(&mut self, process: &mut Process, address: VirtAddr) -> Result<(), BreakError> {
        circumstances::during(format_args!("brk({address})"), || {
            self.with_pages(process, |pages, heap| heap.brk(pages, address))
        })
    }

    /// The heap's `sbrk`.
    pub fn sbrk(&mut self, process: &mut Process, increment: i32) -> Result<VirtAddr, BreakError> {
        circumstances::during(format_args!("sbrk({increment})"), || {
            self.with_pages(process, |pages, heap| heap.sbrk(pages, increment))
        })
    }

    /// The heap's `clear`.
    pub fn clear(&mut self, process: &mut Process) {
        circumstances::during(format_args!("clear()"), || self.with_pages(process, |pages, heap| heap.clear(pages)));
    }

    /// The heap's `fork`, into an address space that was made for it.
    pub fn fork_into(&mut self, parent: &Process, home: &Home) -> Result<ProcessHeap, BreakError> {
        let vmm = RefCell::new(&mut *self.vmm);
        let pages = |home: &'_ Home| Part::user(home.part, HEAP);
        let (old, new) = (&parent.home.directory, &home.directory);
        let from = PagesOfSeveral::new(&vmm, self.machine, Space::Of(old), old.frame(), pages(&parent.home));
        let mut to = PagesOfSeveral::new(&vmm, self.machine, Space::Of(new), new.frame(), pages(home));
        circumstances::during(format_args!("fork()"), || parent.heap.fork(&from, &mut to))
    }

    /// A copy of a process; the fork has to succeed.
    pub fn fork(&mut self, parent: &Process) -> Result<Process, Failed> {
        let home = self.home(parent.start())?;
        match self.fork_into(parent, &home) {
            Ok(heap) => Ok(Process { home, heap }),
            Err(error) => fail!(
                expected: ("fork() to copy a heap of {} bytes", parent.end().as_u32() - parent.start().as_u32()),
                saw: ("{}", told(&error))
            ),
        }
    }

    /// Moves the break to `address` with `brk`, which has to succeed.
    pub fn move_to(&mut self, process: &mut Process, address: VirtAddr) -> Outcome {
        let old = process.end();
        let answer = self.brk(process, address);
        let call = format_args!("brk({}), where the break is {},", process.tell(address), process.tell(old));
        ensure!(answer == Ok(()), expected: ("{call} to succeed"), saw: ("{}", Answer(answer)));
        let new = process.end();
        ensure!(
            new == address,
            expected: ("the break at {} after {call} has succeeded", process.tell(address)),
            saw: ("{}", process.tell(new))
        );
        Ok(())
    }

    /// Moves the break so that the heap has `bytes` bytes.
    pub fn resize(&mut self, process: &mut Process, bytes: u32) -> Outcome {
        self.move_to(process, process.at(bytes))
    }

    /// A random number below `bound`.
    pub fn random(&mut self, bound: u32) -> u32 {
        self.context.rng().below(bound)
    }

    /// Takes frames until only this many are left.
    pub fn leave_frames(&self, left: u32) -> Taken {
        // Each frame holds the number of the one that was taken before it.
        let mut taken = Taken { last: None };
        while self.machine.free_frames() > left {
            let Some(frame) = self.machine.take_frame() else { break };
            self.machine.fill(frame, taken.last.map_or(u32::MAX, Frame::number));
            taken.last = Some(frame);
        }
        taken
    }

    /// Gives those frames back.
    pub fn return_frames(&self, taken: Taken) {
        let mut next = taken.last;
        while let Some(frame) = next {
            next = self.machine.word(frame.start()).and_then(Frame::new);
            self.machine.give_back(frame);
        }
    }
}

/// Frames withdrawn from everybody else.
#[must_use = "frames that are not given back are lost"]
pub struct Taken {
    last: Option<Frame>,
}
