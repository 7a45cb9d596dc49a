//! `echo WORDS…`: prints its arguments.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use user::abi::STDOUT;
use user::io::write_all;
use user::start::Start;

user::program!(main);

fn main(start: &Start) -> u8 {
    for (index, argument) in start.arguments().enumerate().skip(1) {
        let space: &[u8] = if index > 1 { b" " } else { b"" };
        if write_all(STDOUT, space).and_then(|()| write_all(STDOUT, argument.to_bytes())).is_err() {
            return 1;
        }
    }
    u8::from(write_all(STDOUT, b"\n").is_err())
}
