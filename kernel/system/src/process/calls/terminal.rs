//! `read` and `write`.

use abi::{Errno, STDERR, STDIN, STDOUT};
use mm_api::VirtAddr;

use super::{Answer, Done};
use crate::process::process::Event;
use crate::process::system::System;
use crate::process::user_memory::{copy_in, copy_out};
use crate::process::{output, terminal};

/// The most bytes that one `read` or `write` moves: kernel stacks are small.
const PIECE: usize = 256;
/// The most bytes that one `write` takes, so that other processes need not wait long.
const MOST_WRITTEN: u32 = 4096;

/// Reads typed input: at most one line.
pub fn read(system: &mut System, fd: u32, address: VirtAddr, bytes: u32) -> Answer {
    if fd != STDIN {
        return Err(Errno::EBADF);
    }
    if bytes == 0 {
        return Ok(Done::Answer(0));
    }
    let mut piece = [0; PIECE];
    let most = PIECE.min(bytes as usize);
    let Some(length) = terminal::peek(&mut piece[..most]) else { return Ok(Done::Retry(Event::Input)) };
    // Input that cannot be copied stays in the queue.
    copy_out(system.space(), address, &piece[..length])?;
    terminal::consume(length);
    // At most `PIECE`.
    Ok(Done::Answer(length as u32))
}

/// Writes to the terminal. As on Unix, it may write fewer bytes than it was given.
pub fn write(system: &mut System, fd: u32, address: VirtAddr, bytes: u32) -> Answer {
    if fd != STDOUT && fd != STDERR {
        return Err(Errno::EBADF);
    }
    let bytes = bytes.min(MOST_WRITTEN);
    let mut done = 0;
    while done < bytes {
        let mut piece = [0; PIECE];
        let piece = &mut piece[..PIECE.min((bytes - done) as usize)];
        let from = address.checked_add(done).ok_or(Errno::EFAULT);
        match from.and_then(|from| copy_in(system.space(), from, piece)) {
            Ok(()) => output::write(piece),
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        done += piece.len() as u32;
    }
    Ok(Done::Answer(done))
}
