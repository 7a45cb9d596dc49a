//! `count [N [MS]] [busy]`: counts to N. Between two numbers it sleeps for MS milliseconds, or
//! works if it is `busy`. Several of them in the background show how processes take turns.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::hint::black_box;
use core::time::Duration;

use user::start::Start;
use user::{eprintln, println, process};

user::program!(main);

/// Rounds of a loop that take about a millisecond.
const ROUNDS_A_MILLISECOND: u32 = 20_000;

fn main(start: &'static Start) -> u8 {
    let words = start.arguments().skip(1);
    let busy = words.clone().last().is_some_and(|word| word == c"busy");
    let mut numbers = words.filter(|&word| word != c"busy").map(|word| word.to_str().ok()?.parse::<u32>().ok());
    let (Some(last), Some(pause), None) =
        (numbers.next().unwrap_or(Some(10)), numbers.next().unwrap_or(Some(500)), numbers.next())
    else {
        eprintln!("usage: count [N [MILLISECONDS]] [busy]");
        return 2;
    };
    for number in 1..=last {
        println!("[{}] {number}", process::id());
        if busy {
            work(pause);
        } else {
            process::sleep(Duration::from_millis(pause.into()));
        }
    }
    0
}

/// Uses the processor for about this many milliseconds.
fn work(milliseconds: u32) {
    for round in 0..milliseconds.saturating_mul(ROUNDS_A_MILLISECOND) {
        black_box(round);
    }
}
