//! The calls of Linux's that the benchmark makes when it runs as a process, with the numbers and
//! registers of i386 (`man 2 syscall`).

use core::arch::asm;
use core::fmt;

/// The number of `exit`.
const EXIT: u32 = 1;
/// The number of `write`.
const WRITE: u32 = 4;
/// The descriptor of standard output.
const STANDARD_OUTPUT: u32 = 1;

/// Writes a text to standard output.
///
/// # Errors
/// If Linux does not take it.
pub fn write(text: &str) -> fmt::Result {
    let mut left = text.as_bytes();
    while !left.is_empty() {
        let written: i32;
        // SAFETY: the call reads the text, and changes nothing but eax.
        unsafe {
            asm!("int 0x80", inlateout("eax") WRITE => written,
                in("ebx") STANDARD_OUTPUT, in("ecx") left.as_ptr(), in("edx") left.len(), options(nostack));
        }
        let written = usize::try_from(written).map_err(|_| fmt::Error)?;
        left = left.get(written..).ok_or(fmt::Error)?;
    }
    Ok(())
}

/// Ends the process.
pub fn exit(status: u32) -> ! {
    // SAFETY: the call does not return.
    unsafe { asm!("int 0x80", in("eax") EXIT, in("ebx") status, options(noreturn, nostack)) }
}
