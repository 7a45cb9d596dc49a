//! An address space for the stacks of a check, and the questions that
//! the checks have in common.

use core::cell::RefCell;
use core::fmt;

use crate::check::{Context, Failed, Outcome};
use crate::{ensure, fail};
use kernel_core::circumstances;
use kernel_core::labs::UserStack;
use kernel_core::memory::paged::POISON;
use kernel_core::words::told;
use mm_api::layout::{PAGE_SIZE, USER_SPACE_END, USER_STACK_END, USER_STACK_GUARD, USER_STACK_START};
use mm_api::{Directory, Frame, Page, PageError, PageRange, Pages, Protection, Space, StackError, VirtAddr};

use crate::vmm::subject::{State, Subject as Ground, booted, page};
use kernel_system::pages::{PagesOfSeveral, Part, SpacePages};

/// The first address past a user stack's region, as a number.
pub const END: u32 = USER_STACK_END.as_u32();

/// The pages of a user stack's region.
pub const REGION: PageRange = PageRange::between(USER_STACK_START, USER_STACK_END);

/// All pages of a process except the first, to which null pointers point.
const USER_HALF: PageRange = PageRange::between(VirtAddr::new(PAGE_SIZE), USER_SPACE_END);

/// A process's address space, which is loaded, and the machine under it.
pub struct Subject<'s, 'm> {
    /// The machine, its manager of virtual memory, and the check's context.
    pub ground: &'s mut Ground<'m>,
    /// The process's directory.
    pub process: Directory,
    /// How many more pages may be mapped; `None` for no limit but the free frames.
    allowance: Option<u32>,
}

/// Runs a check in a process's loaded address space. At the end, the process must have as
/// many pages as at the beginning: none.
pub fn on_process(context: &mut Context, work: impl FnOnce(&mut Subject<'_, '_>) -> Outcome) -> Outcome {
    booted(context, |ground| {
        let process = ground.directory()?;
        ground.load(Space::Of(&process))?;
        ground.prepare_ring_3(Space::Of(&process))?;
        ground.make_kernel_tables()?;
        let mut subject = Subject { ground, process, allowance: None };
        let before = subject.state();
        work(&mut subject)?;
        subject.ensure_unchanged(&before, "all of the check's stacks that come and go")?;
        let Subject { ground, process, .. } = subject;
        ground.vmm.destroy_directory(process);
        Ok(())
    })
}

/// The state that a stack operation may change: see [`Subject::state`].
pub struct Before {
    mapped: State,
    contents: u32,
    free_frames: u32,
}

impl Subject<'_, '_> {
    /// Calls `work` with the pages of the process's user half.
    pub fn with<R>(&mut self, work: impl FnOnce(&mut dyn Pages) -> R) -> R {
        let space = Space::Of(&self.process);
        let part = Part::user(USER_HALF, Protection::USER_WRITE);
        let pages = SpacePages::new(&mut *self.ground.vmm, self.ground.machine, space, self.process.frame(), part);
        work(&mut Limited { pages, allowance: &mut self.allowance })
    }

    /// Calls `work` with the pages of the process, and with those of another one.
    pub fn with_both<R>(&mut self, other: &Directory, work: impl FnOnce(&dyn Pages, &mut dyn Pages) -> R) -> R {
        let (vmm, machine) = (RefCell::new(&mut *self.ground.vmm), self.ground.machine);
        let part = Part::user(USER_HALF, Protection::USER_WRITE);
        let from = PagesOfSeveral::new(&vmm, machine, Space::Of(&self.process), self.process.frame(), part);
        let to = PagesOfSeveral::new(&vmm, machine, Space::Of(other), other.frame(), part);
        work(&from, &mut Limited { pages: to, allowance: &mut self.allowance })
    }

    /// Calls `work` with the pages of an area of the kernel's half.
    pub fn with_kernel<R>(&mut self, area: PageRange, work: impl FnOnce(&mut dyn Pages) -> R) -> R {
        let (vmm, machine) = (&mut *self.ground.vmm, self.ground.machine);
        let (root, part) = (vmm.root(Space::Kernel), Part::user(area, Protection::KERNEL_WRITE));
        let pages = SpacePages::new(vmm, machine, Space::Kernel, root, part);
        work(&mut Limited { pages, allowance: &mut self.allowance })
    }

    /// Lets only this many more pages be mapped, or, with `None`, all.
    pub fn allow_pages(&mut self, allowance: Option<u32>) {
        self.allowance = allowance;
    }

    /// Asks for a stack.
    pub fn try_create(&mut self) -> Result<UserStack, StackError> {
        let labs = self.ground.context.labs();
        circumstances::during(format_args!("create()"), || self.with(|pages| labs.user_stack(pages)))
    }

    /// Makes a stack, which has to succeed.
    pub fn create(&mut self) -> Result<UserStack, Failed> {
        match self.try_create() {
            Ok(stack) => Ok(stack),
            Err(error) => fail!(expected: ("create() to make a stack"), saw: ("{}", told(&error))),
        }
    }

    /// Grows a stack, which has to succeed.
    pub fn grow(&mut self, stack: &mut UserStack, address: u32) -> Outcome {
        let address = VirtAddr::new(address);
        let call = format_args!("grow({address})");
        let answer = circumstances::during(call, || self.with(|pages| stack.grow(pages, address)));
        ensure!(answer == Ok(()), expected: ("grow({address}) to grow the stack"), saw: ("{}", told(&answer)));
        Ok(())
    }

    /// Unmaps a stack.
    pub fn destroy(&mut self, stack: UserStack) {
        circumstances::during(format_args!("destroy()"), || self.with(|pages| stack.destroy(pages)));
    }

    /// Maps a page of the process, which is not the stack's, full of this word.
    pub fn map_other(&mut self, page: Page, word: u32) -> Outcome {
        let frame = self.ground.map_new(Space::Of(&self.process), page, Protection::USER_WRITE)?;
        self.ground.machine.fill(frame, word);
        Ok(())
    }

    /// Unmaps a page that [`map_other`](Self::map_other) mapped.
    pub fn unmap_other(&mut self, page: Page) -> Outcome {
        match self.ground.vmm.unmap(Space::Of(&self.process), page) {
            Ok(frame) => {
                self.ground.machine.give_back(frame);
                Ok(())
            }
            Err(error) => {
                fail!(expected: ("{page}, which is not the stack's, to be mapped"), saw: ("{}", told(&error)))
            }
        }
    }

    /// Fills a page of the stack with a word, as the process would.
    pub fn fill(&self, page: Page, word: u32) -> Outcome {
        match self.ground.truth(Space::Of(&self.process), page.start()) {
            Some(meaning) => self.ground.machine.fill(Frame::containing(meaning.address), word),
            None => fail!(expected: ("{page} to be mapped, as the stack's"), saw: ("it is not mapped")),
        }
        Ok(())
    }

    /// The mappings of the process and of the kernel half, the contents of the pages
    /// of the stack's region, and the number of free frames.
    pub fn state(&self) -> Before {
        let mut contents = 0x811C_9DC5;
        for page in REGION.iter() {
            if let Some(meaning) = self.ground.truth(Space::Of(&self.process), page.start()) {
                let frame = Frame::containing(meaning.address);
                self.ground.machine.with_words(frame, |words| {
                    // FNV-1a, a word at a time.
                    contents = words.iter().fold(contents, |digest, word| (digest ^ word).wrapping_mul(0x0100_0193));
                });
            }
        }
        let mapped = self.ground.state_of(&[Space::Of(&self.process)]);
        Before { mapped, contents, free_frames: self.ground.machine.free_frames() }
    }

    /// Fails unless all state is as before.
    pub fn ensure_unchanged(&self, before: &Before, when: &str) -> Outcome {
        self.ground.ensure_unchanged(&[Space::Of(&self.process)], &before.mapped, format_args!("{when}"))?;
        let after = self.state();
        ensure!(
            after.free_frames == before.free_frames,
            expected: ("{} free frames after {when}, as many as before", before.free_frames),
            saw: ("{}", after.free_frames)
        );
        ensure!(
            after.contents == before.contents,
            expected: ("{when} to change nothing in the stack's pages"),
            saw: ("other contents than before")
        );
        Ok(())
    }

    /// Fails unless, of all pages from the guard page on, exactly those from `bottom` to the end
    /// of the region are mapped, and the stack reports `bottom`.
    pub fn ensure_stack_from(&self, stack: &UserStack, bottom: u32, when: fmt::Arguments<'_>) -> Outcome {
        for page in REGION.iter() {
            let meaning = self.ground.truth(Space::Of(&self.process), page.start());
            match meaning {
                None if page.start().as_u32() >= bottom => fail!(
                    expected: ("{page} to be mapped {when}, as all from {} to the end of the region", VirtAddr::new(bottom)),
                    saw: ("it is not mapped")
                ),
                Some(_) if page.start().as_u32() < bottom => fail!(
                    expected: ("{page} not to be mapped {when}, the stack beginning at {}", VirtAddr::new(bottom)),
                    saw: ("it is mapped")
                ),
                _ => {}
            }
        }
        let guard = page(USER_STACK_GUARD.as_u32());
        let meaning = self.ground.truth(Space::Of(&self.process), guard.start());
        ensure!(meaning.is_none(), expected: ("the guard, {guard}, not to be mapped {when}"), saw: ("it is mapped"));
        let saw = stack.bottom();
        ensure!(
            saw.as_u32() == bottom,
            expected: ("bottom() to be {} {when}", VirtAddr::new(bottom)),
            saw: ("{saw}")
        );
        Ok(())
    }

    /// Fails if a page of the stack, from `bottom` on, has the contents that its frame had
    /// when it was taken.
    pub fn ensure_nothing_old(&self, bottom: VirtAddr, call: &str) -> Outcome {
        for page in REGION.iter().filter(|page| page.start() >= bottom) {
            let Some(meaning) = self.ground.truth(Space::Of(&self.process), page.start()) else { continue };
            let old = |words: &[u32; 1024]| words.iter().position(|word| *word == POISON);
            let frame = Frame::containing(meaning.address);
            if let Some(Some(index)) = self.ground.machine.with_words(frame, old) {
                fail!(
                    expected: ("every page that {call} adds to be filled with zeros first"),
                    saw: (
                        "{POISON:#010x} at {}, as frames contain when they are taken",
                        VirtAddr::new(page.start().as_u32() + 4 * index as u32)
                    )
                );
            }
        }
        Ok(())
    }

    /// Fails unless every word of a page is zero, as the processor reads it.
    pub fn ensure_zero(&self, page: Page, when: &str) -> Outcome {
        for offset in (0..PAGE_SIZE).step_by(4) {
            self.ground.ensure_reads(VirtAddr::new(page.start().as_u32() + offset), 0, when)?;
        }
        Ok(())
    }
}

/// Pages that can be mapped only up to a limit.
struct Limited<'a, P> {
    pages: P,
    allowance: &'a mut Option<u32>,
}

impl<P: Pages> Pages for Limited<'_, P> {
    #[track_caller]
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        if *self.allowance == Some(0) && !self.pages.is_mapped(page) {
            return Err(PageError::OutOfFrames);
        }
        self.pages.map(page)?;
        *self.allowance = self.allowance.map(|pages| pages - 1);
        Ok(())
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        self.pages.unmap(page);
        *self.allowance = self.allowance.map(|pages| pages + 1);
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.pages.is_mapped(page)
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.pages.read(address, bytes);
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.pages.write(address, bytes);
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.pages.zero(address, bytes);
    }
}

/// Fails unless `answer` is the expected error; `call` names the call.
pub fn ensure_refused<T>(answer: Result<T, StackError>, expected: StackError, call: fmt::Arguments<'_>) -> Outcome {
    match answer {
        Err(saw) if saw == expected => Ok(()),
        Err(saw) => {
            fail!(expected: ("{call} to answer {expected}", expected = told(&expected)), saw: ("{}", told(&saw)))
        }
        Ok(_) => fail!(expected: ("{call} to answer {expected}", expected = told(&expected)), saw: ("success")),
    }
}
