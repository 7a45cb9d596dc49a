//! An alternative: everything is pushed, as a program would do it, from the end of
//! the region downwards.
//!
//! The strings come first, the last one first; then the padding; then the vectors,
//! from the end of the auxiliary vector down to argc. The addresses of the strings
//! are not stored: a second walk over the strings computes them again.
//!
//! Other choices that differ: the stack counts its pages instead of knowing
//! the lowest one; it maps and zeroes them one by one, the uppermost first, and
//! undoes that itself; `set_up` always grows page by page; `fork` copies the words of a
//! page right after it maps the page.

use mm_api::layout::{PAGE_SIZE, USER_STACK_END, USER_STACK_SIZE, USER_STACK_START};
use mm_api::{ARGUMENTS_MAX, Arguments, Page, Pages, STACK_ALIGN, StackError, UserStack, VirtAddr};

/// The first address past the region.
const END: u32 = USER_STACK_END.as_u32();

/// Pages of the region.
const MOST: u32 = USER_STACK_SIZE / PAGE_SIZE;

/// A process's stack.
pub struct ProcessStack {
    /// How many pages the stack has.
    count: u32,
}

/// The page that comes after `count` pages.
fn page_after(count: u32) -> Page {
    Page::containing(VirtAddr::new(END - (count + 1) * PAGE_SIZE))
}

impl ProcessStack {
    /// Grows page by page, to `count` pages.
    fn grow_to(&mut self, pages: &mut dyn Pages, count: u32) -> Result<(), StackError> {
        let before = self.count;
        while self.count < count {
            let page = page_after(self.count);
            if let Err(error) = pages.map(page) {
                self.shrink_to(pages, before);
                return Err(error.into());
            }
            pages.zero(page.start(), PAGE_SIZE / 2);
            pages.zero(VirtAddr::new(page.start().as_u32() + PAGE_SIZE / 2), PAGE_SIZE / 2);
            self.count += 1;
        }
        Ok(())
    }

    fn shrink_to(&mut self, pages: &mut dyn Pages, count: u32) {
        while self.count > count {
            self.count -= 1;
            pages.unmap(page_after(self.count));
        }
    }
}

/// Each push goes below the one before.
struct Pusher<'p> {
    pages: &'p mut dyn Pages,
    pointer: u32,
}

impl Pusher<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.pointer -= bytes.len() as u32;
        self.pages.write(VirtAddr::new(self.pointer), bytes);
    }

    fn push_word(&mut self, word: u32) {
        self.push(&word.to_le_bytes());
    }

    /// Pushes a 0 and the addresses of strings; `end` is the end of the last string.
    fn push_addresses(&mut self, strings: &[&[u8]], mut end: u32) -> u32 {
        self.push_word(0);
        for string in strings.iter().rev() {
            end -= string.len() as u32 + 1;
            self.push_word(end);
        }
        end
    }
}

impl UserStack for ProcessStack {
    fn create(pages: &mut dyn Pages) -> Result<Self, StackError> {
        let mut stack = Self { count: 0 };
        stack.grow_to(pages, 1)?;
        Ok(stack)
    }

    fn bottom(&self) -> VirtAddr {
        VirtAddr::new(END - self.count * PAGE_SIZE)
    }

    fn set_up(&mut self, pages: &mut dyn Pages, arguments: &Arguments<'_>) -> Result<VirtAddr, StackError> {
        let Arguments { argv, envp, auxv } = *arguments;
        let mut left = ARGUMENTS_MAX as usize;
        let mut take = |bytes: usize| match left.checked_sub(bytes) {
            Some(less) => {
                left = less;
                Ok(())
            }
            None => Err(StackError::TooManyArguments),
        };
        take(5 * 4)?;
        for string in argv.iter().chain(envp) {
            take(string.len())?;
            take(1 + 4)?;
        }
        for _ in auxv {
            take(8)?;
        }
        let used = ARGUMENTS_MAX - left as u32;
        // A multiple of the alignment, like the end of the region, so the stack pointer is
        // one, too.
        let room = used.next_multiple_of(STACK_ALIGN);
        self.grow_to(pages, room.div_ceil(PAGE_SIZE).max(self.count))?;

        let mut pusher = Pusher { pages, pointer: END };
        for string in envp.iter().rev().chain(argv.iter().rev()) {
            pusher.push(&[0]);
            pusher.push(string);
        }
        for _ in used..room {
            pusher.push(&[0xAA]);
        }
        pusher.push_word(0);
        pusher.push_word(0);
        for entry in auxv.iter().rev() {
            pusher.push_word(entry.value);
            pusher.push_word(entry.kind);
        }
        let end = pusher.push_addresses(envp, END);
        pusher.push_addresses(argv, end);
        pusher.push_word(argv.len() as u32);
        Ok(VirtAddr::new(pusher.pointer))
    }

    fn grow(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), StackError> {
        match END.checked_sub(address.as_u32()) {
            None | Some(0) => Err(StackError::Outside),
            Some(back) if back > MOST * PAGE_SIZE => Err(StackError::Outside),
            Some(back) if back <= self.count * PAGE_SIZE => Err(StackError::AlreadyMapped),
            Some(back) => self.grow_to(pages, back.div_ceil(PAGE_SIZE)),
        }
    }

    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, StackError> {
        let mut copy = Self { count: 0 };
        while copy.count < self.count {
            let page = page_after(copy.count);
            if let Err(error) = to.map(page) {
                copy.shrink_to(to, 0);
                return Err(error.into());
            }
            for offset in (0..PAGE_SIZE).step_by(4) {
                let address = VirtAddr::new(page.start().as_u32() + offset);
                let mut word = [0; 4];
                from.read(address, &mut word);
                to.write(address, &word);
            }
            copy.count += 1;
        }
        Ok(copy)
    }

    fn destroy(mut self, pages: &mut dyn Pages) {
        self.shrink_to(pages, 0);
    }
}
