//! What a page calls.
//!
//! Text goes in and out through one buffer. The page asks for [`room`], writes what was chosen
//! there as UTF-8, calls [`show`] or [`choices`], and reads the answer: so many bytes from
//! [`answer`] on. An answer of [`show`] is two lines, what the picture says and its state, and then
//! the SVG.
#![allow(unsafe_code)] // For the functions' names alone.

use alloc::string::String;
use alloc::vec::Vec;
use core::panic::PanicInfo;

use spin::Mutex;
use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

use crate::{Picture, find};

#[global_allocator]
static HEAP: WasmDynamicTalc = new_wasm_dynamic_allocator();

/// What was chosen, and then the answer.
static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The page sees that its call did not return.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Where so many bytes may be written.
#[unsafe(no_mangle)]
extern "C" fn room(bytes: usize) -> *mut u8 {
    let mut text = TEXT.lock();
    text.clear();
    text.resize(bytes, 0);
    text.as_mut_ptr()
}

/// Where the last answer is.
#[unsafe(no_mangle)]
extern "C" fn answer() -> *const u8 {
    TEXT.lock().as_ptr()
}

/// Draws the picture that is named in the first line, with what was chosen in the others; returns
/// how many bytes the answer has.
#[unsafe(no_mangle)]
extern "C" fn show() -> usize {
    answered(|picture, chosen| {
        let shown = (picture.show)(chosen);
        shown.says + "\n" + &shown.state + "\n" + &shown.svg
    })
}

/// What may be chosen of the picture that is named; returns how many bytes the answer has.
#[unsafe(no_mangle)]
extern "C" fn choices() -> usize {
    answered(|picture, _| String::from(picture.choices))
}

/// Answers for the picture that is named; nothing if there is none.
fn answered(answer: impl FnOnce(&Picture, &str) -> String) -> usize {
    let mut text = TEXT.lock();
    let answer = {
        let asked = core::str::from_utf8(&text).unwrap_or_default();
        let (name, chosen) = asked.split_once('\n').unwrap_or((asked, ""));
        find(name).map(|picture| answer(picture, chosen)).unwrap_or_default()
    };
    *text = answer.into_bytes();
    text.len()
}
