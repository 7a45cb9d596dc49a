//! Fake processes that have frames in common.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use mm_api::layout::PAGE_SIZE;
use mm_api::{Fork, Page, PageError, PageRange, Pages, Protection, SharedPages, VirtAddr, pieces};

use crate::pages::PAGE_POISON;

/// The machine's frames, each with the number of pages that are mapped to it.
#[derive(Debug, Default)]
struct Frames {
    frames: BTreeMap<u32, (u32, Vec<u8>)>,
    next: u32,
    /// How many frames are free; `None` if they never run out.
    free: Option<u32>,
}

impl Frames {
    fn take(&mut self) -> Result<u32, PageError> {
        if self.free == Some(0) {
            return Err(PageError::OutOfFrames);
        }
        self.free = self.free.map(|free| free - 1);
        self.next += 1;
        self.frames.insert(self.next, (1, vec![PAGE_POISON; PAGE_SIZE as usize]));
        Ok(self.next)
    }

    fn give_back(&mut self, frame: u32) {
        let (users, _) = self.frames.get_mut(&frame).expect("the frame is in use");
        *users -= 1;
        if *users == 0 {
            self.frames.remove(&frame);
            self.free = self.free.map(|free| free + 1);
        }
    }
}

/// The user half of a process: a [`SharedPages`] of the host's memory. A new page is full
/// of [`PAGE_POISON`]. Everything that the trait forbids ends in a panic that says so.
#[derive(Debug)]
pub struct FakeProcess {
    machine: Rc<RefCell<Frames>>,
    pages: BTreeMap<Page, (u32, Protection)>,
    /// Calls of [`first_mapped`](SharedPages::first_mapped) and the like.
    questions: core::cell::Cell<u32>,
}

impl FakeProcess {
    /// A process on a machine of its own.
    #[must_use]
    pub fn new() -> Self {
        Self { machine: Rc::default(), pages: BTreeMap::new(), questions: Default::default() }
    }

    /// Another process on the same machine, without any mapped page.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { machine: Rc::clone(&self.machine), pages: BTreeMap::new(), questions: Default::default() }
    }

    /// Sets how many frames are free from now on; with `None` they never run out. Page
    /// tables take none.
    pub fn set_free_frames(&mut self, frames: Option<u32>) {
        self.machine.borrow_mut().free = frames;
    }

    /// How many frames the machine has in use.
    #[must_use]
    pub fn frames_in_use(&self) -> usize {
        self.machine.borrow().frames.len()
    }

    /// The pages that are mapped, the lowest first.
    #[must_use]
    pub fn mapped(&self) -> Vec<Page> {
        self.pages.keys().copied().collect()
    }

    /// A number that identifies the frame of a page; `None` if the page is not mapped.
    #[must_use]
    pub fn frame(&self, page: Page) -> Option<u32> {
        self.pages.get(&page).map(|(frame, _)| *frame)
    }

    /// A page's contents.
    ///
    /// # Panics
    /// If the page is not mapped.
    #[must_use]
    #[track_caller]
    pub fn contents(&self, page: Page) -> Vec<u8> {
        let mut bytes = vec![0; PAGE_SIZE as usize];
        self.read(page.start(), &mut bytes);
        bytes
    }

    /// How many questions about single pages there were since the last call of this method.
    pub fn take_questions(&self) -> u32 {
        self.questions.take()
    }

    fn ask(&self) {
        self.questions.set(self.questions.get() + 1);
    }

    #[track_caller]
    fn entry(&self, page: Page, action: &str) -> (u32, Protection) {
        *self.pages.get(&page).unwrap_or_else(|| panic!("{page} is {action}, but it is not mapped"))
    }

    /// Splits a range of bytes at page boundaries, and calls `work` for each piece.
    #[track_caller]
    fn for_each_piece(
        &self,
        address: VirtAddr,
        bytes: usize,
        mut work: impl FnMut(&mut [u8], core::ops::Range<usize>),
    ) {
        for piece in pieces(address, bytes) {
            let (frame, _) = self.entry(piece.page(), "read or written");
            let mut machine = self.machine.borrow_mut();
            let (_, memory) = machine.frames.get_mut(&frame).expect("a page's frame is in use");
            work(&mut memory[piece.in_page()], piece.in_range());
        }
    }
}

impl Default for FakeProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for FakeProcess {
    fn drop(&mut self) {
        for (frame, _) in self.pages.values() {
            self.machine.borrow_mut().give_back(*frame);
        }
    }
}

impl Pages for FakeProcess {
    #[track_caller]
    fn map(&mut self, page: Page) -> Result<(), PageError> {
        if self.pages.contains_key(&page) {
            return Err(PageError::Occupied);
        }
        let frame = self.machine.borrow_mut().take()?;
        self.pages.insert(page, (frame, Protection::USER_WRITE));
        Ok(())
    }

    #[track_caller]
    fn unmap(&mut self, page: Page) {
        let (frame, _) = self.entry(page, "unmapped");
        self.pages.remove(&page);
        self.machine.borrow_mut().give_back(frame);
    }

    fn is_mapped(&self, page: Page) -> bool {
        self.ask();
        self.pages.contains_key(&page)
    }

    #[track_caller]
    fn read(&self, address: VirtAddr, bytes: &mut [u8]) {
        self.for_each_piece(address, bytes.len(), |memory, place| bytes[place].copy_from_slice(memory));
    }

    #[track_caller]
    fn write(&mut self, address: VirtAddr, bytes: &[u8]) {
        self.for_each_piece(address, bytes.len(), |memory, place| memory.copy_from_slice(&bytes[place]));
    }

    #[track_caller]
    fn zero(&mut self, address: VirtAddr, bytes: u32) {
        self.for_each_piece(address, bytes as usize, |memory, _| memory.fill(0));
    }
}

impl SharedPages for FakeProcess {
    fn users(&self, page: Page) -> u32 {
        self.ask();
        self.pages.get(&page).map_or(0, |(frame, _)| self.machine.borrow().frames[frame].0)
    }

    fn protection(&self, page: Page) -> Option<Protection> {
        self.ask();
        self.pages.get(&page).map(|(_, protection)| *protection)
    }

    fn first_mapped(&self, pages: PageRange) -> Option<Page> {
        self.ask();
        self.pages.range(pages.first()..).map(|(page, _)| *page).next().filter(|&page| pages.contains(page))
    }

    #[track_caller]
    fn protect(&mut self, page: Page, protection: Protection) {
        let (frame, _) = self.entry(page, "protected");
        self.pages.insert(page, (frame, protection));
    }

    #[track_caller]
    fn copy(&mut self, page: Page) -> Result<(), PageError> {
        let (old, _) = self.entry(page, "copied");
        let mut machine = self.machine.borrow_mut();
        let new = machine.take()?;
        let bytes = machine.frames[&old].1.clone();
        machine.frames.insert(new, (1, bytes));
        machine.give_back(old);
        self.pages.insert(page, (new, Protection::USER_WRITE));
        Ok(())
    }
}

/// A fork under way.
#[derive(Debug)]
pub struct FakeFork {
    /// The process that forks.
    pub parent: FakeProcess,
    /// The new process.
    pub child: FakeProcess,
    /// How many more pages can be shared; `None` for all. The limit stands for the frames
    /// that page tables take.
    pub shares_left: Option<u32>,
}

impl FakeFork {
    /// A fork of `parent`, before any page is mapped in the child.
    #[must_use]
    pub fn of(parent: FakeProcess) -> Self {
        let child = parent.another();
        Self { parent, child, shares_left: None }
    }
}

impl Fork for FakeFork {
    fn parent(&mut self) -> &mut dyn SharedPages {
        &mut self.parent
    }

    #[track_caller]
    fn share(&mut self, page: Page) -> Result<(), PageError> {
        let entry = self.parent.entry(page, "shared");
        if self.child.pages.contains_key(&page) {
            return Err(PageError::Occupied);
        }
        if self.shares_left == Some(0) {
            return Err(PageError::OutOfFrames);
        }
        self.shares_left = self.shares_left.map(|left| left - 1);
        self.child.pages.insert(page, entry);
        self.child.machine.borrow_mut().frames.get_mut(&entry.0).expect("a page's frame is in use").0 += 1;
        Ok(())
    }

    fn is_shared(&self, page: Page) -> bool {
        self.child.pages.contains_key(&page)
    }

    #[track_caller]
    fn unshare(&mut self, page: Page) {
        self.child.unmap(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_shared_copied_and_given_back() {
        let page = Page::new(5).unwrap();
        let mut parent = FakeProcess::new();
        parent.map(page).unwrap();
        parent.write(page.start(), &[1, 2, 3]);
        let mut fork = FakeFork::of(parent);
        fork.share(page).unwrap();
        assert_eq!((fork.parent.users(page), fork.parent.frames_in_use()), (2, 1));
        fork.child.copy(page).unwrap();
        assert_eq!((fork.parent.users(page), fork.child.users(page)), (1, 1));
        assert_eq!(fork.child.contents(page)[..4], [1, 2, 3, PAGE_POISON]);
        fork.child.zero(page.start(), 1);
        assert_eq!(fork.parent.contents(page)[..2], [1, 2]);
        fork.unshare(page);
        assert_eq!(fork.parent.frames_in_use(), 1);
        fork.parent.set_free_frames(Some(0));
        assert_eq!(fork.child.map(page), Err(PageError::OutOfFrames));
        fork.parent.unmap(page);
        assert_eq!(
            (fork.child.map(page), fork.child.first_mapped(PageRange::new(page, 9).unwrap())),
            (Ok(()), Some(page))
        );
    }

    #[test]
    #[should_panic(expected = "is shared, but it is not mapped")]
    fn sharing_what_is_not_there_is_found() {
        let _ = FakeFork::of(FakeProcess::new()).share(Page::new(5).unwrap());
    }
}
