//! Checks of the kernel's stacks.

use crate::check::{Context, Outcome};
use crate::{ensure, fail};
use kernel_core::words::told;
use mm_api::layout::{KERNEL_STACKS_START, PAGE_SIZE};
use mm_api::{KERNEL_STACK_PAGES, KernelStack, Page, PageRange, Protection, Space, StackError, VirtAddr};

use super::subject::{Subject, ensure_refused, on_process};
use crate::vmm::subject::{Access, range};
use kernel_core::labs::KernelStackArea;

/// Pages that a stack needs, its guard page included.
const PLACE: u32 = KERNEL_STACK_PAGES + 1;

/// The most stacks that a check has at a time.
const MOST: usize = 300;

/// The stacks in an area.
pub struct Area {
    /// The lab's stacks.
    stacks: KernelStackArea,
    area: PageRange,
    /// The stacks that exist, in any order.
    made: [Option<KernelStack>; MOST],
}

impl Area {
    /// An area of this many pages, at a place among the kernel's stacks that the seed chooses.
    pub fn new(subject: &mut Subject<'_, '_>, pages: u32) -> Self {
        let context = &mut *subject.ground.context;
        // Not a multiple of the pages of a place.
        let first = context.rng().below(1000) * PLACE + 2;
        let area = range(KERNEL_STACKS_START.as_u32() + first * PAGE_SIZE, pages);
        Self { stacks: context.labs().kernel_stacks(area), area, made: [const { None }; MOST] }
    }

    /// All stacks that exist.
    fn made(&self) -> impl Iterator<Item = &KernelStack> {
        self.made.iter().flatten()
    }

    /// How many stacks there are.
    pub fn count(&self) -> usize {
        self.made().count()
    }

    /// Asks for a stack.
    pub fn try_create(&mut self, subject: &mut Subject<'_, '_>) -> Result<KernelStack, StackError> {
        subject.with_kernel(self.area, |pages| self.stacks.create(pages))
    }

    /// Makes a stack, which has to succeed, and verifies its place.
    pub fn create(&mut self, subject: &mut Subject<'_, '_>) -> Outcome {
        let stack = match self.try_create(subject) {
            Ok(stack) => stack,
            Err(error) => fail!(
                expected: ("create() to make a stack in an area of {} pages, with {} in it", self.area.len(), self.count()),
                saw: ("{}", told(&error))
            ),
        };
        self.examine(&stack)?;
        match self.made.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(stack),
            None => fail!(expected: ("no more than {MOST} stacks"), saw: ("one more")),
        }
        Ok(())
    }

    /// Fails unless a new stack lies where one may.
    fn examine(&self, stack: &KernelStack) -> Outcome {
        let (pages, area) = (stack.pages(), self.area);
        ensure!(
            pages.len() == KERNEL_STACK_PAGES,
            expected: ("a kernel stack of {KERNEL_STACK_PAGES} pages"),
            saw: ("{}", told(&pages))
        );
        ensure!(area.contains_range(pages), expected: ("a stack in the area, {area}", area = told(&area)), saw: ("{}", told(&pages)));
        let guard = match stack.guard() {
            Some(guard) if area.contains(guard) => guard,
            _ => fail!(
                expected: ("the guard page of the stack to be in the area, {area}, too", area = told(&area)),
                saw: ("the stack's first page is the area's: {pages}", pages = told(&pages))
            ),
        };
        for other in self.made() {
            ensure!(
                !pages.iter().any(|page| other.pages().contains(page)),
                expected: ("a stack apart from the one in {}", told(&other.pages())),
                saw: ("{}", told(&pages))
            );
            ensure!(
                !other.pages().contains(guard),
                expected: ("the guard page, {guard}, not to be in the stack in {}", told(&other.pages())),
                saw: ("a new stack in {pages}", pages = told(&pages))
            );
            ensure!(
                other.guard().is_none_or(|guard| !pages.contains(guard)),
                expected: ("a stack that leaves alone the guard page of the one in {}", told(&other.pages())),
                saw: ("{}", told(&pages))
            );
        }
        Ok(())
    }

    /// Destroys the stack with this index, if there is one.
    pub fn destroy(&mut self, subject: &mut Subject<'_, '_>, index: usize) -> Option<PageRange> {
        let stack = self.made.get_mut(index)?.take()?;
        let pages = stack.pages();
        subject.with_kernel(self.area, |area| self.stacks.destroy(area, stack));
        Some(pages)
    }

    /// Destroys all stacks.
    pub fn clear(&mut self, subject: &mut Subject<'_, '_>) {
        for index in 0..MOST {
            self.destroy(subject, index);
        }
    }

    /// Fails unless exactly the pages of the stacks are mapped in the area.
    pub fn ensure_mapped(&self, subject: &Subject<'_, '_>, when: &str) -> Outcome {
        for page in self.area.iter() {
            let owner = self.made().find(|stack| stack.pages().contains(page));
            let mapped = subject.ground.truth(Space::Kernel, page.start()).is_some();
            match owner {
                Some(stack) if !mapped => {
                    fail!(expected: ("{page} of the stack in {} to be mapped {when}", told(&stack.pages())), saw: ("it is not"))
                }
                None if mapped => {
                    let guarded = self.made().find(|stack| stack.guard() == Some(page));
                    match guarded {
                        Some(stack) => fail!(
                            expected: ("{page}, the guard of the stack in {}, not to be mapped {when}", told(&stack.pages())),
                            saw: ("it is mapped")
                        ),
                        None => fail!(
                            expected: ("{page}, which is in no stack, not to be mapped {when}"),
                            saw: ("it is mapped")
                        ),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A stack is four pages of zeros that the kernel can use, above a page that faults.
pub fn kernel_stack(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let mut area = Area::new(subject, 3 * PLACE);
        for round in 0..3 {
            area.create(subject)?;
            area.ensure_mapped(subject, "after create()")?;
            for stack in area.made.iter().flatten().skip(round) {
                for page in stack.pages().iter() {
                    subject.ensure_zero(page, "after create()")?;
                    subject.ground.ensure_rights(page, Protection::KERNEL_WRITE, "after create()")?;
                }
                ensure_guarded(subject, stack)?;
                // A stack holds words from its top downwards.
                let top = stack.top().as_u32();
                for address in (top - KERNEL_STACK_PAGES * PAGE_SIZE..top).step_by(4).rev().map(VirtAddr::new) {
                    subject.ground.write(address, address.as_u32())?;
                }
            }
        }
        for stack in area.made() {
            for page in stack.pages().iter() {
                for offset in [0, PAGE_SIZE - 4] {
                    let address = page.start().as_u32() + offset;
                    let when = "in the first stacks, the others having been filled";
                    subject.ground.ensure_reads(VirtAddr::new(address), address, when)?;
                }
            }
        }
        area.clear(subject);
        area.ensure_mapped(subject, "after destroy() of all")
    })
}

/// Fails unless the first byte below a stack faults, and so does the last byte of that page.
fn ensure_guarded(subject: &Subject<'_, '_>, stack: &KernelStack) -> Outcome {
    let guard = stack.guard().map_or(Page::NULL, |guard| guard);
    subject.ground.ensure_faults(guard, "being the guard of a kernel stack")?;
    let address = VirtAddr::new(guard.start().as_u32() + PAGE_SIZE - 4);
    let saw = subject.ground.machine.write(address, 0);
    ensure!(
        saw.is_err(),
        expected: ("a write to {address}, which is what the first push past a kernel stack's end is, to fault"),
        saw: ("it went through")
    );
    Ok(())
}

/// Exactly as many stacks as the area has places, and no two overlap.
pub fn kernel_stack_places(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let any = subject.ground.context.rng().below(50 * PLACE);
        for (pages, most) in [
            (any, (any / PLACE) as usize),
            (0, 0_usize),
            (PLACE - 1, 0),
            (PLACE, 1),
            (PLACE + 1, 1),
            (2 * PLACE - 1, 1),
            (2 * PLACE, 2),
            (32 * PLACE - 1, 31),
            (32 * PLACE, 32),
            (33 * PLACE + 3, 33),
            (40 * PLACE, 40),
            (64 * PLACE + 4, 64),
            (257 * PLACE, 257),
        ] {
            let mut area = Area::new(subject, pages);
            for _ in 0..most {
                area.create(subject)?;
            }
            area.ensure_mapped(subject, "with all places taken")?;
            let before = subject.state();
            for _ in 0..2 {
                let answer = area.try_create(subject);
                let call = format_args!("create() in an area of {pages} pages, with {most} stacks in it,");
                ensure_refused(answer, StackError::NoRoom, call)?;
                subject.ensure_unchanged(&before, "create() without room")?;
            }
            for stack in area.made() {
                ensure_guarded(subject, stack)?;
            }
            // One of them is destroyed, and its place is the only free one.
            if let Some(last) = most.checked_sub(1) {
                area.destroy(subject, last);
                area.create(subject)?;
            }
            area.ensure_mapped(subject, "with all places taken again")?;
            area.clear(subject);
            area.ensure_mapped(subject, "after destroy() of all")?;
        }
        Ok(())
    })
}

/// A destroyed stack is not mapped, its frames are free, and its place is used again.
pub fn kernel_stack_reuse(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        const PLACES: u32 = 35;
        let mut area = Area::new(subject, PLACES * PLACE);
        for _ in 0..PLACES {
            area.create(subject)?;
        }
        // The first, the last, one alone, two neighbours.
        let mut any = || subject.ground.context.rng().below(11) as usize;
        let any = [12 + any(), any(), 24 + any()];
        for gone in [[0, 34, 17], [31, 32, 33], [5, 7, 6], any] {
            let free = subject.ground.machine.free_frames();
            for (index, nth) in gone.into_iter().zip(1..) {
                let Some(pages) = area.destroy(subject, index) else { continue };
                area.ensure_mapped(subject, "after destroy()")?;
                for page in pages.iter() {
                    subject.ground.ensure_faults(page, "after destroy() of the stack that it was in")?;
                }
                let (saw, expected) = (subject.ground.machine.free_frames(), free + nth * KERNEL_STACK_PAGES);
                ensure!(
                    saw == expected,
                    expected: ("{expected} free frames after destroy(), {KERNEL_STACK_PAGES} more for each stack"),
                    saw: ("{saw}")
                );
            }
            for _ in gone {
                area.create(subject)?;
                area.ensure_mapped(subject, "after create() in a place that was used before")?;
            }
            let answer = area.try_create(subject);
            ensure_refused(answer, StackError::NoRoom, format_args!("create() with every place taken again"))?;
            for stack in area.made() {
                for page in stack.pages().iter() {
                    // The old stacks contain the words of the last round; the new ones are zero.
                    let word = subject.ground.machine.read(page.start());
                    ensure!(
                        word == Ok(0) || word == Ok(page.start().as_u32()),
                        expected: ("0 in a stack in a place that was used before"),
                        saw: ("{} at {}", Access(word), page.start())
                    );
                    subject.ground.write(page.start(), page.start().as_u32())?;
                }
            }
        }
        // Over and over: no frame and no place is lost.
        for round in 0..200 {
            area.destroy(subject, round % PLACES as usize);
            area.create(subject)?;
        }
        area.clear(subject);
        area.ensure_mapped(subject, "after destroy() of all")
    })
}

/// If the frames run out half way, nothing has changed, and the place is free.
pub fn kernel_stack_undone(context: &mut Context) -> Outcome {
    on_process(context, |subject| {
        let mut area = Area::new(subject, 2 * PLACE);
        area.create(subject)?;
        for allowance in 0..KERNEL_STACK_PAGES {
            // More often than there are places.
            for _ in 0..3 {
                let before = subject.state();
                subject.allow_pages(Some(allowance));
                let answer = area.try_create(subject);
                subject.allow_pages(None);
                let call = format_args!("create() where {allowance} pages of {KERNEL_STACK_PAGES} can be had");
                ensure_refused(answer, StackError::OutOfFrames, call)?;
                subject.ensure_unchanged(&before, "create() that cannot have all pages")?;
                area.ensure_mapped(subject, "after create() was refused")?;
            }
        }
        subject.allow_pages(Some(KERNEL_STACK_PAGES));
        area.create(subject)?;
        subject.allow_pages(None);
        area.ensure_mapped(subject, "after create(), with exactly its pages to be had")?;
        area.clear(subject);
        area.ensure_mapped(subject, "after destroy() of all")
    })
}
