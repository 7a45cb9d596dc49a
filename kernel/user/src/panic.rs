//! What becomes of a program that panics.

use core::panic::PanicInfo;

use crate::{eprintln, process};

/// What a program that panicked gives to `exit`.
const EXIT_CODE: u8 = 101;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => eprintln!("panicked at {}:{}: {}", place.file(), place.line(), info.message()),
        None => eprintln!("panicked: {}", info.message()),
    }
    process::exit(EXIT_CODE)
}
