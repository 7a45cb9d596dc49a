//! `brk-test [RULE]`: tests from inside a program whether the heap of a process (lab 04) keeps its
//! contract.
//!
//! The program itself uses no heap: the tests have it for themselves.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::fmt::{self, Formatter};

use user::abi::{Errno, PAGE_SIZE, STDOUT, SystemCall};
use user::start::Start;
use user::test::{Check, Test};
use user::words::Words;
use user::{arch, meminfo, process};

user::program!(main);

/// Where the heap of a program as small as this one begins.
const HEAP_START: u32 = 0x1000_0000;
/// The guard page below the stack, which the heap can never reach.
const GUARD: u32 = 0xBFFE_F000;

const TESTS: &[Test] = &[
    Test { name: "start", rule: "the heap is empty at first, and starts at USER_HEAP_START", run: starts },
    Test { name: "old-break", rule: "sbrk returns the old break, also for 0 and on the way down", run: old_break },
    Test { name: "brk-answers", rule: "brk answers with the break, moved or not", run: brk_answers },
    Test { name: "zeroed", rule: "memory that the break moves over on its way up is zero", run: zeroed },
    Test { name: "kept", rule: "what is below the break keeps its contents when the break moves", run: kept },
    Test { name: "past-end", rule: "an access past the heap's last page is a fault", run: past_end },
    Test { name: "shrunk", rule: "an access to a page that was given back is a fault", run: shrunk },
    Test { name: "pages", rule: "a page is mapped if a byte of the heap lies in it, and only then", run: pages },
    Test { name: "below-start", rule: "a break below the start is ENOMEM, and changes nothing", run: below_start },
    Test { name: "past-limit", rule: "a break past the limit is ENOMEM, and changes nothing", run: past_limit },
    Test { name: "wraps", rule: "a break that 32 bits cannot hold is ENOMEM, and changes nothing", run: wraps },
    Test { name: "out-of-frames", rule: "without enough frames it is ENOMEM, and none is lost", run: out_of_frames },
    Test { name: "to-the-last", rule: "memory can be had to the last frame, and given back", run: to_the_last },
    Test { name: "system-calls", rule: "the kernel takes no pointer past the heap's last page", run: system_calls },
    Test { name: "fork", rule: "a fork copies the heap, and each has its own from then on", run: fork_copies },
    Test { name: "exec", rule: "another program begins with an empty heap", run: exec_resets },
    Test { name: "isolation", rule: "processes do not see each other's heaps", run: isolation },
];

fn main(start: &'static Start) -> u8 {
    if start.argument(1) == Some(AFTER_EXEC) {
        return after_exec();
    }
    user::test::run(start, "brk-test", TESTS)
}

#[allow(unsafe_code)]
fn sbrk(bytes: i32) -> Result<u32, Errno> {
    // SAFETY: nothing of this program is in the heap, so any change to it is harmless.
    unsafe { user::memory::sbrk(bytes) }
}

#[allow(unsafe_code)]
fn brk(address: u32) -> u32 {
    // SAFETY: nothing of this program is in the heap, so any change to it is harmless.
    unsafe { user::memory::brk(address) }
}

/// Reads the byte at an address of the heap.
#[allow(unsafe_code)]
fn peek(address: u32) -> u8 {
    // SAFETY: the kernel ends this process if no memory is there.
    unsafe { arch::peek(address) }
}

/// Writes to an address of the heap, or to one where there is no memory at all.
#[allow(unsafe_code)]
fn poke(address: u32, value: u8) {
    // SAFETY: nothing of this program is in the heap; the kernel ends this process if no memory is
    // there.
    unsafe { arch::poke(address, value) }
}

/// The first byte from `start` up to `end` that is not `value`.
fn first_unlike(start: u32, end: u32, value: u8) -> Found {
    Found((start..end).map(|address| (address, peek(address))).find(|&(_, byte)| byte != value))
}

/// The result of a search: a byte with its address, or none.
#[derive(PartialEq)]
struct Found(Option<(u32, u8)>);

impl Words for Found {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some((address, value)) => write!(f, "{value:#04x} at {address:#010x}"),
        }
    }
}

fn fill(start: u32, end: u32, value: u8) {
    (start..end).for_each(|address| poke(address, value));
}

/// Moves the break. The test can go on only if that works.
fn moved(check: &mut Check, bytes: i32) -> Option<u32> {
    check.done("sbrk", sbrk(bytes))
}

fn starts(check: &mut Check, _: &Start) {
    check.address("brk(0)", HEAP_START, brk(0));
    if let Some(start) = moved(check, 0) {
        check.address("sbrk(0)", HEAP_START, start);
    }
    check.faults("reading the first byte of an empty heap", || {
        peek(HEAP_START);
    });
}

fn old_break(check: &mut Check, _: &Start) {
    let start = brk(0);
    for (bytes, expected) in [(0, 0), (100, 0), (0, 100), (5000, 100), (-40, 5100), (0, 5060), (-5060, 5060), (0, 0)] {
        match sbrk(bytes) {
            Ok(seen) if seen == start + expected => {}
            Ok(seen) => check.address("where the break was", start + expected, seen),
            Err(errno) => check.equal("sbrk", Ok(start + expected), Err(errno)),
        }
    }
}

fn brk_answers(check: &mut Check, _: &Start) {
    let start = brk(0);
    check.address("brk(start + 100)", start + 100, brk(start + 100));
    check.address("brk(0)", start + 100, brk(0));
    check.address("brk(start - 1)", start + 100, brk(start - 1));
    check.address("brk(0xffffffff)", start + 100, brk(u32::MAX));
    check.address("brk(start + 3 pages)", start + 3 * PAGE_SIZE, brk(start + 3 * PAGE_SIZE));
    check.address("brk(start)", start, brk(start));
}

fn zeroed(check: &mut Check, _: &Start) {
    let end = 3 * PAGE_SIZE + 17;
    let Some(start) = moved(check, end as i32) else { return };
    check.equal("the first byte of new memory that is not 0", Found(None), first_unlike(start, start + end, 0));
    fill(start, start + end, 0xAA);
    // The break goes down by part of a page, and by several pages.
    for keep in [3 * PAGE_SIZE + 5, PAGE_SIZE + 100, 0] {
        moved(check, keep as i32 - end as i32);
        moved(check, end as i32 - keep as i32);
        let seen = first_unlike(start + keep, start + end, 0);
        check.equal("the first byte that is not 0, after the break came back", Found(None), seen);
        fill(start, start + end, 0xAA);
    }
}

fn kept(check: &mut Check, _: &Start) {
    let Some(start) = moved(check, 100) else { return };
    fill(start, start + 100, 0x5A);
    for bytes in [1, 4095, 3 * 4096, -4096, -8000, 100] {
        moved(check, bytes);
        check.equal("the first byte that is not what was written", Found(None), first_unlike(start, start + 100, 0x5A));
    }
}

fn past_end(check: &mut Check, _: &Start) {
    let Some(start) = moved(check, 100) else { return };
    check.lives("using the page's last byte", || poke(start + PAGE_SIZE - 1, 1));
    check.faults("writing to the next page", || poke(start + PAGE_SIZE, 1));
    check.faults("reading from the next page", || {
        peek(start + PAGE_SIZE);
    });
    moved(check, PAGE_SIZE as i32 - 100);
    check.lives("using the page's last byte", || poke(start + PAGE_SIZE - 1, 1));
    check.faults("writing to the next page, with the break at its start", || poke(start + PAGE_SIZE, 1));
    check.faults("writing in the middle between heap and stack", || poke(0x6000_0000, 1));
}

fn shrunk(check: &mut Check, _: &Start) {
    let Some(start) = moved(check, 3 * PAGE_SIZE as i32) else { return };
    fill(start, start + 3 * PAGE_SIZE, 0x77);
    // The page was used, so the processor remembers its translation.
    check.apart("after the break came down by a page", |check| {
        moved(check, -(PAGE_SIZE as i32));
        check.equal("the first byte that was lost", Found(None), first_unlike(start, start + 2 * PAGE_SIZE, 0x77));
        check.faults("reading the page that was given back", || {
            peek(start + 2 * PAGE_SIZE);
        });
    });
    check.faults("reading, in the process that gave it back, from a page that it just used", || {
        let _ = sbrk(-(PAGE_SIZE as i32));
        peek(start + 2 * PAGE_SIZE);
    });
    check.faults("writing to a page of a heap that was given back as a whole", || {
        brk(start);
        poke(start, 1);
    });
}

fn pages(check: &mut Check, _: &Start) {
    let me = process::id();
    for (bytes, expected) in
        [(0, 0), (1, 1), (4095, 1), (1, 2), (-1, 1), (-4095, 1), (-1, 0), (12288, 3), (-4097, 2), (-8191, 0)]
    {
        moved(check, bytes);
        if let Some(record) = check.done("meminfo", meminfo::process(me)) {
            check.equal("pages of the heap that are mapped", expected, record.heap_frames);
            check.address("the end of the heap, as meminfo says it", brk(0), record.heap_end);
        }
    }
}

/// Makes an impossible request, and checks that it changes nothing.
fn impossible(check: &mut Check, what: &str, ask: impl FnOnce(&mut Check)) {
    const SIZE: u32 = PAGE_SIZE + 100;
    let start = brk(0);
    moved(check, SIZE as i32);
    fill(start, start + SIZE, 0x3C);
    let before = meminfo::physical().map(|memory| memory.free_frames);
    ask(check);
    check.equal("free frames afterwards", before, meminfo::physical().map(|memory| memory.free_frames));
    check.address(what, start + SIZE, brk(0));
    check.equal("the first byte that changed", Found(None), first_unlike(start, start + SIZE, 0x3C));
    brk(start);
}

fn below_start(check: &mut Check, _: &Start) {
    let start = brk(0);
    impossible(check, "the break afterwards", |check| {
        check.refused("sbrk of one byte too many", Errno::ENOMEM, sbrk(-(PAGE_SIZE as i32) - 101));
        check.refused("sbrk of all below", Errno::ENOMEM, sbrk(-(start as i32)));
        for address in [start - 1, start - PAGE_SIZE, 0x0804_8000, 1] {
            check.address("brk below the start", start + PAGE_SIZE + 100, brk(address));
        }
    });
}

fn past_limit(check: &mut Check, _: &Start) {
    let start = brk(0);
    impossible(check, "the break afterwards", |check| {
        for address in [GUARD + 1, 0xBFFF_0000, 0xBFFF_FFFF, 0xC000_0000, 0xC010_0000, u32::MAX - 1, u32::MAX] {
            check.address("brk past the limit", start + PAGE_SIZE + 100, brk(address));
        }
        check.lives("the stack and the program afterwards", || ());
    });
}

fn wraps(check: &mut Check, _: &Start) {
    impossible(check, "the break afterwards", |check| {
        check.refused("sbrk of the most negative number", Errno::ENOMEM, sbrk(i32::MIN));
        check.refused("sbrk of -0x20000000", Errno::ENOMEM, sbrk(-0x2000_0000));
        check.refused("sbrk of the largest number", Errno::ENOMEM, sbrk(i32::MAX));
    });
}

fn out_of_frames(check: &mut Check, _: &Start) {
    let Some(memory) = check.done("meminfo", meminfo::physical()) else { return };
    let pages = |more: u32| ((memory.free_frames + more) * PAGE_SIZE) as i32;
    impossible(check, "the break afterwards", |check| {
        // The tables alone would take these frames.
        check.refused("sbrk of as many pages as there are free frames", Errno::ENOMEM, sbrk(pages(0)));
        check.refused("sbrk of a page more", Errno::ENOMEM, sbrk(pages(1)));
        check.refused("sbrk of 64 MiB more", Errno::ENOMEM, sbrk(pages(16384)));
    });
}

fn to_the_last(check: &mut Check, _: &Start) {
    let free = || meminfo::physical().map(|memory| memory.free_frames);
    let before = free();
    check.apart("a process that takes all memory", |check| {
        let start = brk(0);
        let mut pages = 0_u32;
        let errno = loop {
            match sbrk(PAGE_SIZE as i32) {
                Ok(page) => {
                    poke(page, pages as u8);
                    pages += 1;
                }
                Err(errno) => break errno,
            }
        };
        check.equal("why there is no more", Errno::ENOMEM, errno);
        // One frame may be left that is of no use, because the page needs a table as well.
        check.holds("no more than a frame is free", free().is_ok_and(|frames| frames <= 1));
        check.address("the break", start + pages * PAGE_SIZE, brk(0));
        let lost = (0..pages).find(|&page| peek(start + page * PAGE_SIZE) != page as u8);
        check.equal("the first page that lost its contents", None, lost);
        check.address("brk of one page less", start + (pages - 1) * PAGE_SIZE, brk(start + (pages - 1) * PAGE_SIZE));
        check.done("sbrk of a page again", sbrk(PAGE_SIZE as i32));
        check.address("brk of the start", start, brk(start));
    });
    check.equal("free frames after that process", before, free());
}

fn system_calls(check: &mut Check, _: &Start) {
    let Some(start) = moved(check, PAGE_SIZE as i32) else { return };
    let end = start + PAGE_SIZE;
    fill(start, end, b'.');
    check.refused("write from past the end", Errno::EFAULT, write(end, 1));
    check.refused("write from the kernel half", Errno::EFAULT, write(0xC010_0000, 1));
    check.refused("write from a range that wraps", Errno::EFAULT, write(end - 4, u32::MAX));
    check.equal("write of the last byte", Ok(1), write(end - 1, 1));
    check.equal("write of a line's end", Ok(1), user::io::write(STDOUT, b"\n"));
    moved(check, -(PAGE_SIZE as i32));
    check.refused("write from what was given back", Errno::EFAULT, write(start, 1));
    check.refused("meminfo into what was given back", Errno::EFAULT, {
        let arguments = [user::abi::meminfo::PHYSICAL, start, 4096, 0];
        call(SystemCall::Meminfo, &arguments)
    });
}

#[allow(unsafe_code)]
fn call(number: SystemCall, arguments: &[u32]) -> Result<u32, Errno> {
    // SAFETY: nothing of this program is in the heap, to which the kernel may write.
    unsafe { user::call(number, arguments) }
}

fn write(address: u32, bytes: u32) -> Result<u32, Errno> {
    call(SystemCall::Write, &[STDOUT, address, bytes])
}

fn fork_copies(check: &mut Check, _: &Start) {
    const SIZE: u32 = 2 * PAGE_SIZE + 50;
    let Some(start) = moved(check, SIZE as i32) else { return };
    fill(start, start + SIZE, 0x11);
    check.apart("the copy", |check| {
        check.address("the break", start + SIZE, brk(0));
        check.equal("the first byte that was not copied", Found(None), first_unlike(start, start + SIZE, 0x11));
        fill(start, start + SIZE, 0x22);
        moved(check, PAGE_SIZE as i32);
        check.equal("memory that is not 0", Found(None), first_unlike(start + SIZE, start + SIZE + PAGE_SIZE, 0));
    });
    check.address("the break, after the copy moved its own", start + SIZE, brk(0));
    check.equal("the first byte that the copy changed", Found(None), first_unlike(start, start + SIZE, 0x11));
    check.apart("a copy that gives its heap back", |check| {
        check.address("the break", start, brk(start));
    });
    check.equal("the first byte that went with the copy", Found(None), first_unlike(start, start + SIZE, 0x11));
}

/// The argument that marks the program as run by another one.
const AFTER_EXEC: &str = "after-exec";

fn exec_resets(check: &mut Check, start: &'static Start) {
    let Some(heap) = moved(check, 5 * PAGE_SIZE as i32) else { return };
    fill(heap, heap + 5 * PAGE_SIZE, 0x99);
    check.ends("the other program", user::abi::WaitStatus::exited(0), || {
        let Some(path) = start.arguments().next() else { return 2 };
        let strings = [path.as_ptr(), c"after-exec".as_ptr(), core::ptr::null()];
        exec(path, &strings);
        3
    });
}

/// Runs a program without the vectors that `process::exec` makes in the heap.
#[allow(unsafe_code)]
fn exec(path: &core::ffi::CStr, argv: &[*const core::ffi::c_char]) {
    // SAFETY: nothing is in use any more.
    unsafe { process::exec_raw(path.as_ptr(), argv.as_ptr(), argv[argv.len() - 1..].as_ptr()) };
}

fn after_exec() -> u8 {
    let mut check = Check::default();
    let start = brk(0);
    check.address("the break after execve", HEAP_START, start);
    check.faults("reading what the other program had in its heap", || {
        peek(start);
    });
    moved(&mut check, 5 * PAGE_SIZE as i32);
    check.equal("memory that is not 0", Found(None), first_unlike(start, start + 5 * PAGE_SIZE, 0));
    check.exit_code()
}

fn isolation(check: &mut Check, _: &Start) {
    const PROCESSES: usize = 6;
    const SIZE: u32 = 2 * PAGE_SIZE;
    let work = |mark: u8| {
        move || {
            let Ok(start) = sbrk(SIZE as i32) else { return 2 };
            for round in 0..20 {
                let value = mark.wrapping_add(round);
                (start..start + SIZE).step_by(97).for_each(|address| poke(address, value));
                process::yield_now();
                if (start..start + SIZE).step_by(97).any(|address| peek(address) != value) {
                    return 1;
                }
            }
            0
        }
    };
    let children: [_; PROCESSES] = core::array::from_fn(|index| process::spawn(work(index as u8 * 40)));
    for child in children {
        let ended = child.and_then(|child| process::wait(Some(child)));
        if let Some((_, status)) = check.done("a process", ended) {
            check.equal("1: it saw what it did not write", Some(0), status.code());
        }
    }
}
