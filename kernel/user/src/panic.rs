//! The panic handler of programs.

use core::panic::PanicInfo;

use crate::{eprintln, process};

/// The exit code of a program that panicked.
const EXIT_CODE: u8 = 101;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => eprintln!("panicked at {}:{}: {}", place.file(), place.line(), info.message()),
        None => eprintln!("panicked: {}", info.message()),
    }
    process::exit(EXIT_CODE)
}
