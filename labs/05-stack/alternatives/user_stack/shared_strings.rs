//! An alternative: a string that is the end of the string before it shares that string's bytes.
//!
//! The strings of `envp` come below those of `argv`, each at a multiple of four if
//! there is room for that. For the limit, every string counts in full.
//!
//! Other choices that differ: the record is an address; `set_up` grows by one page
//! more than it needs, if possible, for the program's first calls.

use mm_api::layout::{PAGE_SIZE, USER_STACK_END, USER_STACK_START};
use mm_api::{ARGUMENTS_MAX, Arguments, Page, PageRange, Pages, STACK_ALIGN, StackError, UserStack, VirtAddr};

use crate::zeroed_pages;

const END: u32 = USER_STACK_END.as_u32();

/// A process's stack.
pub struct ProcessStack {
    bottom: VirtAddr,
}

/// A string, and its address.
#[derive(Clone, Copy)]
struct Placed<'a> {
    string: &'a [u8],
    address: u32,
    /// Whether it has to be written: it shares no other string's bytes.
    fresh: bool,
}

/// The places of all strings: from the end downwards, each at a multiple of `align`,
/// except those that share the bytes of the last one.
fn places<'a>(lists: [&'a [&'a [u8]]; 2], align: u32) -> impl Iterator<Item = Placed<'a>> {
    let mut last: Option<Placed<'a>> = None;
    lists.into_iter().flatten().map(move |string| {
        let lowest = last.map_or(END, |last| last.address);
        match last {
            Some(last) if last.string.ends_with(string) => {
                let address = last.address + (last.string.len() - string.len()) as u32;
                Placed { string, address, fresh: false }
            }
            _ => {
                let address = (lowest - string.len() as u32 - 1) / align * align;
                let placed = Placed { string, address, fresh: true };
                last = Some(placed);
                placed
            }
        }
    })
}

impl ProcessStack {
    fn extend(&mut self, pages: &mut dyn Pages, address: u32) -> Result<(), StackError> {
        let bottom = VirtAddr::new(address & !(PAGE_SIZE - 1));
        if bottom < self.bottom {
            zeroed_pages::map(pages, PageRange::between(bottom, self.bottom))?;
            self.bottom = bottom;
        }
        Ok(())
    }
}

impl UserStack for ProcessStack {
    fn create(pages: &mut dyn Pages) -> Result<Self, StackError> {
        let mut stack = Self { bottom: VirtAddr::new(END) };
        stack.extend(pages, END - 1)?;
        Ok(stack)
    }

    fn bottom(&self) -> VirtAddr {
        self.bottom
    }

    fn set_up(&mut self, pages: &mut dyn Pages, arguments: &Arguments<'_>) -> Result<VirtAddr, StackError> {
        let Arguments { argv, envp, auxv } = *arguments;
        let argc = argv.len();
        let words = 1u64 + argc as u64 + 1 + envp.len() as u64 + 1 + 2 * auxv.len() as u64 + 2;
        let plain: u64 = argv.iter().chain(envp).map(|string| string.len() as u64 + 1).sum();
        if plain + 4 * words > u64::from(ARGUMENTS_MAX) {
            return Err(StackError::TooManyArguments);
        }
        let vectors = 4 * words as u32;
        let lists = [argv, envp];
        let pointer = |align| {
            let lowest = places(lists, align).map(|placed| placed.address).min().unwrap_or(END);
            lowest.checked_sub(vectors).map(|end| end / STACK_ALIGN * STACK_ALIGN)
        };
        let fits = |align: &u32| pointer(*align).is_some_and(|pointer| END - pointer <= ARGUMENTS_MAX);
        let align = [4, 1].into_iter().find(fits).ok_or(StackError::TooManyArguments)?;
        let pointer = pointer(align).ok_or(StackError::TooManyArguments)?;
        self.extend(pages, pointer)?;
        // Without it the program works as well, after one page fault more.
        let _ = self.extend(pages, pointer - PAGE_SIZE);

        for placed in places(lists, align).filter(|placed| placed.fresh) {
            pages.write(VirtAddr::new(placed.address), placed.string);
            pages.write(VirtAddr::new(placed.address + placed.string.len() as u32), b"\0");
        }
        let addresses = places(lists, align).map(|placed| placed.address);
        let variables = places(lists, align).map(|placed| placed.address).skip(argc).chain([0]);
        let addresses = addresses.take(argc).chain([0]);
        let entries = auxv.iter().flat_map(|entry| [entry.kind, entry.value]).chain([0, 0]);
        let all = [argc as u32].into_iter().chain(addresses).chain(variables).chain(entries);
        for (address, word) in (pointer..).step_by(4).zip(all) {
            pages.write(VirtAddr::new(address), &word.to_le_bytes());
        }
        Ok(VirtAddr::new(pointer))
    }

    fn grow(&mut self, pages: &mut dyn Pages, address: VirtAddr) -> Result<(), StackError> {
        if address < USER_STACK_START || address.as_u32() >= END {
            return Err(StackError::Outside);
        }
        if pages.is_mapped(Page::containing(address)) && address >= self.bottom {
            return Err(StackError::AlreadyMapped);
        }
        self.extend(pages, address.as_u32())
    }

    fn fork(&self, from: &dyn Pages, to: &mut dyn Pages) -> Result<Self, StackError> {
        let mut copy = Self { bottom: VirtAddr::new(END) };
        copy.extend(to, self.bottom.as_u32())?;
        let mut buffer = [0; 1024];
        for address in (self.bottom.as_u32()..END).step_by(buffer.len()) {
            from.read(VirtAddr::new(address), &mut buffer);
            to.write(VirtAddr::new(address), &buffer);
        }
        Ok(copy)
    }

    fn destroy(self, pages: &mut dyn Pages) {
        for page in PageRange::between(self.bottom, VirtAddr::new(END)).iter().rev() {
            pages.unmap(page);
        }
    }
}
