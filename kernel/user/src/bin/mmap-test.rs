//! `mmap-test [RULE]`: tests from inside a program whether mappings, pages on demand and copy on
//! write (lab 07) keep their contracts.
//!
//! The program itself uses no heap, because the heap may consist of mappings, too.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use user::abi::mapping::{MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE};
use user::abi::meminfo::Physical;
use user::abi::{Errno, PAGE_SIZE, STDOUT, Signal, SystemCall, WaitStatus};
use user::start::Start;
use user::test::{Check, Test};
use user::{arch, mapping, meminfo};

user::program!(main);

const RW: u32 = PROT_READ | PROT_WRITE;
/// The guard page below the stack. Mappings end below it.
const GUARD: u32 = 0xBFFE_F000;
/// An address at which nothing is mapped.
const FREE: u32 = 0x5000_0000;

const TESTS: &[Test] = &[
    Test { name: "anonymous", rule: "new memory is zero, and may be read and written to", run: anonymous },
    Test { name: "places", rule: "mappings come from the top down, page by page, without overlaps", run: places },
    Test { name: "hints", rule: "a hint counts where there is room, and is rounded down", run: hints },
    Test { name: "fixed", rule: "a fixed mapping takes the place of what is there", run: fixed },
    Test { name: "noreplace", rule: "MAP_FIXED_NOREPLACE never takes the place of anything", run: noreplace },
    Test { name: "refused", rule: "what cannot be mapped is refused with Linux's errors", run: refused },
    Test { name: "munmap", rule: "what is unmapped is gone, and nothing else", run: munmap },
    Test { name: "demand", rule: "a page takes a frame when it is touched, and not before", run: demand },
    Test { name: "system-calls", rule: "the kernel touches pages as the program does", run: system_calls },
    Test { name: "protect", rule: "mprotect says what may be done, page by page", run: protect },
    Test { name: "large", rule: "a mapping of 1 GiB costs nothing", run: large },
    Test { name: "fork-private", rule: "what one of two writes, the other does not see", run: fork_private },
    Test { name: "fork-shared", rule: "what is written to a shared mapping, both see", run: fork_shared },
    Test { name: "fork-large", rule: "a fork of 64 MiB copies no page until it is written to", run: fork_large },
    Test {
        name: "fork-everything",
        rule: "heap, stack and data are shared, too, until one writes",
        run: fork_everything,
    },
    Test { name: "fork-stack", rule: "a fork copies no page of the stack until it is written to", run: fork_stack },
    Test { name: "fork-full", rule: "a fork for which memory is short harms nobody else", run: fork_full },
    Test { name: "no-frames", rule: "a program that touches more than there is ends, and nobody else", run: no_frames },
    Test { name: "no-frames-call", rule: "in a system call it is EFAULT", run: no_frames_call },
];

fn main(start: &'static Start) -> u8 {
    user::test::run(start, "mmap-test", TESTS)
}

#[allow(unsafe_code)]
fn map(address: u32, bytes: u32, protection: u32, flags: u32) -> Result<u32, Errno> {
    // SAFETY: the program's own memory is elsewhere.
    unsafe { mapping::map(address, bytes, protection, flags) }
}

#[allow(unsafe_code)]
fn unmap(address: u32, bytes: u32) -> Result<(), Errno> {
    // SAFETY: the program's own memory is elsewhere.
    unsafe { mapping::unmap(address, bytes) }
}

#[allow(unsafe_code)]
fn allow(address: u32, bytes: u32, protection: u32) -> Result<(), Errno> {
    // SAFETY: the program's own memory is elsewhere.
    unsafe { mapping::protect(address, bytes, protection) }
}

#[allow(unsafe_code)]
fn call(number: SystemCall, arguments: &[u32]) -> Result<u32, Errno> {
    // SAFETY: the kernel writes to mappings only.
    unsafe { user::call(number, arguments) }
}

#[allow(unsafe_code)]
fn poke(address: u32, value: u8) {
    // SAFETY: nothing of this program is there.
    unsafe { arch::poke(address, value) };
}

#[allow(unsafe_code)]
fn peek(address: u32) -> u8 {
    // SAFETY: nothing of this program is there.
    unsafe { arch::peek(address) }
}

/// Writes to one byte of each of these pages.
fn touch(start: u32, pages: u32, value: u8) {
    (0..pages).for_each(|page| poke(start + page * PAGE_SIZE + page % PAGE_SIZE, value));
}

/// The number of free frames.
fn free() -> u32 {
    meminfo::physical().as_ref().map_or(0, |memory: &Physical| memory.free_frames)
}

/// The first of these bytes that is not 0.
fn first_not_zero(start: u32, bytes: u32) -> Option<u32> {
    (start..start + bytes).find(|&address| peek(address) != 0)
}

fn anonymous(check: &mut Check, _: &Start) {
    for flags in [MAP_PRIVATE, MAP_SHARED] {
        for bytes in [1, PAGE_SIZE, 3 * PAGE_SIZE + 1] {
            let Some(start) = check.done("mmap", map(0, bytes, RW, flags)) else { continue };
            let whole = bytes.next_multiple_of(PAGE_SIZE);
            check.equal("the offset in its page", 0, start % PAGE_SIZE);
            check.equal("the first byte that is not 0", None, first_not_zero(start, whole));
            (start..start + whole).for_each(|address| poke(address, address as u8 ^ 0x5A));
            let other = (start..start + whole).find(|&address| peek(address) != address as u8 ^ 0x5A);
            check.equal("the first byte that did not keep what was written", None, other);
            check.done("munmap", unmap(start, bytes));
            // The second mapping may get the same frames.
            if let Some(start) = check.done("mmap once more", map(0, bytes, RW, flags)) {
                check.equal("the first byte that is not 0 the second time", None, first_not_zero(start, whole));
                check.done("munmap", unmap(start, bytes));
            }
        }
    }
}

fn places(check: &mut Check, _: &Start) {
    let mut below = GUARD;
    for pages in [1, 3, 300, 2] {
        let Some(start) = check.done("mmap", map(0, pages * PAGE_SIZE, RW, MAP_PRIVATE)) else { continue };
        check.address("a mapping without a hint, right below the last", below - pages * PAGE_SIZE, start);
        touch(start, pages, 1);
        below = start;
    }
    check.done("munmap of all", unmap(below, GUARD - below));
    check.address("the next one", GUARD - PAGE_SIZE, map(0, 1, RW, MAP_PRIVATE).unwrap_or(0));
}

fn hints(check: &mut Check, _: &Start) {
    check.equal("a hint that is free", Ok(FREE), map(FREE + 123, 2 * PAGE_SIZE, RW, MAP_PRIVATE));
    let taken = map(FREE + PAGE_SIZE, PAGE_SIZE, RW, MAP_PRIVATE);
    check.address("a hint that is taken", GUARD - PAGE_SIZE, taken.unwrap_or(0));
    let image = map(0x0804_8000, PAGE_SIZE, RW, MAP_PRIVATE);
    check.address("a hint where the program is", GUARD - 2 * PAGE_SIZE, image.unwrap_or(0));
    let low = map(1, PAGE_SIZE, RW, MAP_PRIVATE);
    check.address("a hint to page 0", GUARD - 3 * PAGE_SIZE, low.unwrap_or(0));
    let high = map(0xC000_0000, PAGE_SIZE, RW, MAP_PRIVATE);
    check.address("a hint to the kernel half", GUARD - 4 * PAGE_SIZE, high.unwrap_or(0));
}

fn fixed(check: &mut Check, _: &Start) {
    let flags = MAP_PRIVATE | MAP_FIXED;
    check.equal("8 pages", Ok(FREE), map(FREE, 8 * PAGE_SIZE, RW, flags));
    touch(FREE, 8, 7);
    let inner = FREE + 2 * PAGE_SIZE;
    let before = free();
    check.equal("3 pages into them", Ok(inner), map(inner, 3 * PAGE_SIZE, PROT_READ, flags));
    check.equal("frames that came back", before + 3, free());
    check.equal("the first byte of these that is not 0", None, first_not_zero(inner, 3 * PAGE_SIZE));
    check.equal("a byte before them", 7, peek(inner - PAGE_SIZE + 1));
    check.equal("a byte behind them", 7, peek(inner + 3 * PAGE_SIZE + 5));
    check.faults("writing to a page that is read-only", || poke(inner, 1));
}

fn noreplace(check: &mut Check, _: &Start) {
    let flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE;
    check.equal("where nothing is", Ok(FREE), map(FREE, 2 * PAGE_SIZE, RW, flags));
    touch(FREE, 2, 9);
    for address in [FREE, FREE + PAGE_SIZE, FREE - PAGE_SIZE] {
        check.refused("where a mapping is", Errno::EEXIST, map(address, 2 * PAGE_SIZE, RW, flags));
    }
    check.refused("where the program is", Errno::EEXIST, map(0x0804_8000, PAGE_SIZE, RW, flags));
    check.equal("what is there", (9, 9), (peek(FREE), peek(FREE + PAGE_SIZE + 1)));
}

fn refused(check: &mut Check, _: &Start) {
    let (fixed, before) = (MAP_PRIVATE | MAP_FIXED, free());
    for (what, expected, answer) in [
        ("no bytes", Errno::EINVAL, map(0, 0, RW, MAP_PRIVATE)),
        ("neither private nor shared", Errno::EINVAL, map(0, PAGE_SIZE, RW, 0)),
        ("both", Errno::EINVAL, map(0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_SHARED)),
        ("all bytes", Errno::ENOMEM, map(0, u32::MAX, RW, MAP_PRIVATE)),
        ("more than there is", Errno::ENOMEM, map(0, 0xC000_0000, RW, MAP_PRIVATE)),
        ("a fixed address within a page", Errno::EINVAL, map(FREE + 1, PAGE_SIZE, RW, fixed)),
        ("page 0", Errno::EPERM, map(0, PAGE_SIZE, RW, fixed)),
        ("the kernel half", Errno::ENOMEM, map(0xC000_0000, PAGE_SIZE, RW, fixed)),
        ("a range that wraps", Errno::ENOMEM, map(0xFFFF_F000, 2 * PAGE_SIZE, RW, fixed)),
        ("the stack's guard", Errno::ENOMEM, map(GUARD, PAGE_SIZE, RW, fixed)),
        ("up to the stack's guard and over it", Errno::ENOMEM, map(GUARD - PAGE_SIZE, 2 * PAGE_SIZE, RW, fixed)),
        ("the program's own code", Errno::EINVAL, map(0x0804_8000, PAGE_SIZE, RW, fixed)),
    ] {
        check.refused(what, expected, answer);
    }
    let file = call(SystemCall::Mmap2, &[0, PAGE_SIZE, RW, MAP_PRIVATE, STDOUT, 0]);
    check.refused("a file", Errno::EBADF, file);
    check.equal("free frames afterwards", before, free());
}

fn munmap(check: &mut Check, _: &Start) {
    check.equal("10 pages", Ok(FREE), map(FREE, 10 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED));
    touch(FREE, 10, 3);
    let before = free();
    check.equal("munmap of 2 in the middle", Ok(()), unmap(FREE + 4 * PAGE_SIZE, PAGE_SIZE + 1));
    check.equal("frames that came back", before + 2, free());
    for (page, is_there) in [(3, true), (4, false), (5, false), (6, true)] {
        let address = FREE + page * PAGE_SIZE;
        if is_there {
            check.equal("a byte beside them", 3, peek(address + page));
        } else {
            check.faults("reading what was unmapped", || {
                peek(address);
            });
        }
    }
    check.equal("munmap over the hole", Ok(()), unmap(FREE, 10 * PAGE_SIZE));
    check.equal("munmap where nothing is", Ok(()), unmap(FREE, 10 * PAGE_SIZE));
    for (what, address, bytes) in [
        ("an address within a page", FREE + 1, PAGE_SIZE),
        ("no bytes", FREE, 0),
        ("a range that wraps", FREE, u32::MAX),
        ("the kernel half", 0xC000_0000, PAGE_SIZE),
        ("the program's own code", 0x0804_8000, PAGE_SIZE),
        ("the stack", 0xBFFF_F000, PAGE_SIZE),
        ("everything", 0, 0xC000_0000),
    ] {
        check.refused(what, Errno::EINVAL, unmap(address, bytes));
    }
}

fn demand(check: &mut Check, _: &Start) {
    const PAGES: u32 = 600;
    let before = free();
    check.equal("600 pages", Ok(FREE), map(FREE, PAGES * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED));
    check.equal("free frames, as before", before, free());
    peek(FREE + 599 * PAGE_SIZE);
    // One for the page, and one for its table.
    check.equal("free frames after one page was read", before - 2, free());
    poke(FREE + 598 * PAGE_SIZE, 1);
    check.equal("free frames after another was written to", before - 3, free());
    check.done("munmap", unmap(FREE, PAGES * PAGE_SIZE));
    check.equal("free frames after munmap", before, free());
}

fn system_calls(check: &mut Check, _: &Start) {
    check.equal("4 pages", Ok(FREE), map(FREE, 4 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED));
    // The kernel writes across the boundary of two pages that were never touched.
    let place = FREE + PAGE_SIZE - 8;
    check.equal("meminfo", Ok(1), call(SystemCall::Meminfo, &[0, place, meminfo::RECORD_BYTES, 0]));
    check.holds("what it says", (place..place + 8).any(|address| peek(address) != 0));
    // The kernel reads from a page that was never touched.
    check.equal("write of zeros", Ok(1), call(SystemCall::Write, &[STDOUT, FREE + 3 * PAGE_SIZE, 1]));
    check.done("read-only", allow(FREE, PAGE_SIZE, PROT_READ).map(|()| 0));
    let refused = call(SystemCall::Meminfo, &[0, FREE, meminfo::RECORD_BYTES, 0]);
    check.refused("meminfo to what is read-only", Errno::EFAULT, refused);
    check.done("no rights", allow(FREE, PAGE_SIZE, 0).map(|()| 0));
    check.refused("write from what has no rights", Errno::EFAULT, call(SystemCall::Write, &[STDOUT, FREE, 1]));
    let past = call(SystemCall::Write, &[STDOUT, FREE + 4 * PAGE_SIZE - 1, 2]);
    check.holds(
        "write from past the end takes a byte at most",
        past.is_ok_and(|count| count == 1) || past == Err(Errno::EFAULT),
    );
}

fn protect(check: &mut Check, _: &Start) {
    check.equal("6 pages", Ok(FREE), map(FREE, 6 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED));
    touch(FREE, 6, 5);
    let page = |number: u32| FREE + number * PAGE_SIZE;
    check.equal("read-only", Ok(()), allow(page(1), 2 * PAGE_SIZE, PROT_READ));
    check.equal("nothing", Ok(()), allow(page(3), 1, 0));
    check.equal("execute alone, which means read, too", Ok(()), allow(page(4), 1, PROT_EXEC));
    check.equal("a byte of what is read-only", 5, peek(page(2) + 2));
    check.equal("a byte of what may be executed", 5, peek(page(4) + 4));
    check.faults("writing to what is read-only", || poke(page(2), 1));
    check.faults("writing to what may be executed", || poke(page(4), 1));
    check.faults("reading what has no rights", || {
        peek(page(3));
    });
    check.lives("writing before and behind", || {
        poke(page(0), 1);
        poke(page(5), 1);
    });
    check.equal("everything again", Ok(()), allow(page(0), 6 * PAGE_SIZE, RW));
    for number in 0..6 {
        check.equal("what was there is there still", 5, peek(page(number) + number));
        poke(page(number) + number, 6);
    }
    check.refused("where nothing is", Errno::ENOMEM, allow(page(6), PAGE_SIZE, RW));
    check.refused("over the end", Errno::ENOMEM, allow(page(5), 2 * PAGE_SIZE, PROT_READ));
    poke(page(5), 1);
    check.refused("within a page", Errno::EINVAL, allow(page(0) + 1, PAGE_SIZE, RW));
    check.refused("the stack's guard", Errno::EACCES, allow(GUARD, PAGE_SIZE, RW));
    check.equal("no bytes", Ok(()), allow(FREE, 0, PROT_READ));
}

fn large(check: &mut Check, _: &Start) {
    let before = free();
    let gib = 1 << 30;
    let Some(start) = check.done("mmap of 1 GiB", map(0, gib, RW, MAP_PRIVATE)) else { return };
    touch(start + 12_345 * PAGE_SIZE, 1, 4);
    touch(start + 250_000 * PAGE_SIZE, 1, 5);
    check.equal("frames for two pages and two tables", before - 4, free());
    check.equal("munmap", Ok(()), unmap(start, gib));
    check.equal("free frames after munmap", before, free());
}

fn fork_private(check: &mut Check, _: &Start) {
    check.equal("20 pages", Ok(FREE), map(FREE, 20 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED));
    touch(FREE, 10, 1);
    check.apart("the child", |check| {
        check.equal("what the parent wrote", 1, peek(FREE + 5 * PAGE_SIZE + 5));
        touch(FREE, 20, 2);
        check.equal("what it wrote itself", 2, peek(FREE + 15 * PAGE_SIZE + 15));
        check.equal("a byte beside that", 1, u8::from(peek(FREE + 15 * PAGE_SIZE) == 0));
        check.equal("munmap", Ok(()), unmap(FREE + PAGE_SIZE, 5 * PAGE_SIZE));
    });
    for page in 0..20 {
        let expected = if page < 10 { 1 } else { 0 };
        check.equal("what the parent has", expected, peek(FREE + page * PAGE_SIZE + page));
    }
    // Three processes each write to their own copies.
    touch(FREE, 10, 3);
    check.apart("the child", |check| {
        check.apart("the child's child", |check| {
            touch(FREE, 10, 5);
            check.equal("what it wrote", 5, peek(FREE));
        });
        check.equal("what the parent wrote", 3, peek(FREE));
        touch(FREE, 5, 4);
        check.equal("what it wrote", (4, 3), (peek(FREE), peek(FREE + 9 * PAGE_SIZE + 9)));
    });
    check.equal("what the parent has", 3, peek(FREE + 4 * PAGE_SIZE + 4));
}

fn fork_shared(check: &mut Check, _: &Start) {
    check.equal("8 pages", Ok(FREE), map(FREE, 8 * PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED));
    touch(FREE, 4, 1);
    check.apart("the child", |check| {
        check.equal("what the parent wrote", 1, peek(FREE));
        touch(FREE + 2 * PAGE_SIZE, 4, 2);
        check.apart("the child's child", |check| {
            check.equal("what the child wrote", 2, peek(FREE + 3 * PAGE_SIZE + 1));
            poke(FREE + 7 * PAGE_SIZE, 3);
        });
    });
    let seen = [0, 2 * PAGE_SIZE, 5 * PAGE_SIZE + 3, 7 * PAGE_SIZE].map(|offset| peek(FREE + offset));
    check.equal("what the parent sees", [1, 2, 2, 3], seen);
}

fn fork_large(check: &mut Check, _: &Start) {
    const PAGES: u32 = 16384;
    // The machine's memory cannot hold all of it twice.
    let usable = free() * 2 / 3;
    check.equal("64 MiB", Ok(FREE), map(FREE, PAGES * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED));
    touch(FREE, usable, 1);
    let before = free();
    check.apart("the child", |check| {
        let taken = before - free();
        check.holds("a fork takes no more frames than for tables and stacks", taken < 64);
        let at_first = free();
        touch(FREE, 10, 2);
        check.equal("frames for the 10 pages that it wrote to", at_first - 10, free());
        check.equal("what it wrote, and what it did not", (2, 1), (peek(FREE), peek(FREE + 10 * PAGE_SIZE + 10)));
    });
    check.equal("free frames after the child", before, free());
    check.equal("what the parent has", 1, peek(FREE));
}

fn fork_everything(check: &mut Check, _: &Start) {
    const PAGES: u32 = 200;
    static DATA: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(7);
    use core::sync::atomic::Ordering::Relaxed;
    // SAFETY: the heap grows, so nothing lies beyond its end.
    #[allow(unsafe_code)]
    let heap = unsafe { user::memory::sbrk((PAGES * PAGE_SIZE) as i32) };
    let Some(heap) = check.done("sbrk", heap) else { return };
    touch(heap, PAGES, 1);
    let before = free();
    check.apart("the child", |check| {
        check.holds("a fork takes no more frames than for tables and stacks", before - free() < 64);
        touch(heap, 5, 2);
        DATA.store(8, Relaxed);
        check.equal("what it wrote", (2, 1), (peek(heap), peek(heap + 6 * PAGE_SIZE + 6)));
    });
    check.equal("the parent's data", 7, DATA.load(Relaxed));
    check.equal("the parent's heap", 1, peek(heap));
    check.equal("free frames after the child", before, free());
}

fn fork_stack(check: &mut Check, _: &Start) {
    const PAGES: u32 = 10;
    // One more page, since it begins at none.
    let mut deep = [1_u8; (PAGE_SIZE * (PAGES + 1)) as usize];
    let deep = core::hint::black_box(&mut deep);
    let start = (deep.as_ptr().expose_provenance() as u32).next_multiple_of(PAGE_SIZE);
    let before = free();
    check.apart("the child", |check| {
        let at_first = free();
        touch(start, 5, 2);
        check.equal("frames for the 5 pages that it wrote to", at_first - 5, free());
        let seen = [0, 4, 5, PAGES - 1].map(|page| peek(start + page * PAGE_SIZE + page));
        check.equal("what it wrote, and what it did not", [2, 2, 1, 1], seen);
    });
    check.equal("free frames after the child", before, free());
    check.holds("the parent's stack is as it was", deep.iter().all(|byte| *byte == 1));
}

fn fork_full(check: &mut Check, _: &Start) {
    let before = free();
    for left in (4..60).step_by(4) {
        let child = user::process::spawn(|| fork_with(left));
        let ended = child.and_then(|child| user::process::wait(Some(child)));
        // Whoever writes to a page for which there is no frame ends.
        let statuses = [WaitStatus::exited(0), WaitStatus::killed(Signal::Kill)];
        let is_fine = ended.is_ok_and(|(_, status)| statuses.contains(&status));
        check.holds("a process forks, or is refused with ENOMEM, or ends", is_fine);
        check.equal("free frames afterwards", before, free());
    }
}

/// Forks with a deep stack when so many frames are left. Returns an exit code.
fn fork_with(left: u32) -> u8 {
    let mut deep = [1_u8; 11 * PAGE_SIZE as usize];
    core::hint::black_box(&mut deep);
    let pages = free() + 10;
    if map(FREE, pages * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED).is_err() {
        return 1;
    }
    (0..pages).take_while(|_| free() > left).for_each(|page| poke(FREE + page * PAGE_SIZE, 1));
    match user::process::spawn(|| 0).and_then(|child| user::process::wait(Some(child))) {
        Ok(_) | Err(Errno::ENOMEM) => 0,
        Err(_) => 2,
    }
}

/// Touches more pages than there are free frames.
fn touch_all() {
    let pages = free() + 10;
    if map(FREE, pages * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED).is_ok() {
        touch(FREE, pages, 1);
    }
}

fn no_frames(check: &mut Check, _: &Start) {
    let before = free();
    let killed = WaitStatus::killed(Signal::Kill);
    check.ends("a process that touches more than there is", killed, || {
        touch_all();
        0
    });
    check.equal("free frames afterwards", before, free());
    // Here the frames run out in the middle of copying.
    let pages = before * 3 / 4;
    check.equal("most of memory", Ok(FREE), map(FREE, pages * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED));
    touch(FREE, pages, 1);
    let before = free();
    check.ends("a child that writes to all of it", killed, || {
        touch(FREE, pages, 2);
        0
    });
    check.equal("free frames after the child", before, free());
    check.equal("what the parent has", 1, peek(FREE + (pages - 1) * PAGE_SIZE + (pages - 1) % PAGE_SIZE));
}

fn no_frames_call(check: &mut Check, _: &Start) {
    check.apart("a process with all of memory", |check| {
        let pages = free() + 10;
        check.equal("more than there is", Ok(FREE), map(FREE, pages * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED));
        let mut page = 0;
        while free() > 0 && page < pages {
            poke(FREE + page * PAGE_SIZE, 1);
            page += 1;
        }
        let answer = call(SystemCall::Meminfo, &[0, FREE + (page + 1) * PAGE_SIZE, meminfo::RECORD_BYTES, 0]);
        check.refused("meminfo to a page for which there is no frame", Errno::EFAULT, answer);
        check.equal("what the process has", 1, peek(FREE));
    });
}
