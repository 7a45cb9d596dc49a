//! `stack-test [RULE]`: tests from inside a program whether the stacks of a process (lab 05) keep
//! their contract.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

use alloc::vec;
use core::ffi::{CStr, c_char};
use core::hint::black_box;
use core::ptr;

use user::abi::{Errno, PAGE_SIZE, SystemCall, WaitStatus, aux};
use user::start::Start;
use user::test::{Check, Test};
use user::{arch, meminfo, process};

user::program!(main);

/// The stack's region.
const BOTTOM: u32 = 0xBFFF_0000;
const TOP: u32 = 0xC000_0000;
/// The guard page below the region.
const GUARD: u32 = BOTTOM - PAGE_SIZE;
/// Bytes of the region that arguments may take, including their vectors.
const ARGUMENTS_MAX: usize = 0x8000;

const TESTS: &[Test] = &[
    Test { name: "entry", rule: "the stack pointer is aligned to 16, and in the region", run: entry },
    Test { name: "vectors", rule: "argc, argv, envp and auxv are as the ABI says", run: vectors },
    Test { name: "strings", rule: "a program finds the arguments that it was given", run: strings },
    Test { name: "too-many", rule: "arguments that do not fit are E2BIG, and the caller goes on", run: too_many },
    Test { name: "most", rule: "arguments that just fit are taken", run: most },
    Test { name: "growth", rule: "the stack grows on demand, down to its limit", run: growth },
    Test { name: "recursion", rule: "deep recursion works within the limit", run: recursion },
    Test { name: "lowest-byte", rule: "the region's lowest byte can be used, and no lower one", run: lowest_byte },
    Test { name: "overflow", rule: "a fault below the limit kills only that process", run: overflow },
    Test { name: "zeroed", rule: "the stack is zero where the program has not been", run: zeroed },
    Test { name: "system-calls", rule: "the kernel takes a buffer where the stack has yet to grow", run: system_calls },
    Test { name: "fork", rule: "a fork copies the stack, and each has its own from then on", run: fork_copies },
    Test { name: "exec", rule: "another program begins with a small stack", run: exec_resets },
    Test { name: "returned", rule: "a process that ends gives back its stacks", run: returned },
    Test { name: "kernel-stacks", rule: "every process has a kernel stack of its own", run: kernel_stacks },
];

fn main(start: &'static Start) -> u8 {
    match start.argument(1) {
        Some("after-exec") => after_exec(),
        Some("given") => given(start),
        Some("count") => counted(start),
        _ => user::test::run(start, "stack-test", TESTS),
    }
}

#[allow(unsafe_code)]
fn peek(address: u32) -> u8 {
    // SAFETY: the kernel ends this process if no memory is there.
    unsafe { arch::peek(address) }
}

/// Writes far below the stack pointer, where nothing of this program is.
#[allow(unsafe_code)]
fn poke(address: u32, value: u8) {
    assert!(address < arch::stack_pointer() - 512, "this is where the program's own stack is");
    // SAFETY: the program's stack does not reach that far.
    unsafe { arch::poke(address, value) }
}

#[allow(unsafe_code)]
fn exec(path: &CStr, argv: &[*const c_char], envp: &[*const c_char]) -> Errno {
    assert!(argv.last().is_some_and(|last| last.is_null()) && envp.last().is_some_and(|last| last.is_null()));
    // SAFETY: nothing is in use if the call succeeds.
    unsafe { process::exec_raw(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) }
}

/// The name that this program was called with.
fn this(start: &'static Start) -> &'static CStr {
    start.arguments().next().unwrap_or(c"stack-test")
}

fn stack_frames(check: &mut Check) -> u32 {
    check.done("meminfo", meminfo::process(process::id())).map_or(0, |record| record.stack_frames)
}

fn entry(check: &mut Check, start: &'static Start) {
    let pointer = start.stack_pointer();
    check.address("the stack pointer's last four bits", 0, pointer % 16);
    check.holds("the stack pointer is in the region", (BOTTOM..TOP).contains(&pointer));
    check.equal("the ring", 3, arch::code_segment() & 3);
}

fn vectors(check: &mut Check, start: &'static Start) {
    check.equal("argc, and how many arguments there are", start.argc() as usize, start.arguments().len());
    check.holds("there is an argument", start.argc() >= 1);
    check.address("the word after the last argument's address", 0, start.argv_end());
    for address in start.argument_addresses() {
        check.holds("the strings lie above the stack pointer", (start.stack_pointer()..TOP).contains(&address));
    }
    let value = |key| start.auxiliary().find(|&(kind, _)| kind == key).map(|(_, value)| value);
    check.equal("AT_PAGESZ", Some(PAGE_SIZE), value(aux::PAGESZ));
    let entry = value(aux::ENTRY);
    check.holds("AT_ENTRY is in the program", entry.is_some_and(|entry| (0x0804_8000..0x0900_0000).contains(&entry)));
}

const GIVEN: [&CStr; 6] = [c"given", c"a", c"", c"with spaces in it", c"\xC3\xA4\xC3\xB6\xFF", c"last"];
const ENVIRONMENT: [&CStr; 2] = [c"HOME=/", c"EMPTY="];

fn strings(check: &mut Check, start: &'static Start) {
    check.ends("the program with six arguments", WaitStatus::exited(0), || {
        let path = this(start);
        let [a, b, c, d, e, f] = GIVEN.map(CStr::as_ptr);
        let environment = ENVIRONMENT.map(CStr::as_ptr);
        exec(path, &[path.as_ptr(), a, b, c, d, e, f, ptr::null()], &[environment[0], environment[1], ptr::null()]);
        2
    });
}

/// Runs in the program with six arguments.
fn given(start: &'static Start) -> u8 {
    let mut check = Check::default();
    check.equal("argc", 7, start.argc());
    for (expected, seen) in GIVEN.into_iter().zip(start.arguments().skip(1)) {
        check.equal("an argument", expected, seen);
    }
    check.equal("how many strings the environment has", 2, start.environment().len());
    for (expected, seen) in ENVIRONMENT.into_iter().zip(start.environment()) {
        check.equal("a string of the environment", expected, seen);
    }
    entry(&mut check, start);
    vectors(&mut check, start);
    check.exit_code()
}

/// A string that is longer than all arguments together may be.
const LONG: &CStr = {
    static BYTES: [u8; ARGUMENTS_MAX + 8] = {
        let mut bytes = [b'x'; ARGUMENTS_MAX + 8];
        bytes[ARGUMENTS_MAX + 7] = 0;
        bytes
    };
    match CStr::from_bytes_with_nul(&BYTES) {
        Ok(string) => string,
        Err(_) => c"",
    }
};

/// The last `length` letters of `LONG`.
fn letters(length: usize) -> *const c_char {
    LONG.to_bytes_with_nul()[LONG.count_bytes() - length..].as_ptr().cast()
}

fn too_many(check: &mut Check, start: &'static Start) {
    let (path, end) = (this(start), ptr::null());
    let name = path.as_ptr();
    let mut refuse = |what: &str, argv: &[*const c_char], envp: &[*const c_char]| {
        check.apart(what, |check| {
            check.equal("execve", Errno::E2BIG, exec(path, argv, envp));
            // Heap, stack and process number are still there.
            check.holds("the process goes on", process::id() != 0 && black_box(LONG).count_bytes() > ARGUMENTS_MAX);
        });
    };
    // If `execve` accepts the arguments, a program runs that reports how many it got.
    let count = c"count".as_ptr();
    refuse("one argument that is too long", &[name, count, letters(ARGUMENTS_MAX), end], &[end]);
    refuse("two that are too long together", &[name, count, letters(0x4000), letters(0x4000), end], &[end]);
    refuse("an environment that is too long", &[name, count, end], &[letters(0x4000), letters(0x4000), end]);
    // Each argument takes four bytes for its address, and one for its NUL.
    let mut many = vec![letters(0); ARGUMENTS_MAX / 5];
    (many[0], many[1]) = (name, count);
    many.push(end);
    refuse("too many empty arguments", &many, &[end]);
}

fn most(check: &mut Check, start: &'static Start) {
    let (path, end) = (this(start), ptr::null());
    // The name, the vectors and the auxiliary vector take less than this.
    const REST: usize = 64 + 512;
    check.ends("one long argument", WaitStatus::exited(3), || {
        exec(path, &[path.as_ptr(), c"count".as_ptr(), letters(ARGUMENTS_MAX - REST), end], &[end]);
        100
    });
    check.ends("many short arguments", WaitStatus::exited(((ARGUMENTS_MAX - REST) / 6 + 1) as u8), || {
        // Each argument takes a letter, its address and its NUL.
        let mut many = vec![letters(1); (ARGUMENTS_MAX - REST) / 6 + 1];
        (many[0], many[1]) = (path.as_ptr(), c"count".as_ptr());
        many.push(end);
        exec(path, &many, &[end]);
        100
    });
}

/// Runs in a program with many arguments. Returns their number if they are right.
fn counted(start: &'static Start) -> u8 {
    let right = start.arguments().skip(2).all(|argument| argument.to_bytes().iter().all(|&letter| letter == b'x'));
    let aligned = start.stack_pointer().is_multiple_of(16);
    if right && aligned && start.stack_pointer() >= BOTTOM { start.argc() as u8 } else { 101 }
}

fn growth(check: &mut Check, _: &'static Start) {
    let before = stack_frames(check);
    check.holds("there are a few pages at first", (1..=10).contains(&before));
    let bytes = arch::stack_pointer() - BOTTOM - 2048;
    check.holds("what was pushed is popped", arch::push_and_pop(bytes));
    let after = stack_frames(check);
    check.equal("pages of the stack that are mapped", 16, after);
}

fn recursion(check: &mut Check, _: &'static Start) {
    let (levels, kept) = descend(0);
    check.holds("there is room for a few levels", levels >= 4);
    check.equal("the levels that still had their numbers on the way back", levels, kept);
    // All but the two pages that `descend` stays away from.
    let frames = stack_frames(check);
    check.holds("the stack has nearly all of its pages", (14..=16).contains(&frames));
}

/// Calls itself as deep as there is room for, no matter how large the compiler makes a level.
/// Returns the number of levels, and how many of them kept their own data.
fn descend(level: u32) -> (u32, u32) {
    let block = black_box([level; 256]);
    let (levels, kept) = match arch::stack_pointer() > BOTTOM + 2 * PAGE_SIZE {
        true => black_box(descend(level + 1)),
        false => (0, 0),
    };
    (levels + 1, kept + u32::from(block.iter().all(|&word| word == level)))
}

fn lowest_byte(check: &mut Check, _: &'static Start) {
    check.lives("writing to the region's lowest byte", || poke(BOTTOM, 1));
    check.lives("reading from the region's lowest byte", || {
        peek(BOTTOM);
    });
    check.faults("writing to the guard page's last byte", || poke(BOTTOM - 1, 1));
    check.faults("writing to the guard page's first byte", || poke(GUARD, 1));
    check.faults("writing below the guard page", || poke(GUARD - 1, 1));
    check.faults("reading from the guard page", || {
        peek(GUARD + 8);
    });
    check.faults("the guard page, once the stack has grown all the way", || {
        poke(BOTTOM, 1);
        poke(BOTTOM - 4, 1);
    });
}

fn overflow(check: &mut Check, _: &'static Start) {
    let mark = black_box([0x5AA5_u32; 8]);
    let children: [_; 5] = core::array::from_fn(|_| {
        process::spawn(|| {
            endless(0);
            0
        })
    });
    for child in children {
        let ended = child.and_then(|child| process::wait(Some(child)));
        if let Some((_, status)) = check.done("a process that calls itself for ever", ended) {
            check.equal("how it ended", WaitStatus::killed(user::abi::Signal::Segmentation), status);
        }
    }
    check.faults("pushing more than there is room for", || {
        arch::push_and_pop(TOP - BOTTOM);
    });
    check.equal("this process's own stack", [0x5AA5; 8], black_box(mark));
}

/// Calls itself for ever, written so that the compiler does not notice.
fn endless(depth: u32) -> u32 {
    let block = black_box([depth; 64]);
    if depth == u32::MAX { 0 } else { black_box(endless(depth + 1)) + block[depth as usize % 64] }
}

fn zeroed(check: &mut Check, _: &'static Start) {
    // Leaves frames with old contents to the processes that get them next.
    for _ in 0..4 {
        check.lives("a process that leaves traces", || {
            for address in (BOTTOM..arch::stack_pointer() - 4096).step_by(16) {
                poke(address, 0xEE);
            }
        });
    }
    check.apart("a process after it", |check| {
        // Two pages further down, where this process has not been.
        let end = (arch::stack_pointer() - 2 * PAGE_SIZE) & !(PAGE_SIZE - 1);
        let seen = (BOTTOM..end).rev().map(|address| (address, peek(address))).find(|&(_, byte)| byte != 0);
        check.equal("the first byte that is not 0", None, seen);
    });
}

#[allow(unsafe_code)]
fn call(number: SystemCall, arguments: &[u32]) -> Result<u32, Errno> {
    // SAFETY: nothing of this program is as far down in the stack as the addresses that the kernel
    // writes to.
    unsafe { user::call(number, arguments) }
}

fn system_calls(check: &mut Check, _: &'static Start) {
    let physical = |address| {
        let bytes = meminfo::RECORD_BYTES;
        call(SystemCall::Meminfo, &[user::abi::meminfo::PHYSICAL, address, bytes, 0])
    };
    check.apart("a process whose stack is small", |check| {
        // A program may have made room on its stack that it has not used yet.
        check.equal("meminfo into the stack, a page further down", Ok(1), physical(BOTTOM + 8 * PAGE_SIZE));
        check.equal("meminfo into the lowest page", Ok(1), physical(BOTTOM));
        check.refused("meminfo into the guard page", Errno::EFAULT, physical(GUARD + 64));
        check.refused("meminfo over the lowest byte", Errno::EFAULT, physical(BOTTOM - 16));
        check.refused("meminfo over the end of the stack", Errno::EFAULT, physical(TOP - 16));
    });
}

fn fork_copies(check: &mut Check, _: &'static Start) {
    let mut block = black_box([7_u32; 1024]);
    check.apart("the copy", |check| {
        check.equal("what was not copied", None, block.iter().find(|&&word| word != 7));
        block = black_box([8; 1024]);
        check.equal("what was not written", None, black_box(block).iter().find(|&&word| word != 8));
        check.holds("the copy's stack grows", arch::push_and_pop(0x4000));
    });
    check.equal("what the copy changed", None, black_box(block).iter().find(|&&word| word != 7));
}

fn exec_resets(check: &mut Check, start: &'static Start) {
    check.ends("the other program", WaitStatus::exited(0), || {
        poke(BOTTOM, 0xEE);
        let path = this(start);
        exec(path, &[path.as_ptr(), c"after-exec".as_ptr(), ptr::null()], &[ptr::null()]);
        2
    });
}

fn after_exec() -> u8 {
    let mut check = Check::default();
    let frames = stack_frames(&mut check);
    check.holds("there are a few pages", (1..=4).contains(&frames));
    check.equal("the lowest byte, which the other program had used", 0, peek(BOTTOM));
    check.exit_code()
}

/// The numbers of free frames and of kernel stacks.
fn counts() -> Result<(u32, u32), Errno> {
    meminfo::physical().map(|memory| (memory.free_frames, memory.kernel_stacks))
}

fn returned(check: &mut Check, _: &'static Start) {
    let once = |check: &mut Check| check.lives("a process with a large stack", || poke(BOTTOM, 1));
    // The first process may need memory that the kernel then keeps.
    once(check);
    let before = counts();
    for _ in 0..20 {
        once(check);
    }
    check.equal("free frames and kernel stacks, after 20 of them", before, counts());
}

fn kernel_stacks(check: &mut Check, _: &'static Start) {
    const PROCESSES: usize = 24;
    let Some((_, before)) = check.done("meminfo", counts()) else { return };
    let children: [_; PROCESSES] = core::array::from_fn(|_| {
        process::spawn(|| {
            // Sleeps until all processes are made, each of which takes a few milliseconds.
            process::sleep(core::time::Duration::from_millis(500));
            0
        })
    });
    let during = counts().map(|(_, stacks)| stacks);
    for child in children {
        let ended = child.and_then(|child| process::wait(Some(child)));
        check.done("a process", ended);
    }
    check.equal("kernel stacks, with 24 processes more", Ok(before + PROCESSES as u32), during);
    check.equal("kernel stacks afterwards", Ok(before), counts().map(|(_, stacks)| stacks));
}
