//! The memory of a process: its directory and the contents of its user half.
//!
//! The list of regions is the only record of where everything is. The kind of a region decides
//! where its pages get memory: image pages are mapped here, those of the heap by lab 04, those of
//! the stack by lab 05, and those of mappings by lab 07, on demand. A fork shares all of them, and
//! lab 07 copies a page at the first write to it.

use abi::Errno;
use kernel_core::labs::{ProcessHeap, UserStack};
use loader::Program;
use mm_api::layout::{PAGE_SIZE, USER_STACK_END, USER_STACK_GUARD, USER_STACK_START};
use mm_api::{
    Arguments, Directory, PageError, PageRange, Pages, Purpose, Region, Rights, SharedPages, Sharing, Space,
    StackError, VirtAddr,
};

use super::adopting::Adopting;
use super::clearing::Clearing;
use super::regions::Regions;
use super::spawn_error::SpawnError;
use crate::memory::{self, Memory, UserHalf};
use crate::pages::ForkPages;

/// The stack's region, and the guard page below it.
const STACK: PageRange = PageRange::between(USER_STACK_START, USER_STACK_END);
const GUARD: PageRange = PageRange::between(USER_STACK_GUARD, USER_STACK_START);

/// The memory of a process.
pub struct AddressSpace {
    pub(super) regions: Regions,
    pub(super) mapped: Mapped,
}

/// The parts of the memory that the labs made. Nothing of it is on the kernel's heap, which cannot
/// be used while the system's memory is held.
pub(super) struct Mapped {
    pub(super) directory: Directory,
    /// The pages that lab 04 may use: those between the image and the stack's guard page.
    heap_part: PageRange,
    heap: ProcessHeap,
    pub(super) stack: UserStack,
}

impl AddressSpace {
    /// Loads a program. Returns its memory, and the stack pointer that it begins with.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn load(program: &Program<'_>, arguments: &Arguments<'_>) -> Result<(Self, VirtAddr), SpawnError> {
        let regions = regions_of(program)?;
        let (mapped, stack) = memory::with(|memory| Mapped::load(memory, &regions, program, arguments))?;
        Ok((Self { regions, mapped }, stack))
    }

    /// Copies the memory for a new process.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn fork(&self) -> Result<Self, SpawnError> {
        let regions = self.regions.duplicate().map_err(|_| SpawnError::KernelHeap)?;
        let mapped = memory::with(|memory| self.mapped.fork(memory, &regions))?;
        Ok(Self { regions, mapped })
    }

    /// Gives all of the memory back. If its directory is loaded, the kernel's own is loaded first.
    pub fn destroy(self) {
        let Self { regions, mapped } = self;
        memory::with(|memory| mapped.destroy(memory, &regions));
    }

    /// Loads the directory, so that the processor uses this memory.
    pub fn activate(&self) {
        memory::with(|memory| memory.load(Space::Of(&self.mapped.directory)));
    }

    /// Moves the break to an address if it can. Returns the break as it is afterwards.
    pub fn brk(&mut self, address: VirtAddr) -> VirtAddr {
        // The break itself says whether it moved.
        let _ = self.move_break(address, |heap, pages| heap.brk(pages, address).map(|()| address));
        self.mapped.heap.current()
    }

    /// Moves the break by `increment` bytes. Returns the break as it was before.
    ///
    /// # Errors
    /// `ENOMEM` if the break cannot be moved there.
    pub fn sbrk(&mut self, increment: i32) -> Result<VirtAddr, Errno> {
        let target = self.mapped.heap.current().as_u32().checked_add_signed(increment);
        let target = target.map(VirtAddr::new).ok_or(Errno::ENOMEM)?;
        self.move_break(target, |heap, pages| heap.sbrk(pages, increment))
    }

    /// Has lab 04 move the break to an address, if no other region is in the way.
    fn move_break<E>(
        &mut self,
        target: VirtAddr,
        work: impl FnOnce(&mut ProcessHeap, &mut dyn Pages) -> Result<VirtAddr, E>,
    ) -> Result<VirtAddr, Errno> {
        self.regions.reserve(1)?;
        let Self { regions, mapped } = self;
        let old = mapped.heap.current();
        if regions.overlap(pages_between(old, target)) {
            return Err(Errno::ENOMEM);
        }
        let answer = memory::with(|memory| {
            let mut pages = memory.user_pages(&mapped.directory);
            // Lab 04 clears the rest of the page above the break, and has no way to learn that no
            // frame is free for a copy of that page.
            pages.own(mm_api::Page::containing(old)).map_err(|_| Errno::ENOMEM)?;
            work(&mut mapped.heap, &mut pages.within(mapped.heap_part)).map_err(|_| Errno::ENOMEM)
        });
        regions.move_break(old, mapped.heap.current());
        answer
    }

    /// Grows the stack down to an address.
    ///
    /// # Errors
    /// As [`mm_api::UserStack::grow`].
    pub(super) fn grow_stack(&mut self, memory: &mut Memory, address: VirtAddr) -> Result<(), StackError> {
        let Mapped { directory, stack, .. } = &mut self.mapped;
        let old = stack.bottom();
        let pages = memory.user_pages(directory);
        // Lab 05 cannot reach the part of the stack that the program has already.
        let lowest = pages.first_mapped(STACK).map_or(USER_STACK_END, mm_api::Page::start);
        stack.grow(&mut pages.within(PageRange::between(USER_STACK_START, lowest)), address)?;
        self.apply_rights(memory, PageRange::between(self.mapped.stack.bottom(), old));
        Ok(())
    }

    /// Gives the mapped pages the protection that their regions allow. A page with a shared frame
    /// stays read-only until the first write.
    pub(super) fn apply_rights(&self, memory: &mut Memory, pages: PageRange) {
        for region in self.regions.as_slice().iter().filter(|region| region.overlaps(pages)) {
            memory.user_pages(&self.mapped.directory).apply_rights(region, region.pages.intersection(pages));
        }
    }

    /// The page directory.
    pub fn directory(&self) -> &Directory {
        &self.mapped.directory
    }

    /// The regions, by ascending address.
    pub fn regions(&self) -> &[Region] {
        self.regions.as_slice()
    }

    /// The break: the address at which the heap ends.
    pub fn heap_end(&self) -> VirtAddr {
        self.mapped.heap.current()
    }

    /// Reads from the tables what is mapped in a part of the user half, without asking the labs.
    pub fn mapped_in(&self, part: PageRange) -> UserHalf {
        memory::with(|memory| memory.user_half(&self.mapped.directory, part))
    }
}

/// The regions that a program begins with.
fn regions_of(program: &Program<'_>) -> Result<Regions, SpawnError> {
    let mut regions = Regions::new();
    regions.reserve(program.segments().count() + 2).map_err(|_| SpawnError::KernelHeap)?;
    for segment in program.segments() {
        let rights = Rights { read: true, write: segment.is_writable(), execute: segment.is_executable() };
        regions.add(private(segment.pages(), rights, Purpose::Image));
    }
    if regions.overlap(GUARD) || regions.overlap(STACK) {
        return Err(SpawnError::Image(PageError::Occupied));
    }
    regions.add(private(GUARD, Rights::NONE, Purpose::Guard));
    regions.add(private(STACK, Rights::READ_WRITE, Purpose::Stack));
    Ok(regions)
}

/// A region whose pages are private to one process.
const fn private(pages: PageRange, rights: Rights, purpose: Purpose) -> Region {
    Region { pages, rights, purpose, sharing: Sharing::Private }
}

/// The pages that a heap gains if its break moves from one address to another.
fn pages_between(old: VirtAddr, new: VirtAddr) -> PageRange {
    let up = |address: VirtAddr| address.as_u32().checked_next_multiple_of(PAGE_SIZE).unwrap_or(u32::MAX);
    PageRange::between(VirtAddr::new(up(old)), VirtAddr::new(up(new)))
}

impl Mapped {
    fn load(
        memory: &mut Memory,
        regions: &Regions,
        program: &Program<'_>,
        arguments: &Arguments<'_>,
    ) -> Result<(Self, VirtAddr), SpawnError> {
        let image_end = program.end().start();
        let heap_part = PageRange::between(image_end, USER_STACK_GUARD);
        let heap = memory.labs().process_heap(image_end, USER_STACK_GUARD).map_err(SpawnError::Heap)?;
        let directory = memory.create_directory().map_err(SpawnError::Directory)?;
        match Self::fill(memory, &directory, regions, program, arguments) {
            Ok((stack, pointer)) => Ok((Self { directory, heap_part, heap, stack }, pointer)),
            Err(error) => {
                discard(memory, directory, regions);
                Err(error)
            }
        }
    }

    /// Fills a new directory. After an error some of the image may be mapped.
    fn fill(
        memory: &mut Memory,
        directory: &Directory,
        regions: &Regions,
        program: &Program<'_>,
        arguments: &Arguments<'_>,
    ) -> Result<(UserStack, VirtAddr), SpawnError> {
        let labs = memory.labs();
        load_image(&mut memory.user_pages(directory), program).map_err(SpawnError::Image)?;
        let pages = &mut memory.user_pages(directory).within(STACK);
        let mut stack = labs.user_stack(pages).map_err(SpawnError::Stack)?;
        let pointer = match stack.set_up(pages, arguments) {
            Ok(pointer) => pointer,
            Err(error) => {
                stack.destroy(pages);
                return Err(SpawnError::Stack(error));
            }
        };
        let is_on_stack = STACK.contains(mm_api::Page::containing(pointer));
        assert!(is_on_stack, "set_up() answered {pointer}, where the stack is not: the program would work elsewhere");
        let pages = &mut memory.user_pages(directory);
        for region in regions.as_slice().iter().filter(|region| region.purpose == Purpose::Image) {
            pages.apply_rights(region, region.pages);
        }
        Ok((stack, pointer))
    }

    fn fork(&self, memory: &mut Memory, regions: &Regions) -> Result<Self, SpawnError> {
        let directory = memory.create_directory().map_err(SpawnError::Directory)?;
        match self.copy(memory, &directory, regions) {
            Ok((heap, stack)) => Ok(Self { directory, heap_part: self.heap_part, heap, stack }),
            Err(error) => {
                discard(memory, directory, regions);
                Err(error)
            }
        }
    }

    /// Shares all pages with a new directory. After an error some of them may be mapped there.
    fn copy(
        &self,
        memory: &mut Memory,
        directory: &Directory,
        regions: &Regions,
    ) -> Result<(ProcessHeap, UserStack), SpawnError> {
        let demand = memory.labs().demand_paging();
        memory.with_fork(&self.directory, directory, |fork, parent| {
            for region in regions.as_slice().iter().filter(|region| is_kernels_own(region)) {
                (demand.fork)(&mut fork.of_region(region), region).map_err(SpawnError::Image)?;
            }
            let adopting = |part| Adopting::new(fork, part, regions, demand);
            let mut heap_pages = adopting(self.heap_part);
            let mut heap = self.heap.fork(&parent.within(self.heap_part), &mut heap_pages).map_err(SpawnError::Heap)?;
            let mut stack_pages = Clearing::new(adopting(STACK), STACK);
            match self.stack.fork(&parent.within(STACK), &mut stack_pages) {
                Ok(stack) => {
                    stack_pages.finish();
                    ensure_copied(fork);
                    Ok((heap, stack))
                }
                Err(error) => {
                    heap.clear(&mut heap_pages);
                    Err(SpawnError::Stack(error))
                }
            }
        })
    }

    fn destroy(self, memory: &mut Memory, regions: &Regions) {
        let Self { directory, heap_part, mut heap, stack } = self;
        if memory.machine().directory() == directory.frame() {
            memory.load(Space::Kernel);
        }
        heap.clear(&mut memory.user_pages(&directory).within(heap_part));
        stack.destroy(&mut memory.user_pages(&directory).within(STACK));
        discard(memory, directory, regions);
    }
}

/// Panics unless every page that the child has of the stack equals the parent's: the child goes on
/// where its stack says.
fn ensure_copied(fork: &ForkPages<'_, '_>) {
    let unlike = fork.first_unlike(STACK);
    if let Some(page) = unlike {
        panic!("fork() of the stack succeeded, but {page} has other bytes than in the parent");
    }
}

/// Maps the pages of an image, and fills them from the program's file. After an error some of them
/// may be mapped.
fn load_image(pages: &mut dyn Pages, program: &Program<'_>) -> Result<(), PageError> {
    for segment in program.segments() {
        for page in segment.pages().iter() {
            pages.map(page)?;
            pages.zero(page.start(), PAGE_SIZE);
        }
        pages.write(segment.start(), segment.bytes());
    }
    Ok(())
}

/// Destroys a directory after unmapping its image and its mappings. Pages of heap and stack that
/// labs 04 and 05 have left mapped stay, so that an audit finds them.
fn discard(memory: &mut Memory, directory: Directory, regions: &Regions) {
    for region in regions.as_slice().iter().filter(|region| is_kernels_own(region)) {
        memory.user_pages(&directory).unmap_in(region.pages);
    }
    memory.destroy_directory(directory);
}

/// Whether the kernel itself maps and unmaps the pages of a region, and not lab 04 or 05.
fn is_kernels_own(region: &Region) -> bool {
    matches!(region.purpose, Purpose::Image | Purpose::Mapping)
}
