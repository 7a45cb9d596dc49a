//! Two address spaces, a process's and its child's, and the questions that the
//! checks of pages have in common.

use core::cell::RefCell;
use core::fmt;

use kernel_core::labs::DemandPaging;
use kernel_core::memory::paged::POISON;
use kernel_system::pages::{ForkPages, PagesOfSeveral, Part, SpacePages};
use mm_api::layout::{PAGE_SIZE, USER_SPACE_END};
use mm_api::{
    Directory, Frame, Page, PageError, PageRange, Protection, Region, SharedPages, Space, VirtAddr, protection_of,
};

use crate::check::{Context, Failed, Outcome};
use crate::vmm::subject::{Shown, State, Subject as Ground, UW, booted};
use crate::{ensure, fail};
use kernel_core::words::told;

/// All pages of a process but the first, the one that null pointers point into.
const USER_HALF: PageRange = PageRange::between(VirtAddr::new(PAGE_SIZE), USER_SPACE_END);

/// One of the two processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// The first process. Its directory is loaded.
    Parent,
    /// The copy of the first.
    Child,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parent => "parent",
            Self::Child => "child",
        })
    }
}

/// The two processes, and the machine under them.
pub struct Subject<'s, 'm> {
    /// The machine, its manager of virtual memory, and the check's context.
    pub ground: &'s mut Ground<'m>,
    parent: Directory,
    child: Directory,
    lab: &'static DemandPaging,
    /// Where the numbers of the withdrawn frames are kept: see [`Subject::leave_frames`].
    taken: &'static mut [u32],
}

/// Runs a check on two processes, of which the first is loaded. At the end they must have as few
/// pages as at the beginning: none.
pub fn on_processes(context: &mut Context, work: impl FnOnce(&mut Subject<'_, '_>) -> Outcome) -> Outcome {
    let lab = context.labs().demand_paging();
    booted(context, |ground| {
        let (parent, child) = (ground.directory()?, ground.directory()?);
        ground.load(Space::Of(&parent))?;
        ground.make_kernel_tables()?;
        let taken = ground.context.scratch(ground.machine.free_frames())?;
        let free = ground.machine.free_frames();
        let mut subject = Subject { ground, parent, child, lab, taken };
        work(&mut subject)?;
        subject.clear();
        let saw = subject.ground.machine.free_frames();
        ensure!(saw == free, expected: ("{free} free frames when all pages are unmapped"), saw: ("{saw}"));
        let Subject { ground, parent, child, .. } = subject;
        ground.vmm.destroy_directory(child);
        ground.load(Space::Kernel)?;
        ground.vmm.destroy_directory(parent);
        Ok(())
    })
}

impl Subject<'_, '_> {
    fn directory(&self, who: Who) -> &Directory {
        match who {
            Who::Parent => &self.parent,
            Who::Child => &self.child,
        }
    }

    /// Calls `work` with the pages of one of the two.
    pub fn with<R>(&mut self, who: Who, work: impl FnOnce(&mut SpacePages<'_>) -> R) -> R {
        let directory = match who {
            Who::Parent => &self.parent,
            Who::Child => &self.child,
        };
        let (space, part) = (Space::Of(directory), Part::user(USER_HALF, UW));
        work(&mut SpacePages::new(&mut *self.ground.vmm, self.ground.machine, space, directory.frame(), part))
    }

    /// Has a page filled.
    pub fn fill(&mut self, region: &Region, page: Page) -> Result<(), PageError> {
        let lab = self.lab;
        self.with(Who::Parent, |pages| (lab.fill)(pages, region, page))
    }

    /// Has a page filled, which has to succeed.
    pub fn filled(&mut self, region: &Region, page: Page) -> Outcome {
        let answer = self.fill(region, page);
        ensure!(answer == Ok(()), expected: ("fill() of {page} to succeed"), saw: ("{}", told(&answer)));
        Ok(())
    }

    /// Has a page of one of the two made writable.
    pub fn write(&mut self, who: Who, region: &Region, page: Page) -> Result<(), PageError> {
        let lab = self.lab;
        self.with(who, |pages| (lab.write)(pages, region, page))
    }

    /// Has a page made writable, which has to succeed.
    pub fn written(&mut self, who: Who, region: &Region, page: Page) -> Outcome {
        let answer = self.write(who, region, page);
        ensure!(answer == Ok(()), expected: ("write() to {page} of the {who} to succeed"), saw: ("{}", told(&answer)));
        Ok(())
    }

    /// Has a region shared with the child.
    pub fn fork(&mut self, region: &Region) -> Result<(), PageError> {
        let (vmm, machine) = (RefCell::new(&mut *self.ground.vmm), self.ground.machine);
        let part = Part::user(USER_HALF, UW);
        let pages = |directory: &'_ Directory| directory.frame();
        let of = |directory| PagesOfSeveral::new(&vmm, machine, Space::Of(directory), pages(directory), part);
        (self.lab.fork)(&mut ForkPages { parent: of(&self.parent), child: of(&self.child) }, region)
    }

    /// Has a region shared, which has to succeed.
    pub fn forked(&mut self, region: &Region) -> Outcome {
        let answer = self.fork(region);
        ensure!(answer == Ok(()), expected: ("fork() of {} pages to succeed", region.pages.len()), saw: ("{}", told(&answer)));
        Ok(())
    }

    /// Takes another process for the child from now on, and returns the one before.
    pub fn next_child(&mut self) -> Result<Directory, Failed> {
        let next = self.ground.directory()?;
        Ok(core::mem::replace(&mut self.child, next))
    }

    /// Unmaps all pages of the child and destroys it; from now on an earlier one is the child.
    pub fn back_to(&mut self, child: Directory) {
        self.with(Who::Child, |pages| pages.unmap_all());
        let last = core::mem::replace(&mut self.child, child);
        self.ground.vmm.destroy_directory(last);
    }

    /// Maps a page of the parent as a region allows, and fills it with a word.
    pub fn map(&mut self, region: &Region, page: Page, word: u32) -> Outcome {
        let protection = protection_of(region.rights);
        let answer = self.with(Who::Parent, |pages| {
            use mm_api::Pages;
            pages.map(page)?;
            pages.protect(page, protection);
            Ok::<_, PageError>(())
        });
        ensure!(answer.is_ok(), expected: ("{page} to be mapped, for the check"), saw: ("{}", told(&answer)));
        let frame = self.frame(Who::Parent, page)?;
        self.ground.machine.fill(frame, word);
        Ok(())
    }

    /// The frame that a page is mapped to; fails if the page is not mapped.
    pub fn frame(&self, who: Who, page: Page) -> Result<Frame, Failed> {
        match self.truth(who, page) {
            Some((frame, _)) => Ok(frame),
            None => fail!(expected: ("{page} of the {who} to be mapped"), saw: ("it is not")),
        }
    }

    /// The frame that the tables map a page to, and a program's rights to the page.
    pub fn truth(&self, who: Who, page: Page) -> Option<(Frame, Protection)> {
        let found = self.ground.truth(Space::Of(self.directory(who)), page.start())?;
        Some((Frame::containing(found.address), found.protection))
    }

    /// Fails unless a page is mapped to this frame with these rights.
    pub fn ensure_mapped(&self, who: Who, page: Page, frame: Frame, protection: Protection, when: &str) -> Outcome {
        let found = self.ground.truth(Space::Of(self.directory(who)), page.start());
        let is_right = self.truth(who, page) == Some((frame, protection));
        ensure!(
            is_right,
            expected: ("{page} of the {who} mapped to {frame}, {protection}, {when}"),
            saw: ("{}", Shown(found))
        );
        Ok(())
    }

    /// Fails unless a page is not mapped.
    pub fn ensure_not_mapped(&self, who: Who, page: Page, when: &str) -> Outcome {
        self.ground.ensure_not_mapped(Space::Of(self.directory(who)), page, when)
    }

    /// Fails unless all words of a page are `word`.
    pub fn ensure_full_of(&self, who: Who, page: Page, word: u32, when: &str) -> Outcome {
        let frame = self.frame(who, page)?;
        let other = self.ground.machine.with_words(frame, |words| words.iter().copied().find(|found| *found != word));
        match other.flatten() {
            Some(POISON) => fail!(
                expected: ("{word:#010x} everywhere in {page} of the {who} {when}"),
                saw: ("{POISON:#010x}, as frames contain when they are taken")
            ),
            Some(other) => fail!(
                expected: ("{word:#010x} everywhere in {page} of the {who} {when}"),
                saw: ("{other:#010x}")
            ),
            None => Ok(()),
        }
    }

    /// Fails unless the frame of a page is mapped at this many pages.
    pub fn ensure_users(&mut self, who: Who, page: Page, users: u32, when: &str) -> Outcome {
        let saw = self.with(who, |pages| pages.users(page));
        ensure!(saw == users, expected: ("{page}'s frame at {users} pages {when}"), saw: ("{saw}"));
        Ok(())
    }

    /// How many frames are free.
    pub fn free_frames(&self) -> u32 {
        self.ground.machine.free_frames()
    }

    /// Leaves only so many frames free, until [`give_frames_back`](Self::give_frames_back).
    pub fn leave_frames(&mut self, frames: u32) {
        for place in self.taken.iter_mut() {
            if self.ground.machine.free_frames() <= frames {
                break;
            }
            *place = self.ground.machine.take_frame().map_or(0, Frame::number);
        }
    }

    /// Frees the frames that [`leave_frames`](Self::leave_frames) took.
    pub fn give_frames_back(&mut self) {
        for place in self.taken.iter_mut() {
            if let Some(frame) = Frame::new(core::mem::take(place)).filter(|frame| frame.number() > 0) {
                self.ground.machine.give_back(frame);
            }
        }
    }

    /// The mappings of both, and how many frames the manager has.
    pub fn state(&self) -> State {
        self.ground.state_of(&[Space::Of(&self.parent), Space::Of(&self.child)])
    }

    /// Fails unless all mappings are as before.
    pub fn ensure_unchanged(&self, before: &State, when: &str) -> Outcome {
        let spaces = [Space::Of(&self.parent), Space::Of(&self.child)];
        self.ground.ensure_unchanged(&spaces, before, format_args!("{when}"))
    }

    /// Unmaps all pages of both.
    pub fn clear(&mut self) {
        self.with(Who::Parent, |pages| pages.unmap_all());
        self.with(Who::Child, |pages| pages.unmap_all());
    }
}
