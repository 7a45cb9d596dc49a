//! `forktree [DEPTH]`: makes a tree of processes. Each process makes two more and waits for both,
//! down to the given depth; the leaves are counted on the way back.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use user::start::Start;
use user::{eprintln, println, process};

user::program!(main);

/// A deeper tree would have more leaves than an exit code can hold.
const DEEPEST: u32 = 7;
/// The exit code of a process that could not make two more.
const FAILED: u8 = 255;

fn main(start: &'static Start) -> u8 {
    let depth = match start.number(1, 4) {
        Some(depth) if depth <= DEEPEST => depth,
        _ => {
            eprintln!("usage: forktree [DEPTH], which is at most {DEEPEST}");
            return 2;
        }
    };
    let (leaves, expected) = (tree(depth), 1 << depth);
    println!("[{}] {leaves} leaves, expected {expected}", process::id());
    u8::from(leaves != expected)
}

/// Grows a tree of this depth below this process. Returns the number of its leaves.
fn tree(depth: u32) -> u8 {
    if depth == 0 {
        println!("[{}] a leaf", process::id());
        return 1;
    }
    let children = [(); 2].map(|()| process::spawn(|| tree(depth - 1)));
    let mut leaves = 0_u8;
    for child in children {
        let ended = child.and_then(|child| process::wait(Some(child)));
        match ended.map(|(_, status)| status.code()) {
            Ok(Some(code)) if code != FAILED => leaves = leaves.saturating_add(code),
            Ok(_) => return FAILED,
            Err(errno) => {
                eprintln!("[{}] no process: {errno}", process::id());
                return FAILED;
            }
        }
    }
    leaves
}
