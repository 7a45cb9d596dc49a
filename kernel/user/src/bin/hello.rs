//! `hello`: prints a greeting with its process number.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use user::start::Start;
use user::{println, process};

user::program!(main);

fn main(_: &Start) -> u8 {
    println!("Hello from ring 3! I am process {}.", process::id());
    0
}
