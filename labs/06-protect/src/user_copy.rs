//! Lab 06, your second file: copies between the kernel and the program that runs.
//!
//! System calls have pointers as arguments, and a program may pass any number as one. The
//! kernel must check them: with a pointer to the kernel's own memory a program could read
//! and write there with the kernel's rights. And where the processor has SMAP, the kernel
//! reaches a program's memory only through a *window* that it opens for a copy and closes
//! after it.
//!
//! ```text
//!        address                            address + length
//!        │      page            page        │   page
//!  ──────┼──────┬────────────────┬──────────┼────────┬──
//!        │piece │ piece          │ piece    │        │
//!  ──────┴──────┴────────────────┴──────────┴────────┴──
//!         open, read, read, read, close
//! ```
//!
//! The whole contract is the documentation of [`UserCopy`] and of [`UserWindow`].
//!
//! # Good to know
//! - [`pieces`] cuts a range of addresses where pages end. A [`Piece`](mm_api::Piece) has
//!   an address, and knows the place of its bytes in the whole range.
//! - [`UserWindow::read`] and [`UserWindow::write`] know which pages the program may use,
//!   and get a page that is not there yet. They take no address of the kernel half: that
//!   is for you to refuse, before the window is opened.
//! - `?` returns from a function at once. Work that is due on every way out belongs in a
//!   function around it.

// Keeps the compiler quiet while arguments and items are still unused. Delete
// it when your last `todo!()` is gone: then its warnings are worth reading.
#![allow(unused_variables, unused_imports, dead_code)]

use mm_api::layout::USER_SPACE_END;
use mm_api::{BadAddress, UserCopy, UserWindow, VirtAddr, pieces};

/// Copies from and to the program that runs.
pub struct Copies;

/// Step 3a: makes sure that all `length` bytes from `address` on lie below the kernel half.
///
/// The sum of an address and a length may not fit in 32 bits.
///
/// # Errors
/// [`BadAddress`] if one byte does not.
fn ensure_user_half(address: VirtAddr, length: usize) -> Result<(), BadAddress> {
    todo!("step 3a: say whether all bytes are in the user half")
}

/// Step 3b: does some work with the window open, and closes it however the work ends.
///
/// If `length` is 0, the window stays closed.
///
/// # Errors
/// That of `work`.
fn through(
    window: &mut dyn UserWindow,
    length: usize,
    work: impl FnOnce(&mut dyn UserWindow) -> Result<(), BadAddress>,
) -> Result<(), BadAddress> {
    todo!("step 3b: open the window, work, close it")
}

impl UserCopy for Copies {
    /// Step 4: copies the program's bytes from `address` on into `bytes`.
    ///
    /// # Errors
    /// [`BadAddress`] if the program may not read one of them. Then the bytes of the pages
    /// before it have been copied, unless step 3a refused the range.
    fn copy_in(window: &mut dyn UserWindow, address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress> {
        todo!("step 4: copy from the program")
    }

    /// Step 5: copies `bytes` to the program's addresses from `address` on.
    ///
    /// # Errors
    /// [`BadAddress`] if the program may not write to one of them. As in
    /// [`copy_in`](Self::copy_in), the pages before it may have been copied.
    fn copy_out(window: &mut dyn UserWindow, address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress> {
        todo!("step 5: copy to the program")
    }
}
