//! Memory that is put aside when the kernel boots: for its records of frames, for the records of
//! checks, and for memory in place of the frames of invented memory maps.
//!
//! It is a reserved range of the machine's memory. It is handed out from its start, and never taken
//! back.

use spin::Mutex;

/// The part that was not handed out yet.
static LEFT: Mutex<&'static mut [u32]> = Mutex::new(&mut []);

/// Sets the memory that is handed out.
pub(crate) fn provide(memory: &'static mut [u32]) {
    *LEFT.lock() = memory;
}

/// Hands out this many words, all zero; `None` if fewer are left.
#[must_use]
pub fn take(words: u32) -> Option<&'static mut [u32]> {
    let mut left = LEFT.lock();
    if words as usize > left.len() {
        return None;
    }
    let (taken, rest) = core::mem::take(&mut *left).split_at_mut(words as usize);
    *left = rest;
    taken.fill(0);
    Some(taken)
}

/// How many words are left.
#[must_use]
pub fn left() -> u32 {
    LEFT.lock().len() as u32
}
