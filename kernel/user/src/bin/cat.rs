//! `cat`: prints the lines that are typed, until Ctrl-D.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use user::abi::{STDIN, STDOUT};
use user::eprintln;
use user::io::{read, write_all};
use user::start::Start;

user::program!(main);

fn main(start: &Start) -> u8 {
    if start.argc() > 1 {
        eprintln!("cat: there are no files here; it reads the terminal only");
        return 2;
    }
    let mut bytes = [0; 512];
    loop {
        match read(STDIN, &mut bytes) {
            Ok(0) => return 0,
            Ok(count) => {
                if let Err(errno) = write_all(STDOUT, &bytes[..count]) {
                    eprintln!("cat: {errno}");
                    return 1;
                }
            }
            Err(errno) => {
                eprintln!("cat: {errno}");
                return 1;
            }
        }
    }
}
