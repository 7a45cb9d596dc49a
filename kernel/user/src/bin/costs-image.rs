//! `costs-image`: counts the instructions that the fork and the exit of a program take whose image
//! contains 4 MiB of zeros.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::hint::black_box;
use core::sync::atomic::{AtomicU8, Ordering};

use user::abi::PAGE_SIZE;
use user::cost::{Clock, fork_and_exit, report};
use user::eprintln;
use user::start::Start;

user::program!(main);

const BYTES: usize = 4 << 20;

/// The zeros take no room in the program's file.
static ZEROS: [AtomicU8; BYTES] = [const { AtomicU8::new(0) }; BYTES];

fn main(_: &Start) -> u8 {
    black_box(&ZEROS)[0].store(1, Ordering::Relaxed);
    match fork_and_exit(&Clock::calibrated()) {
        Ok(cost) => {
            // The image has only a handful of other pages.
            report("fork-and-exit-image-4-mib", cost / u64::from(BYTES as u32 / PAGE_SIZE), "a-page");
            0
        }
        Err(errno) => {
            eprintln!("costs-image: {errno}");
            1
        }
    }
}
