//! Reads from and writes to the terminal.

use core::fmt::{self, Write};

use abi::{Errno, STDIN, SystemCall};

use crate::call::call;

/// Reads into `bytes`. Returns the number of bytes read; 0 means the end of the input.
///
/// # Errors
/// `EBADF` if `fd` cannot be read from.
pub fn read(fd: u32, bytes: &mut [u8]) -> Result<usize, Errno> {
    let address = bytes.as_mut_ptr().expose_provenance() as u32;
    // SAFETY: the kernel writes to `bytes`.
    unsafe { call(SystemCall::Read, &[fd, address, bytes.len() as u32]) }.map(|count| count as usize)
}

/// Writes from `bytes`. Returns the number of bytes written, which may be smaller than asked.
///
/// # Errors
/// `EBADF` if `fd` cannot be written to.
pub fn write(fd: u32, bytes: &[u8]) -> Result<usize, Errno> {
    let address = bytes.as_ptr().expose_provenance() as u32;
    // SAFETY: the kernel only reads.
    unsafe { call(SystemCall::Write, &[fd, address, bytes.len() as u32]) }.map(|count| count as usize)
}

/// Writes all of `bytes`.
///
/// # Errors
/// As [`write`], and `EIO` if nothing can be written.
pub fn write_all(fd: u32, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(fd, bytes)? {
            0 => return Err(Errno::EIO),
            count => bytes = bytes.get(count..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Reads one line from the terminal, without its line feed; `None` at the end of the input. The
/// rest of a line that does not fit into `buffer` is dropped, and so is the text from the first
/// byte on that is not UTF-8.
///
/// # Errors
/// As [`read`].
pub fn read_line(buffer: &mut [u8]) -> Result<Option<&str>, Errno> {
    let mut length = 0;
    loop {
        // Byte by byte, so that no byte of the next line is lost.
        let mut byte = [0];
        if read(STDIN, &mut byte)? == 0 && length == 0 {
            return Ok(None);
        }
        match byte {
            [0 | b'\n'] => break,
            [byte] if length < buffer.len() => {
                buffer[length] = byte;
                length += 1;
            }
            _ => {}
        }
    }
    let bytes = &buffer[..length];
    Ok(Some(match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }))
}

/// Collects printed text, so that a line becomes one system call, and the lines of two programs do
/// not mix.
struct Collector {
    fd: u32,
    bytes: [u8; 256],
    used: usize,
}

impl Collector {
    fn flush(&mut self) -> fmt::Result {
        let collected = &self.bytes[..self.used];
        self.used = 0;
        write_all(self.fd, collected).map_err(|_| fmt::Error)
    }
}

impl Write for Collector {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.used == self.bytes.len() {
                self.flush()?;
            }
            self.bytes[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

/// Prints to the terminal. Errors are ignored, because there is no place to report them.
pub fn print(fd: u32, text: fmt::Arguments<'_>) {
    let mut collector = Collector { fd, bytes: [0; 256], used: 0 };
    let _ = collector.write_fmt(text);
    let _ = collector.flush();
}

/// Prints to the terminal's standard output.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::io::print($crate::abi::STDOUT, ::core::format_args!($($argument)*)) };
}

/// Prints a line to the terminal's standard output.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($format:literal $($argument:tt)*) => {
        $crate::io::print($crate::abi::STDOUT, ::core::format_args!("{}\n", ::core::format_args!($format $($argument)*)))
    };
}

/// Prints a line to the terminal's standard error.
#[macro_export]
macro_rules! eprintln {
    ($format:literal $($argument:tt)*) => {
        $crate::io::print($crate::abi::STDERR, ::core::format_args!("{}\n", ::core::format_args!($format $($argument)*)))
    };
}
