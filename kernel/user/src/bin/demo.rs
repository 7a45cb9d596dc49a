//! `demo [MS]`: runs four programs at the same time, which grow until memory is full.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::ffi::CStr;

use user::start::Start;
use user::{eprintln, println, process};

user::program!(main);

/// How many programs grow.
const PROCESSES: usize = 4;

fn main(start: &'static Start) -> u8 {
    let pause = start.arguments().nth(1).unwrap_or(c"20");
    let mut children = [None; PROCESSES];
    for child in &mut children {
        *child = process::spawn(|| grow(pause)).inspect_err(|errno| eprintln!("demo: no process: {errno}")).ok();
    }
    let mut failed = false;
    for child in children {
        match child.map(|child| process::wait(Some(child))) {
            Some(Ok((child, status))) => {
                failed |= status.code() != Some(0);
                println!("[{child}] grow: {status}");
            }
            _ => failed = true,
        }
    }
    u8::from(failed)
}

fn grow(pause: &CStr) -> u8 {
    let errno = process::exec(c"grow", &[c"grow", pause], &[]);
    eprintln!("demo: cannot run grow: {errno}");
    126
}
