//! The emulator's connection for debuggers: a breakpoint, and a single step.
//!
//! The protocol is described in GDB's manual, appendix E, "GDB Remote Serial Protocol".

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::socket::receive;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connection to one emulator.
pub struct Gdb {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Gdb {
    /// Takes over the connection's own end.
    pub fn new(stream: UnixStream) -> Self {
        // If it cannot be set, the grader waits longer for an emulator that does not answer.
        let _ = stream.set_write_timeout(Some(PATIENCE));
        Self { stream, received: Vec::new() }
    }

    /// From now on the machine stops before it executes the instruction at this address.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn set_breakpoint(&mut self, address: u32) -> io::Result<()> {
        self.do_silently(&format!("Z0,{address:x},1"))
    }

    /// Takes the breakpoint at this address away.
    ///
    /// # Errors
    /// If the emulator does not do that.
    pub fn clear_breakpoint(&mut self, address: u32) -> io::Result<()> {
        self.do_silently(&format!("z0,{address:x},1"))
    }

    /// Lets a machine that stands still execute one instruction.
    ///
    /// # Errors
    /// If the emulator does not tell that it has.
    pub fn step(&mut self) -> io::Result<()> {
        self.run("s")
    }

    /// Lets a machine that stands still go on until it stops for any reason.
    ///
    /// # Errors
    /// If it does not stop soon.
    pub fn go_on(&mut self) -> io::Result<()> {
        self.run("c")
    }

    fn do_silently(&mut self, command: &str) -> io::Result<()> {
        match self.ask(command)?.as_str() {
            "OK" => Ok(()),
            answer => Err(io::Error::other(format!("the debugger's connection answers {command} with `{answer}`"))),
        }
    }

    fn run(&mut self, command: &str) -> io::Result<()> {
        let answer = self.ask(command)?;
        if answer.starts_with(['T', 'S']) { Ok(()) } else { Err(io::Error::other("it does not run")) }
    }

    /// Sends a command, and returns its answer.
    fn ask(&mut self, command: &str) -> io::Result<String> {
        self.forget()?;
        self.stream.write_all(packet(command).as_bytes())?;
        self.stream.set_read_timeout(Some(PATIENCE))?;
        loop {
            if let Some(answer) = take_packet(&mut self.received) {
                self.stream.write_all(b"+")?;
                return Ok(answer);
            }
            receive(&mut self.stream, &mut self.received)?;
        }
    }

    /// Forgets what has been said unasked: every stop of the machine is told, whoever stopped it.
    fn forget(&mut self) -> io::Result<()> {
        self.stream.set_nonblocking(true)?;
        let mut said = Ok(());
        while said.is_ok() {
            said = receive(&mut self.stream, &mut self.received);
        }
        self.stream.set_nonblocking(false)?;
        self.received.clear();
        match said {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// A command as it is sent: with the sum of its bytes behind it.
fn packet(command: &str) -> String {
    let sum = command.bytes().fold(0_u8, u8::wrapping_add);
    format!("${command}#{sum:02x}")
}

/// Takes the first whole packet out of the received bytes.
fn take_packet(received: &mut Vec<u8>) -> Option<String> {
    let start = received.iter().position(|byte| *byte == b'$')?;
    let end = start + received[start..].iter().position(|byte| *byte == b'#')?;
    if received.len() < end + 3 {
        return None;
    }
    let text = String::from_utf8_lossy(&received[start + 1..end]).into_owned();
    received.drain(..end + 3);
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn packets_have_a_sum_and_are_taken_whole() {
        assert_eq!(packet("c"), "$c#63");
        assert_eq!(packet("Z0,c0100000,1"), "$Z0,c0100000,1#c7");
        let mut received = b"+$OK#9a$T05thread:01;#07$T0".to_vec();
        assert_eq!(take_packet(&mut received).as_deref(), Some("OK"));
        assert_eq!(take_packet(&mut received).as_deref(), Some("T05thread:01;"));
        assert_eq!(take_packet(&mut received), None);
        assert_eq!(received, b"$T0");
    }

    #[test]
    fn what_was_said_unasked_is_no_answer() {
        let (own, mut other) = UnixStream::pair().unwrap();
        let mut gdb = Gdb::new(own);
        other.write_all(b"$T02thread:01;#04").unwrap();
        let emulator = std::thread::spawn(move || {
            let mut buffer = [0; 64];
            let count = other.read(&mut buffer).unwrap();
            assert_eq!(&buffer[..count], packet("Z0,10,1").as_bytes());
            other.write_all(b"+$E22#a9").unwrap();
        });
        assert!(gdb.set_breakpoint(0x10).is_err());
        emulator.join().unwrap();
    }
}
