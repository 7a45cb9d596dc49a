//! The memory of a process: its directory, and what is in its user half.
//!
//! Pages of the user half are all mapped one by one: those of the image here,
//! those of the heap by lab 04, those of the stack by lab 05. So what is mapped
//! is unmapped in the same way, before the directory goes.

use abi::Errno;
use kernel_core::labs::{ProcessHeap, UserStack};
use loader::Program;
use mm_api::layout::{PAGE_SIZE, USER_STACK_END, USER_STACK_GUARD};
use mm_api::{Arguments, Directory, PageRange, Protection, Space, StackError, VirtAddr};

use super::exec_image::ExecImage;
use super::spawn_error::SpawnError;
use crate::memory::{self, Memory, SystemPages};

/// The memory of a process.
pub struct AddressSpace {
    image: ExecImage,
    mapped: Mapped,
}

/// Everything of it that the labs made. It has nothing on the kernel's heap, which
/// cannot be used while the system's memory is held.
struct Mapped {
    directory: Directory,
    heap: ProcessHeap,
    stack: UserStack,
}

impl AddressSpace {
    /// Loads a program. The second part of the answer is the stack pointer that it
    /// begins with.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn load(program: &Program<'_>, arguments: &Arguments<'_>) -> Result<(Self, VirtAddr), SpawnError> {
        let image = ExecImage::of(program)?;
        let (mapped, stack) = memory::with(|memory| Mapped::load(memory, &image, program, arguments))?;
        Ok((Self { image, mapped }, stack))
    }

    /// The same memory once more, for a new process.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn fork(&self) -> Result<Self, SpawnError> {
        let image = self.image.duplicate()?;
        let mapped = memory::with(|memory| self.mapped.fork(memory, &image))?;
        Ok(Self { image, mapped })
    }

    /// Gives everything back. If it is loaded, the kernel's own is loaded first.
    pub fn destroy(self) {
        let Self { image, mapped } = self;
        memory::with(|memory| mapped.destroy(memory, &image));
    }

    /// Makes it the one that is loaded.
    pub fn activate(&self) {
        memory::with(|memory| memory.load(Space::Of(&self.mapped.directory)));
    }

    /// Moves the break to an address, and returns where it is then.
    pub fn brk(&mut self, address: VirtAddr) -> VirtAddr {
        let Mapped { directory, heap, .. } = &mut self.mapped;
        memory::with(|memory| {
            // The answer says whether it moved.
            let _ = heap.brk(&mut user_pages(memory, directory), address);
        });
        heap.current()
    }

    /// Moves the break by so many bytes, and returns where it was.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn sbrk(&mut self, increment: i32) -> Result<VirtAddr, Errno> {
        let Mapped { directory, heap, .. } = &mut self.mapped;
        memory::with(|memory| heap.sbrk(&mut user_pages(memory, directory), increment).map_err(|_| Errno::ENOMEM))
    }

    /// Grows the stack down to an address.
    ///
    /// # Errors
    /// As [`mm_api::UserStack::grow`].
    pub fn grow_stack(&mut self, address: VirtAddr) -> Result<(), StackError> {
        memory::with(|memory| self.grow_stack_in(memory, address))
    }

    /// The same, where the memory is held already.
    pub fn grow_stack_in(&mut self, memory: &mut Memory, address: VirtAddr) -> Result<(), StackError> {
        let Mapped { directory, stack, .. } = &mut self.mapped;
        stack.grow(&mut user_pages(memory, directory), address)
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        &self.mapped.directory
    }

    /// The image.
    pub fn image(&self) -> &ExecImage {
        &self.image
    }

    /// Where the heap starts, and where it ends.
    pub fn heap(&self) -> (VirtAddr, VirtAddr) {
        (self.mapped.heap.start(), self.mapped.heap.current())
    }

    /// How many pages are mapped where the heap may be, whatever lab 04 says; and how
    /// many page tables the process has.
    pub fn heap_pages_and_tables(&self) -> (u32, u32) {
        let part = PageRange::between(self.mapped.heap.start(), USER_STACK_GUARD);
        let found = memory::with(|memory| memory.user_half(&self.mapped.directory, part));
        (found.pages, found.tables)
    }

    /// The stack's lowest mapped address.
    pub fn stack_bottom(&self) -> VirtAddr {
        self.mapped.stack.bottom()
    }

    /// How many pages the stack has.
    pub fn stack_pages(&self) -> u32 {
        USER_STACK_END.as_u32().saturating_sub(self.stack_bottom().as_u32()) / PAGE_SIZE
    }
}

impl Mapped {
    fn load(
        memory: &mut Memory,
        image: &ExecImage,
        program: &Program<'_>,
        arguments: &Arguments<'_>,
    ) -> Result<(Self, VirtAddr), SpawnError> {
        let heap = memory.labs().process_heap(program.end().start(), USER_STACK_GUARD).map_err(SpawnError::Heap)?;
        let directory = memory.create_directory().map_err(SpawnError::Directory)?;
        let result = Self::fill(memory, &directory, image, program, arguments);
        match result {
            Ok((stack, pointer)) => Ok((Self { directory, heap, stack }, pointer)),
            Err(error) => {
                discard(memory, directory, image);
                Err(error)
            }
        }
    }

    /// Fills a new directory. After an error some of the image may be mapped.
    fn fill(
        memory: &mut Memory,
        directory: &Directory,
        image: &ExecImage,
        program: &Program<'_>,
        arguments: &Arguments<'_>,
    ) -> Result<(UserStack, VirtAddr), SpawnError> {
        let labs = memory.labs();
        let pages = &mut user_pages(memory, directory);
        image.load(pages, program).map_err(SpawnError::Image)?;
        let mut stack = labs.user_stack(pages).map_err(SpawnError::Stack)?;
        let pointer = match stack.set_up(pages, arguments) {
            Ok(pointer) => pointer,
            Err(error) => {
                stack.destroy(pages);
                return Err(SpawnError::Stack(error));
            }
        };
        protect(memory, directory, image);
        Ok((stack, pointer))
    }

    fn fork(&self, memory: &mut Memory, image: &ExecImage) -> Result<Self, SpawnError> {
        let directory = memory.create_directory().map_err(SpawnError::Directory)?;
        match self.copy(memory, &directory, image) {
            Ok((heap, stack)) => Ok(Self { directory, heap, stack }),
            Err(error) => {
                discard(memory, directory, image);
                Err(error)
            }
        }
    }

    /// Copies everything to a new directory. After an error some of the image may
    /// be mapped.
    fn copy(
        &self,
        memory: &mut Memory,
        directory: &Directory,
        image: &ExecImage,
    ) -> Result<(ProcessHeap, UserStack), SpawnError> {
        let copies = memory.with_two_users(&self.directory, directory, Protection::USER_WRITE, |from, to| {
            image.copy(from, to).map_err(SpawnError::Image)?;
            let mut heap = self.heap.fork(from, to).map_err(SpawnError::Heap)?;
            match self.stack.fork(from, to) {
                Ok(stack) => Ok((heap, stack)),
                Err(error) => {
                    heap.clear(to);
                    Err(SpawnError::Stack(error))
                }
            }
        })?;
        protect(memory, directory, image);
        Ok(copies)
    }

    fn destroy(self, memory: &mut Memory, image: &ExecImage) {
        let Self { directory, mut heap, stack } = self;
        if memory.machine().directory() == directory.frame() {
            memory.load(Space::Kernel);
        }
        heap.clear(&mut user_pages(memory, &directory));
        stack.destroy(&mut user_pages(memory, &directory));
        discard(memory, directory, image);
    }
}

/// The pages of a directory's user half, for as long as the memory is held.
fn user_pages<'a>(memory: &'a mut Memory, directory: &'a Directory) -> SystemPages<'a> {
    memory.user_pages(directory, Protection::USER_WRITE)
}

/// Takes the right to write from those parts of a loaded image that are not for that.
fn protect(memory: &mut Memory, directory: &Directory, image: &ExecImage) {
    for region in image.regions().iter().filter(|region| !region.writable) {
        for page in region.pages.iter() {
            if let Err(error) = memory.protect(Space::Of(directory), page, Protection::USER_READ) {
                panic!("{page}, which was just mapped, cannot be protected: {error}");
            }
        }
    }
}

/// Gives back a directory in which nothing is mapped but, maybe, some of an image.
fn discard(memory: &mut Memory, directory: Directory, image: &ExecImage) {
    image.unload(&mut user_pages(memory, &directory));
    memory.destroy_directory(directory);
}
