//! The functions that a page calls.
//!
//! Text goes in and out through one buffer. The page asks for [`room`], writes the choices there
//! as UTF-8, calls [`show`] or [`choices`], and reads the answer, whose length that call returns, from
//! [`answer`] on. An answer of [`show`] is two lines, the sentence and the state, and then
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

/// The choices, and then the answer.
static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// After a panic, the page sees that its call did not return.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Makes room for the choices, and returns its address.
#[unsafe(no_mangle)]
extern "C" fn room(bytes: usize) -> *mut u8 {
    let mut text = TEXT.lock();
    text.clear();
    text.resize(bytes, 0);
    text.as_mut_ptr()
}

/// The address of the last answer.
#[unsafe(no_mangle)]
extern "C" fn answer() -> *const u8 {
    TEXT.lock().as_ptr()
}

/// Draws the picture whose name is in the first line, with the choices in the other lines. Returns
/// the length of the answer in bytes.
#[unsafe(no_mangle)]
extern "C" fn show() -> usize {
    answered(|picture, chosen| {
        let shown = (picture.show)(chosen);
        shown.says + "\n" + &shown.state + "\n" + &shown.svg
    })
}

/// The suggestions for the named picture. Returns the length of the answer in bytes.
#[unsafe(no_mangle)]
extern "C" fn choices() -> usize {
    answered(|picture, _| String::from(picture.choices))
}

/// Answers for the named picture; with nothing if there is no such picture.
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
