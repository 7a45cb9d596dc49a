//! `grow [MS]`: takes memory, a few pages at a time, until there is no more. Then it checks that
//! all of the memory still has the bytes that it wrote, and gives it back by ending.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::time::Duration;

use user::abi::{Errno, PAGE_SIZE};
use user::start::Start;
use user::{eprintln, memory, println, process};

user::program!(main);

/// Pages in a step.
const STEP: u32 = 8;
/// How long the program holds the memory once there is no more.
const HOLD: Duration = Duration::from_secs(2);

fn main(start: &'static Start) -> u8 {
    let Some(pause) = start.number(1, 20) else {
        eprintln!("usage: grow [MILLISECONDS]");
        return 2;
    };
    let pause = Duration::from_millis(pause.into());
    let me = process::id();
    let first = memory::end();
    let mut end = first;
    let errno = loop {
        match take(STEP * PAGE_SIZE) {
            Ok(start) => {
                end = start + STEP * PAGE_SIZE;
                (start..end).step_by(PAGE_SIZE as usize).for_each(|page| mark(page, me));
                process::sleep(pause);
            }
            Err(errno) => break errno,
        }
    };
    // The rest, which is less than a step.
    while let Ok(page) = take(PAGE_SIZE) {
        mark(page, me);
        end = page + PAGE_SIZE;
    }
    let pages = (end - first) / PAGE_SIZE;
    println!("[{me}] no more after {pages} pages, {} KiB: {errno}", pages * (PAGE_SIZE / 1024));
    process::sleep(HOLD);
    let lost = (first..end).step_by(PAGE_SIZE as usize).filter(|&page| !is_marked(page, me)).count();
    if lost > 0 {
        eprintln!("[{me}] somebody else wrote to {lost} of my pages");
        return 1;
    }
    u8::from(errno != Errno::ENOMEM)
}

#[allow(unsafe_code)]
fn take(bytes: u32) -> Result<u32, Errno> {
    // SAFETY: the heap grows, and this program uses it only through addresses.
    unsafe { memory::sbrk(bytes.cast_signed()) }
}

/// Writes a mark to a page that depends on the page and on the process.
#[allow(unsafe_code)]
fn mark(page: u32, me: u32) {
    for (address, byte) in (page..).zip((me ^ page).to_le_bytes()) {
        // SAFETY: `take` got this memory, and nothing of Rust's is there.
        unsafe { user::arch::poke(address, byte) }
    }
}

/// Whether the mark is still there.
#[allow(unsafe_code)]
fn is_marked(page: u32, me: u32) -> bool {
    // SAFETY: as in `mark`.
    (page..).zip((me ^ page).to_le_bytes()).all(|(address, byte)| unsafe { user::arch::peek(address) } == byte)
}
