//! `protect-test [RULE]`: tests whether the kernel keeps a program from forbidden accesses (lab
//! 06), and allows the permitted ones.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::hint::black_box;

use user::abi::mapping::{MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE};
use user::abi::{Errno, PAGE_SIZE, SystemCall, meminfo};
use user::start::Start;
use user::test::{Check, Test};
use user::{arch, mapping};

user::program!(main);

/// The page below the stack's region.
const GUARD: u32 = 0xBFFE_F000;
/// A page of the stack's region that nothing else in this program reaches.
const STACK_PAGE: u32 = 0xBFFF_2000;
/// The end of the user half.
const KERNEL: u32 = 0xC000_0000;
/// The address at which the program's code begins.
const CODE: u32 = 0x0804_8000;
/// The rights of a mapping that can be read and written.
const READ_WRITE: u32 = PROT_READ | PROT_WRITE;

const TESTS: &[Test] = &[
    Test { name: "tables", rule: "a program cannot ask where the kernel's tables are", run: tables },
    Test { name: "kernel-half", rule: "a program cannot read, write or execute the kernel", run: kernel_half },
    Test { name: "null", rule: "page 0 is not mapped: null pointers fault", run: null },
    Test { name: "guard", rule: "the page below the stack's region is not mapped", run: guard },
    Test { name: "image", rule: "a program's code and constants are read-only", run: image },
    Test { name: "on-demand", rule: "a page that may be used and is not there yet is got", run: on_demand },
    Test { name: "pointers", rule: "a system call refuses what the program may not use itself", run: pointers },
    Test { name: "half-way", rule: "a system call whose bytes end at a missing page is refused", run: half_way },
    Test { name: "alignment-check", rule: "a program's AC flag changes nothing for the kernel", run: alignment_check },
    Test { name: "mprotect", rule: "rights can be changed for a part of a mapping", run: mprotect },
    Test { name: "mprotect-refused", rule: "what cannot be protected is refused, and nothing changes", run: refused },
    Test { name: "mprotect-fork", rule: "a child's rights are its own", run: fork },
];

fn main(start: &'static Start) -> u8 {
    user::test::run(start, "protect-test", TESTS)
}

#[allow(unsafe_code)]
fn peek(address: u32) -> u8 {
    // SAFETY: the kernel ends this process if no memory is there.
    unsafe { arch::peek(address) }
}

/// Writes to a mapping of the test, or to an address where the kernel has to end this process.
#[allow(unsafe_code)]
fn poke(address: u32, value: u8) {
    // SAFETY: no memory that Rust knows of is there, or it cannot be written to.
    unsafe { arch::poke(address, value) }
}

/// Maps this many private pages. Returns 0 if that fails, which counts as a violation.
fn pages(check: &mut Check, pages: u32) -> u32 {
    check.done("mmap", mapping::memory(pages * PAGE_SIZE)).unwrap_or(0)
}

#[allow(unsafe_code)]
fn protect(address: u32, bytes: u32, protection: u32) -> Result<(), Errno> {
    // SAFETY: it is a mapping of the test, unknown to Rust, or it is refused.
    unsafe { mapping::protect(address, bytes, protection) }
}

#[allow(unsafe_code)]
fn unmap(address: u32, pages: u32) -> Result<(), Errno> {
    // SAFETY: as in `protect`.
    unsafe { mapping::unmap(address, pages * PAGE_SIZE) }
}

/// Makes a call for which the kernel reads eight bytes. If they are zero, they mean a sleep of no
/// time.
#[allow(unsafe_code)]
fn kernel_reads(address: u32) -> Result<u32, Errno> {
    // SAFETY: the kernel only reads.
    unsafe { user::call(SystemCall::Nanosleep, &[address, 0]) }
}

/// Makes a call for which the kernel writes a record.
#[allow(unsafe_code)]
fn kernel_writes(address: u32) -> Result<u32, Errno> {
    let bytes = user::meminfo::RECORD_BYTES;
    // SAFETY: it is a mapping of the test, or it is refused.
    unsafe { user::call(SystemCall::Meminfo, &[meminfo::PHYSICAL, address, bytes, 0]) }
}

fn tables(check: &mut Check, _: &'static Start) {
    check.faults("SGDT: the table of segments", || _ = black_box(arch::segment_table()));
    check.faults("SIDT: the table of interrupts", || _ = black_box(arch::interrupt_table()));
    check.faults("SLDT: the local table of segments", || _ = black_box(arch::local_table()));
    check.faults("STR: the task", || _ = black_box(arch::task()));
    check.faults("SMSW: the machine status word", || _ = black_box(arch::machine_status()));
}

fn kernel_half(check: &mut Check, _: &'static Start) {
    for address in [KERNEL, 0xC010_0000, 0xC010_1000, 0xF000_0000, 0xF800_0000, 0xFC00_1000, 0xFF80_0000, u32::MAX] {
        check.faults("a read from the kernel half", || {
            black_box(peek(address));
        });
        check.faults("a write to the kernel half", || poke(address, 1));
        check.faults("a jump to the kernel half", || arch::jump(address));
    }
}

fn null(check: &mut Check, _: &'static Start) {
    for address in [0, 4, PAGE_SIZE - 1] {
        check.faults("a read from page 0", || {
            black_box(peek(address));
        });
        check.faults("a write to page 0", || poke(address, 1));
        check.faults("a jump to page 0", || arch::jump(address));
    }
}

fn guard(check: &mut Check, _: &'static Start) {
    for address in [GUARD, GUARD + 123, GUARD + PAGE_SIZE - 1] {
        check.faults("a read from the guard page", || {
            black_box(peek(address));
        });
        check.faults("a write to the guard page", || poke(address, 1));
    }
    check.lives("a read from the page above it", || {
        black_box(peek(GUARD + PAGE_SIZE));
    });
}

fn image(check: &mut Check, _: &'static Start) {
    let constant = (&raw const TESTS[0]).addr() as u32;
    for address in [CODE, constant] {
        check.lives("a read from the image", || {
            black_box(peek(address));
        });
        check.faults("a write to what is read-only in the image", || poke(address, 1));
    }
}

fn on_demand(check: &mut Check, _: &'static Start) {
    let address = pages(check, 4);
    check.equal("a byte that was never written to", 0, peek(address + 5));
    poke(address + PAGE_SIZE, 7);
    check.equal("a byte that was written to", 7, peek(address + PAGE_SIZE));
    check.done("a system call that reads from a page which is not there yet", kernel_reads(address + 2 * PAGE_SIZE));
    check.done("a system call that writes to a page which is not there yet", kernel_writes(address + 3 * PAGE_SIZE));
    check.holds("what it wrote is there", (0..8).any(|at| peek(address + 3 * PAGE_SIZE + at) != 0));
    check.done("munmap", unmap(address, 4));
    check.faults("a read from what was unmapped", || {
        black_box(peek(address));
    });
}

fn pointers(check: &mut Check, _: &'static Start) {
    let bad = [0, 4, PAGE_SIZE - 4, GUARD, KERNEL - 4, KERNEL, 0xC010_0000, 0xF800_0000, u32::MAX - 7, u32::MAX];
    for address in bad.into_iter().filter(|address| *address != KERNEL - 4) {
        check.refused("a pointer to read from", Errno::EFAULT, kernel_reads(address));
    }
    check.refused("a pointer to read from that reaches into the kernel half", Errno::EFAULT, kernel_reads(KERNEL - 4));
    for address in bad.into_iter().chain([CODE, (&raw const TESTS[0]).addr() as u32]) {
        check.refused("a pointer to write to", Errno::EFAULT, kernel_writes(address));
    }
    let address = pages(check, 1);
    check.done("a pointer of the program's own to read from", kernel_reads(address));
    for (protection, reads, writes) in [(PROT_READ, true, false), (0, false, false), (READ_WRITE, true, true)] {
        check.done("mprotect", protect(address, PAGE_SIZE, protection));
        let may = |check: &mut Check, what, answer, may| match may {
            true => {
                check.done(what, answer);
            }
            false => check.refused(what, Errno::EFAULT, answer),
        };
        may(check, "the kernel reads there after mprotect", kernel_reads(address).map(|_| ()), reads);
        // This comes last, because the record that it writes is no time to sleep.
        may(check, "the kernel writes there after mprotect", kernel_writes(address).map(|_| ()), writes);
    }
}

fn half_way(check: &mut Check, _: &'static Start) {
    let address = pages(check, 3);
    let end = address + 2 * PAGE_SIZE;
    check.done("munmap of the last page", unmap(end, 1));
    for at in [4, 1, 7] {
        check.refused("a read that ends in a missing page", Errno::EFAULT, kernel_reads(end - at));
        check.refused("a write that ends in a missing page", Errno::EFAULT, kernel_writes(end - at));
    }
    check.done("a read over the end of a page", kernel_reads(address + PAGE_SIZE - 4));
    check.done("a write over the end of a page", kernel_writes(address + PAGE_SIZE - 4));
    check.done("a write that ends with the page", kernel_writes(end - user::meminfo::RECORD_BYTES));
    check.refused("the same one byte further on", Errno::EFAULT, kernel_writes(end + 1 - user::meminfo::RECORD_BYTES));
}

fn alignment_check(check: &mut Check, _: &'static Start) {
    let address = pages(check, 1);
    for (pointer, expected) in [(address, 0), (KERNEL, Errno::EFAULT.to_eax()), (8, Errno::EFAULT.to_eax())] {
        let after = call_with_alignment_check(pointer);
        check.address("the answer to a system call that is made with AC set", expected, after.eax);
        check.holds("AC is still set", after.eflags & arch::ALIGNMENT_CHECK != 0);
    }
}

/// Makes a call for which the kernel reads eight bytes, with the flag AC set.
#[allow(unsafe_code)]
fn call_with_alignment_check(address: u32) -> arch::Registers {
    let registers = arch::Registers {
        eax: SystemCall::Nanosleep.number(),
        ebx: address,
        esp: arch::stack_pointer(),
        eflags: arch::FLAGS | arch::ALIGNMENT_CHECK,
        segment: arch::data_segment(),
        ..arch::Registers::default()
    };
    // SAFETY: the kernel only reads.
    unsafe { arch::call_with(registers) }
}

fn mprotect(check: &mut Check, _: &'static Start) {
    let address = pages(check, 5);
    let page = |index: u32| address + index * PAGE_SIZE;
    for index in 0..5 {
        poke(page(index), 0x40 + index as u8);
    }
    check.done("mprotect of the page in the middle, read-only", protect(page(2), PAGE_SIZE, PROT_READ));
    for index in 0..5 {
        check.equal("a byte of the mapping", 0x40 + index as u8, peek(page(index)));
        if index == 2 {
            check.faults("a write to the page that is read-only", || poke(page(2), 1));
        } else {
            check.lives("a write to another page", || poke(page(index), 1));
        }
    }
    check.done("mprotect of the same page and the next one, without any rights", protect(page(2), PAGE_SIZE + 1, 0));
    for index in [2, 3] {
        check.faults("a read from a page without any rights", || {
            black_box(peek(page(index)));
        });
    }
    check.lives("a write to the page behind", || poke(page(4), 1));
    check.done("mprotect of all, to read and write", protect(page(0), 5 * PAGE_SIZE, READ_WRITE));
    for index in 0..5 {
        check.equal("a byte, after all that", 0x40 + index as u8, peek(page(index)));
        poke(page(index), 9);
        check.equal("a byte that was written to", 9, peek(page(index)));
    }
    check.done("mprotect to execute", protect(page(1), PAGE_SIZE, PROT_READ | PROT_EXEC));
    check.faults("a write to the page that may be executed", || poke(page(1), 1));
}

fn refused(check: &mut Check, _: &'static Start) {
    let address = pages(check, 4);
    check.done("munmap of the third page", unmap(address + 2 * PAGE_SIZE, 1));
    check.refused("an address within a page", Errno::EINVAL, protect(address + 1, PAGE_SIZE, PROT_READ));
    check.refused("rights that there are not", Errno::EINVAL, protect(address, PAGE_SIZE, 0x80));
    check.refused("pages with a hole", Errno::ENOMEM, protect(address, 4 * PAGE_SIZE, PROT_READ));
    check.refused("a hole", Errno::ENOMEM, protect(address + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ));
    check.refused("page 0", Errno::ENOMEM, protect(0, PAGE_SIZE, READ_WRITE));
    check.refused("the guard page", Errno::EACCES, protect(GUARD, PAGE_SIZE, READ_WRITE));
    check.refused("the kernel", Errno::ENOMEM, protect(KERNEL, PAGE_SIZE, READ_WRITE));
    check.refused("the stack and the kernel", Errno::ENOMEM, protect(KERNEL - PAGE_SIZE, 2 * PAGE_SIZE, READ_WRITE));
    check.done("no bytes at all", protect(address, 0, 0));
    for index in [0, 1, 3] {
        check.lives("a write to a page whose rights were not changed", || poke(address + index * PAGE_SIZE, 1));
    }
    check.faults("a write to the guard page", || poke(GUARD, 1));
}

#[allow(unsafe_code)]
fn fork(check: &mut Check, _: &'static Start) {
    let private = pages(check, 2);
    // SAFETY: the mapping replaces no other.
    let shared = unsafe { mapping::map(0, 2 * PAGE_SIZE, READ_WRITE, MAP_SHARED) };
    let shared = check.done("mmap of shared memory", shared).unwrap_or(0);
    for address in [private, shared] {
        poke(address, 3);
        check.apart("a child that takes the right to write away from itself", |check| {
            check.done("mprotect", protect(address, PAGE_SIZE, PROT_READ));
            check.faults("a write of the child's", || poke(address, 4));
            check.equal("the byte in the child", 3, peek(address));
        });
        check.lives("a write of a child that did not", || poke(address, 5));
        poke(address + 1, 6);
        check.equal("the byte in the parent", if address == shared { 5 } else { 3 }, peek(address));
    }
    check.done("mprotect in the parent, before a fork", protect(private, PAGE_SIZE, PROT_READ));
    check.apart("a child of that", |check| {
        check.faults("a write of the child's", || poke(private, 4));
        check.done("mprotect in the child", protect(private, PAGE_SIZE, READ_WRITE));
        poke(private, 8);
        check.equal("the byte in the child", 8, peek(private));
    });
    check.equal("the byte in the parent, which is not the child's", 3, peek(private));
    poke(STACK_PAGE, 3);
    check.done("mprotect of a page of the stack", protect(STACK_PAGE, PAGE_SIZE, PROT_READ));
    check.apart("a child of that", |check| {
        check.faults("a write to that page of the child's stack", || poke(STACK_PAGE, 4));
        check.equal("the byte in the child's stack", 3, peek(STACK_PAGE));
    });
    check.done("mprotect of a mapping that is not there yet", protect(private + PAGE_SIZE, PAGE_SIZE, PROT_READ));
    check.equal("its first byte", 0, peek(private + PAGE_SIZE));
}
