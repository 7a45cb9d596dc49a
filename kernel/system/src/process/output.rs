//! The output of programs. It goes to the console, and, for checks, into memory as well.

use alloc::vec::Vec;
use kernel_core::console;
use spin::Mutex;

use super::characters::Characters;

/// The most bytes of output that are kept.
const MOST: usize = 8192;

/// The output that is kept, while a check asks for it.
static KEPT: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// The first bytes of a character that is still incomplete.
static BEGUN: Mutex<Characters> = Mutex::new(Characters::new());

/// Writes a program's output to the console, and keeps it if [`keep`] was called.
pub fn write(bytes: &[u8]) {
    BEGUN.lock().take(bytes, console::write);
    if let Some(kept) = KEPT.lock().as_mut() {
        let room = kept.capacity() - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Begins to keep the output, its first 8 KiB. Returns whether there is memory for it.
pub fn keep() -> bool {
    let mut kept = Vec::new();
    let made = kept.try_reserve_exact(MOST).is_ok();
    *KEPT.lock() = made.then_some(kept);
    made
}

/// Stops keeping the output, and returns what was kept.
pub fn take() -> Vec<u8> {
    KEPT.lock().take().unwrap_or_default()
}
