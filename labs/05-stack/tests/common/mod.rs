//! Shared by the tests: pages for stacks, and a reader of their
//! contents.

// Every test file compiles this file, and none uses all of it.
#![allow(dead_code)]

use mm_api::layout::{PAGE_SIZE, USER_SPACE_END, USER_STACK_END, USER_STACK_START};
use mm_api::{Arguments, Page, PageRange, Pages, UserStack, VirtAddr};
use mm_host::FakePages;
use stack::ProcessStack;

/// The first address past a user stack's region.
pub const END: u32 = USER_STACK_END.as_u32();

/// The pages of a user stack's region.
pub const REGION: PageRange = PageRange::between(USER_STACK_START, VirtAddr::new(END));

/// The pages of a process: its user half except the page of null pointers.
pub fn process() -> FakePages {
    FakePages::new(PageRange::between(VirtAddr::new(PAGE_SIZE), USER_SPACE_END))
}

/// A process with a stack.
pub fn with_stack() -> (FakePages, ProcessStack) {
    let mut pages = process();
    let stack = ProcessStack::create(&mut pages).unwrap();
    (pages, stack)
}

/// A process with a stack of this many pages.
pub fn with_stack_of(count: u32) -> (FakePages, ProcessStack) {
    let (mut pages, mut stack) = with_stack();
    if count > 1 {
        stack.grow(&mut pages, address(END - count * PAGE_SIZE)).unwrap();
    }
    (pages, stack)
}

pub fn address(number: u32) -> VirtAddr {
    VirtAddr::new(number)
}

pub fn page(number: u32) -> Page {
    Page::containing(address(number))
}

/// The `count` topmost pages of the region, the lowest first.
pub fn topmost(count: u32) -> Vec<Page> {
    REGION.iter().skip((REGION.len() - count) as usize).collect()
}

/// Fails unless the stack has exactly these pages, the topmost, and reports so.
pub fn assert_pages(pages: &FakePages, stack: &ProcessStack, count: u32) {
    assert_eq!(pages.mapped(), topmost(count));
    assert_eq!(stack.bottom(), address(END - count * PAGE_SIZE));
}

/// How many pages the stack has, all of which lie where a stack's may.
pub fn count(pages: &FakePages, stack: &ProcessStack) -> u32 {
    let count = (END - stack.bottom().as_u32()) / PAGE_SIZE;
    assert_pages(pages, stack, count);
    count
}

/// Overwrites everything on the stack.
pub fn scribble(pages: &mut FakePages, byte: u8) {
    for page in pages.mapped() {
        pages.write(page.start(), &[byte; PAGE_SIZE as usize]);
    }
}

/// The word at an address.
pub fn word(pages: &FakePages, at: u32) -> u32 {
    let mut bytes = [0; 4];
    pages.read(address(at), &mut bytes);
    u32::from_le_bytes(bytes)
}

/// The string at an address of the stack, up to its NUL.
pub fn string(pages: &FakePages, at: u32) -> Vec<u8> {
    (at..END).map(|at| pages.bytes(address(at), 1)[0]).take_while(|byte| *byte != 0).collect()
}

/// The arguments that a program finds on its stack.
#[derive(PartialEq, Eq, Debug)]
pub struct Found {
    pub argv: Vec<Vec<u8>>,
    pub envp: Vec<Vec<u8>>,
    pub auxv: Vec<(u32, u32)>,
}

impl Found {
    /// The expected arguments.
    pub fn expected(arguments: &Arguments<'_>) -> Self {
        let owned = |strings: &[&[u8]]| strings.iter().map(|string| string.to_vec()).collect();
        Self {
            argv: owned(arguments.argv),
            envp: owned(arguments.envp),
            auxv: arguments.auxv.iter().map(|entry| (entry.kind, entry.value)).collect(),
        }
    }
}

/// Reads the arguments like the program, from the stack pointer on.
pub fn read(pages: &FakePages, pointer: VirtAddr) -> Found {
    let mut at = pointer.as_u32();
    let mut next = || {
        at += 4;
        word(pages, at - 4)
    };
    let argc = next();
    let argv: Vec<u32> = (0..argc).map(|_| next()).collect();
    assert_eq!(next(), 0, "the 0 after argv");
    let envp: Vec<u32> = std::iter::from_fn(|| Some(next()).filter(|address| *address != 0)).collect();
    let auxv: Vec<(u32, u32)> = std::iter::from_fn(|| Some((next(), next())).filter(|(kind, _)| *kind != 0)).collect();
    // The value of the last entry is 0, too.
    assert_eq!(word(pages, at - 4), 0, "the value of AT_NULL");
    for address in argv.iter().chain(&envp) {
        assert!((at..END).contains(address), "{address:#x} of a string, where the vectors end at {at:#x}");
    }
    let strings = |list: &[u32]| list.iter().map(|address| string(pages, *address)).collect();
    Found { argv: strings(&argv), envp: strings(&envp), auxv }
}

/// The least number of bytes that the arguments take.
pub fn least(arguments: &Arguments<'_>) -> u64 {
    let Arguments { argv, envp, auxv } = arguments;
    let strings: u64 = argv.iter().chain(*envp).map(|string| string.len() as u64 + 1).sum();
    strings + 4 * (1 + argv.len() + 1 + envp.len() + 1 + 2 * (auxv.len() + 1)) as u64
}
