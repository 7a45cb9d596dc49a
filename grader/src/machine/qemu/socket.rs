//! Reading from a connection to the emulator.

use std::io::{self, Read};

/// Reads once, and appends the bytes to those that were received before.
///
/// # Errors
/// If the connection fails, or the emulator has closed it.
pub fn receive(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            received.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}
