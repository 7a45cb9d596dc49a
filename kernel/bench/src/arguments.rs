//! The command line: the words that select a measurement, and the seed.

use alloc::vec::Vec;
use core::ffi::CStr;

use crate::rng::Seed;

/// The beginning of the Multiboot information (Multiboot Specification 0.6.96, section 3.3).
#[repr(C)]
pub struct BootInformation {
    flags: u32,
    _memory: [u32; 2],
    _boot_device: u32,
    command_line: *const i8,
}

/// Set in the flags if there is a command line.
const HAS_COMMAND_LINE: u32 = 1 << 2;

/// The prefix of the word that sets the seed.
const SEED: &str = "seed=";

/// The words after the image's name, and the seed, which may be given among them.
///
/// # Panics
/// If the seed is not a number.
pub fn words_and_seed(information: &'static BootInformation) -> (Vec<&'static str>, Seed) {
    let (mut all, mut seed) = (Vec::new(), Seed::PUBLISHED);
    for word in words(information) {
        match word.strip_prefix(SEED).map(str::parse) {
            None => all.push(word),
            Some(Ok(number)) => seed = Seed::new(number),
            Some(Err(_)) => panic!("the seed is no number below two to the 32"),
        }
    }
    (all, seed)
}

/// The words after the image's name.
fn words(information: &'static BootInformation) -> impl Iterator<Item = &'static str> {
    let line = if information.flags & HAS_COMMAND_LINE == 0 || information.command_line.is_null() {
        c""
    } else {
        // SAFETY: the flag says that this is the address of a NUL-terminated string. It lies behind
        // the image, where nothing is written before a heap is measured.
        unsafe { CStr::from_ptr(information.command_line) }
    };
    line.to_str().unwrap_or_default().split_ascii_whitespace().skip(1)
}
