//! Lab 05, the reference: the stack of a process.

use mm_api::layout::{PAGE_SIZE, USER_STACK_END, USER_STACK_START};
use mm_api::{ARGUMENTS_MAX, Arguments, Page, PageRange, Pages, STACK_ALIGN, StackError, UserStack, VirtAddr};

use crate::zeroed_pages;

/// The first address past the stack's region.
const END: u32 = USER_STACK_END.as_u32();

/// The pages of the stack's region.
const REGION: PageRange = PageRange::between(USER_STACK_START, VirtAddr::new(END));

/// Bytes in a word.
const WORD: u32 = 4;

/// Bytes that are copied at a time: a kernel stack has no room for many.
const PIECE: usize = 2048;

// So arguments that fit before the pointer is aligned fit afterwards.
const _: () = assert!(ARGUMENTS_MAX.is_multiple_of(STACK_ALIGN) && END.is_multiple_of(STACK_ALIGN));

/// A process's stack.
pub struct ProcessStack {
    /// The lowest mapped page. All from it to the end of the region are mapped.
    lowest: Page,
}

impl ProcessStack {
    /// The stack's pages.
    fn mapped(&self) -> PageRange {
        PageRange::between(self.lowest.start(), VirtAddr::new(END))
    }

    /// Grows until `page`, of the region, is the lowest one, if the stack is not
    /// that large already.
    fn grow_to(&mut self, pages: &mut dyn Pages, page: Page) -> Result<(), StackError> {
        zeroed_pages::map(pages, PageRange::between(page.start(), self.lowest.start()))?;
        self.lowest = self.lowest.min(page);
        Ok(())
    }
}

/// How many bytes the strings with their NULs take, and how many the vectors, the
/// count of the arguments among them.
///
/// # Errors
/// [`StackError::TooManyArguments`] if that is more than [`ARGUMENTS_MAX`].
fn sizes(arguments: &Arguments<'_>) -> Result<(u32, u32), StackError> {
    let Arguments { argv, envp, auxv } = arguments;
    // In 64 bits, no sum of things that lie in memory overflows.
    let strings: u64 = argv.iter().chain(*envp).map(|string| string.len() as u64 + 1).sum();
    let words = 1 + (argv.len() as u64 + 1) + (envp.len() as u64 + 1) + 2 * (auxv.len() as u64 + 1);
    let vectors = words * u64::from(WORD);
    if strings + vectors > u64::from(ARGUMENTS_MAX) {
        return Err(StackError::TooManyArguments);
    }
    Ok((strings as u32, vectors as u32))
}

/// Writes the vectors and the strings, each from its place upwards.
struct Writer<'p> {
    pages: &'p mut dyn Pages,
    /// Where the next word goes.
    word: u32,
    /// Where the next string goes.
    string: u32,
}

impl Writer<'_> {
    /// Writes the next word of the vectors.
    fn put(&mut self, word: u32) {
        self.pages.write(VirtAddr::new(self.word), &word.to_le_bytes());
        self.word += WORD;
    }

    /// Writes the addresses of strings, a 0, and the strings themselves.
    fn put_strings(&mut self, strings: &[&[u8]]) {
        for string in strings {
            self.put(self.string);
            self.pages.write(VirtAddr::new(self.string), string);
            self.string += string.len() as u32;
            self.pages.write(VirtAddr::new(self.string), &[0]);
            self.string += 1;
        }
        self.put(0);
    }
}

impl UserStack for ProcessStack {
    fn create(pages: &mut dyn Pages) -> Result<Self, StackError> {
        let page = Page::containing(VirtAddr::new(END - PAGE_SIZE));
        zeroed_pages::map(pages, PageRange::between(page.start(), VirtAddr::new(END)))?;
        Ok(Self { lowest: page })
    }

    fn bottom(&self) -> VirtAddr {
        self.lowest.start()
    }

    fn set_up(&mut self, pages: &mut dyn Pages, arguments: &Arguments<'_>) -> Result<VirtAddr, StackError> {
        let (strings, vectors) = sizes(arguments)?;
        // The strings end where the region ends. The vectors end where the strings
        // begin, or a few bytes below: the alignment is that of their beginning.
        let strings = END - strings;
        let pointer = (strings - vectors) / STACK_ALIGN * STACK_ALIGN;
        self.grow_to(pages, Page::containing(VirtAddr::new(pointer)))?;

        let mut writer = Writer { pages, word: pointer, string: strings };
        // `sizes` has seen to it that it fits in 32 bits.
        writer.put(arguments.argv.len() as u32);
        writer.put_strings(arguments.argv);
        writer.put_strings(arguments.envp);
        for entry in arguments.auxv {
            writer.put(entry.kind);
            writer.put(entry.value);
        }
        writer.put(0);
        writer.put(0);
        Ok(VirtAddr::new(pointer))
    }

    fn grow(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), StackError> {
        let page = Page::containing(address);
        if !REGION.contains(page) {
            return Err(StackError::Outside);
        }
        if page >= self.lowest {
            return Err(StackError::AlreadyMapped);
        }
        self.grow_to(pages, page)
    }

    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, StackError> {
        zeroed_pages::map(to, self.mapped())?;
        let mut piece = [0; PIECE];
        for address in (self.bottom().as_u32()..END).step_by(PIECE).map(VirtAddr::new) {
            from.read(address, &mut piece);
            to.write(address, &piece);
        }
        Ok(Self { lowest: self.lowest })
    }

    fn destroy(self, pages: &mut dyn Pages) {
        zeroed_pages::unmap(pages, self.mapped());
    }
}
