//! What programs write: to the console, and, for a check, into memory as well.

use alloc::vec::Vec;
use kernel_core::console;
use spin::Mutex;

use super::characters::Characters;

/// The most bytes that are kept.
const MOST: usize = 8192;

/// What programs have written, while somebody wants to know.
static KEPT: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// The character that was begun.
static BEGUN: Mutex<Characters> = Mutex::new(Characters::new());

/// Writes to the console.
pub fn write(bytes: &[u8]) {
    BEGUN.lock().take(bytes, console::write);
    if let Some(kept) = KEPT.lock().as_mut() {
        let room = kept.capacity() - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Begins to keep what is written, the first 8 KiB of it. Returns whether there is
/// memory for that.
pub fn keep() -> bool {
    let mut kept = Vec::new();
    let made = kept.try_reserve_exact(MOST).is_ok();
    *KEPT.lock() = made.then_some(kept);
    made
}

/// Ends that, and returns what was written.
pub fn take() -> Vec<u8> {
    KEPT.lock().take().unwrap_or_default()
}
