//! `mmap-answers`: prints the answers of `mmap2`, `munmap` and `mprotect`, and the rights to each
//! page afterwards, line by line. On Linux it prints the same lines, so the expected answers come
//! from Linux.
//!
//! Two things are left out. A 64-bit Linux gives a 32-bit program nearly 4 GiB, so it may map more
//! than Folio can. And if a range has a hole, Linux's `mprotect` changes the pages before the hole,
//! which POSIX allows; Folio's changes none.
//!
//! Addresses are printed as distances from `B`, the start of a range that is large enough for all
//! calls.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::fmt;

use user::abi::mapping::{
    MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE,
};
use user::abi::{Errno, PAGE_SIZE, STDOUT, SystemCall};
use user::start::Start;
use user::{arch, println, process};

user::program!(main);

/// Pages of the range that all calls work in.
const PAGES: u32 = 32;
const RW: u32 = PROT_READ | PROT_WRITE;
const PRIVATE: u32 = MAP_PRIVATE | MAP_ANONYMOUS;
const SHARED: u32 = MAP_SHARED | MAP_ANONYMOUS;

/// The range that all calls work in.
struct Place {
    base: u32,
}

fn main(_: &'static Start) -> u8 {
    let Ok(base) = call(SystemCall::Mmap2, &[0, PAGES * PAGE_SIZE, RW, PRIVATE, u32::MAX, 0]) else { return 1 };
    let place = Place { base };
    if call(SystemCall::Munmap, &[base, PAGES * PAGE_SIZE]).is_err() {
        return 1;
    }
    place.maps();
    place.refuses();
    place.unmaps();
    place.protects();
    place.forks();
    0
}

/// Makes a system call. The calls map and unmap pages of the range only; the program's own memory
/// is elsewhere.
#[allow(unsafe_code)]
fn call(call: SystemCall, arguments: &[u32]) -> Result<u32, Errno> {
    // SAFETY: every address lies in the range, or is refused.
    unsafe { user::call(call, arguments) }
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

impl Place {
    fn at(&self, page: u32) -> u32 {
        self.base.wrapping_add(page * PAGE_SIZE)
    }

    fn map(&self, what: &str, address: u32, bytes: u32, protection: u32, flags: u32) {
        let answer = call(SystemCall::Mmap2, &[address, bytes, protection, flags, u32::MAX, 0]);
        println!("mmap {what}: {}", Answer { place: self, answer });
    }

    fn unmap(&self, what: &str, address: u32, bytes: u32) {
        let answer = call(SystemCall::Munmap, &[address, bytes]);
        println!("munmap {what}: {}", Answer { place: self, answer });
    }

    fn protect(&self, what: &str, address: u32, bytes: u32, protection: u32) {
        let answer = call(SystemCall::Mprotect, &[address, bytes, protection]);
        println!("mprotect {what}: {}", Answer { place: self, answer });
    }

    /// Prints the rights to each page, as children of this process find out: `w`, `r` or `-`.
    fn rights(&self) {
        let mut signs = [b'-'; PAGES as usize];
        for (page, sign) in (0..).zip(&mut signs) {
            let address = self.at(page);
            if lives(|| {
                peek(address);
            }) {
                *sign = b'r';
                if lives(|| poke(address, 1)) {
                    *sign = b'w';
                }
            }
        }
        println!("  {}", str::from_utf8(&signs).unwrap_or_default());
    }

    fn maps(&self) {
        self.map("fixed, 8 pages", self.at(2), 8 * PAGE_SIZE, RW, PRIVATE | MAP_FIXED);
        self.map("fixed, into it, read-only", self.at(4), PAGE_SIZE + 1, PROT_READ, PRIVATE | MAP_FIXED);
        self.map("hint that is free", self.at(12), 2 * PAGE_SIZE, RW, PRIVATE);
        self.map("hint within a page", self.at(16) + 123, 1, RW, PRIVATE);
        self.map("not to replace, free", self.at(20), PAGE_SIZE, RW, PRIVATE | MAP_FIXED_NOREPLACE);
        self.map("not to replace, taken", self.at(9), 2 * PAGE_SIZE, RW, PRIVATE | MAP_FIXED_NOREPLACE);
        self.map("no rights", self.at(22), PAGE_SIZE, 0, PRIVATE | MAP_FIXED);
        self.map("write alone", self.at(24), PAGE_SIZE, PROT_WRITE, PRIVATE | MAP_FIXED);
        self.map("execute alone", self.at(26), PAGE_SIZE, PROT_EXEC, PRIVATE | MAP_FIXED);
        self.map("shared", self.at(28), PAGE_SIZE, RW, SHARED | MAP_FIXED);
        self.map("unknown rights", self.at(30), PAGE_SIZE, RW | 0x80, PRIVATE | MAP_FIXED);
        self.rights();
    }

    fn refuses(&self) {
        self.map("of no bytes", 0, 0, RW, PRIVATE);
        self.map("of no bytes, fixed within a page", self.at(0) + 1, 0, RW, PRIVATE | MAP_FIXED);
        self.map("of all bytes", 0, u32::MAX, RW, PRIVATE);
        self.map("fixed within a page", self.at(0) + 1, 1, RW, PRIVATE | MAP_FIXED);
        self.map("fixed within a page, too long", self.at(0) + 1, u32::MAX, RW, PRIVATE | MAP_FIXED);
        self.map("fixed at the end of 4 GiB", 0xFFFF_F000, 2 * PAGE_SIZE, RW, PRIVATE | MAP_FIXED);
        self.map("neither private nor shared", 0, PAGE_SIZE, RW, MAP_ANONYMOUS);
        self.map("both private and shared", 0, PAGE_SIZE, RW, MAP_ANONYMOUS | 3);
        self.map("of a file that is none", 0, PAGE_SIZE, RW, MAP_PRIVATE);
        self.rights();
    }

    fn unmaps(&self) {
        self.unmap("in the middle", self.at(3), 1);
        self.unmap("over a gap", self.at(8), 6 * PAGE_SIZE);
        self.unmap("where nothing is", self.at(0), PAGE_SIZE);
        self.unmap("within a page", self.at(6) + 1, PAGE_SIZE);
        self.unmap("of no bytes", self.at(6), 0);
        self.unmap("of all bytes", self.at(6), u32::MAX);
        self.unmap("in the kernel half", 0xFFFF_F000, PAGE_SIZE);
        self.rights();
    }

    fn protects(&self) {
        self.map("fixed, 10 pages", self.at(2), 10 * PAGE_SIZE, RW, PRIVATE | MAP_FIXED);
        self.protect("in the middle, read", self.at(4), 2 * PAGE_SIZE, PROT_READ);
        self.protect("a page, nothing", self.at(7), 1, 0);
        self.protect("all of it, back", self.at(2), 6 * PAGE_SIZE, RW);
        self.protect("the end, read", self.at(11), PAGE_SIZE, PROT_READ);
        self.protect("of no bytes", self.at(2), 0, PROT_READ);
        self.protect("within a page", self.at(2) + 1, PAGE_SIZE, PROT_READ);
        self.protect("where nothing is", self.at(0), PAGE_SIZE, PROT_READ);
        self.protect("unknown rights", self.at(2), PAGE_SIZE, 0x80);
        self.protect("in the kernel half", 0xFFFF_F000, PAGE_SIZE, PROT_READ);
        self.rights();
    }

    /// Prints which of two processes sees a write after a fork.
    fn forks(&self) {
        self.map("shared, 2 pages", self.at(16), 2 * PAGE_SIZE, RW, SHARED | MAP_FIXED);
        let [private, shared, untouched] = [self.at(2), self.at(16), self.at(17)];
        poke(private, 10);
        poke(shared, 20);
        let child_sees = process::spawn(|| {
            let seen = peek(private) + peek(shared);
            poke(private, 11);
            poke(shared, 21);
            poke(untouched, 31);
            seen
        });
        let seen = child_sees.and_then(|child| process::wait(Some(child)));
        println!("the child saw {:?}", seen.map(|(_, status)| status.code()));
        println!("the parent sees {}, {} and {}", peek(private), peek(shared), peek(untouched));
        // The kernel writes to a page that is shared or read-only.
        let write = |address| call(SystemCall::Write, &[STDOUT, address, 0]);
        println!("a write of nothing: {:?}", write(private).map_err(Errno::number));
        let wait = |address| call(SystemCall::Waitpid, &[u32::MAX, address, 0]).map(|_| 0);
        self.protect("read-only", private, PAGE_SIZE, PROT_READ);
        // Linux has reaped the first of the two by then; here it is still a zombie.
        let children = [process::spawn(|| 5), process::spawn(|| 5)];
        println!("a status to where nothing may be written: {:?}", wait(private).map_err(Errno::number));
        println!("a status to a page that was never touched: {:?}", wait(self.at(3)).map_err(Errno::number));
        println!("it was {}, of a child: {}", peek(self.at(3) + 1), children.iter().all(Result::is_ok));
    }
}

/// Whether a child that does `work` survives it.
fn lives(work: impl FnOnce()) -> bool {
    let child = process::spawn(|| {
        work();
        0
    });
    child.and_then(|child| process::wait(Some(child))).is_ok_and(|(_, status)| status.code() == Some(0))
}

/// An answer: an address as a distance from the range's start, or an error number.
struct Answer<'p> {
    place: &'p Place,
    answer: Result<u32, Errno>,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answer {
            Ok(0) => f.write_str("0"),
            Ok(address) if address.wrapping_sub(self.place.base) < PAGES * PAGE_SIZE => {
                write!(f, "B + {:#x}", address - self.place.base)
            }
            Ok(_) => f.write_str("elsewhere"),
            Err(errno) => write!(f, "error {}", errno.number()),
        }
    }
}
