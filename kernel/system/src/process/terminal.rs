//! The terminal: a person types at the serial port, and programs read lines.
//!
//! The terminal shows the typed characters. They can be corrected until the line ends. Backspace
//! erases a character, and ^U the line. ^D ends the input, or, if a line was begun, ends that line.
//! ^C stops the program that the first process waits for; if the first process reads instead, it
//! gets an empty line in place of the line that was begun.

use kernel_core::console;
use kernel_core::console::serial;
use spin::{Mutex, MutexGuard};

/// The most bytes of a line.
const LINE: usize = 255;
/// The most bytes and ends of input that wait to be read.
const QUEUE: usize = 1024;

/// The line that is being typed, and the input that can be read.
struct Terminal {
    /// The line that is being typed.
    line: [u8; LINE],
    length: usize,
    /// The ring of input that can be read: bytes, and ends of the input.
    queue: [u16; QUEUE],
    first: usize,
    count: usize,
    /// How far the terminal is in the sequence of a key such as an arrow.
    escape: Escape,
    /// Whether ^C was typed.
    interrupted: bool,
    /// Whether the input has ended for good: every read finds its end.
    closed: bool,
}

/// In the queue: an end of the input.
const END: u16 = 0x100;

/// How far the terminal is in a sequence from a key that is no character (ECMA-48, section 5.4).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// In no sequence.
    None,
    /// After ESC.
    Begun,
    /// After ESC and `[`.
    Parameters,
}

const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7F;
const ESCAPE: u8 = 0x1B;

static TERMINAL: Mutex<Terminal> = Mutex::new(Terminal {
    line: [0; LINE],
    length: 0,
    queue: [0; QUEUE],
    first: 0,
    count: 0,
    escape: Escape::None,
    interrupted: false,
    closed: false,
});

#[track_caller]
fn terminal() -> MutexGuard<'static, Terminal> {
    TERMINAL.try_lock().expect("the terminal is used by one at a time")
}

/// Ends the input for good.
pub fn close() {
    terminal().closed = true;
}

/// Takes the typed bytes from the port, as long as there is room for them.
///
/// The rest stays in the port, and its sender waits, so a file that is piped in loses nothing. A ^C
/// among the rest waits, too.
pub fn receive() {
    let mut terminal = terminal();
    while terminal.has_room()
        && let Some(byte) = serial::receive()
    {
        terminal.take(byte);
    }
}

/// Whether input, or its end, can be read.
pub fn has_input() -> bool {
    let terminal = terminal();
    terminal.closed || terminal.count > 0
}

/// Copies the rest of a line, or as much of it as fits, and returns the number of bytes: 0 at the
/// end of the input, `None` if nothing was typed yet. The bytes stay in the queue until
/// [`consume`].
pub fn peek(bytes: &mut [u8]) -> Option<usize> {
    let terminal = terminal();
    if terminal.count == 0 {
        return terminal.closed.then_some(0);
    }
    let mut length = 0;
    for index in 0..terminal.count.min(bytes.len()) {
        let Ok(byte) = u8::try_from(terminal.queue[(terminal.first + index) % QUEUE]) else { break };
        bytes[length] = byte;
        length += 1;
        if byte == b'\n' {
            break;
        }
    }
    Some(length)
}

/// Removes the input that [`peek`] copied: `bytes` bytes, or, if that is 0, the end of the input.
/// Then receives input that had no room before.
pub fn consume(bytes: usize) {
    {
        let mut terminal = terminal();
        let count = bytes.max(1).min(terminal.count);
        terminal.first = (terminal.first + count) % QUEUE;
        terminal.count -= count;
    }
    // The port does not interrupt again for the bytes that it has kept.
    receive();
}

/// Whether ^C was typed since the last call.
pub fn take_interrupt() -> bool {
    core::mem::take(&mut terminal().interrupted)
}

/// Gives the reading process an empty line. Characters typed meanwhile belong to the next line.
pub fn give_empty_line() {
    let mut terminal = terminal();
    if terminal.count < QUEUE {
        terminal.put(u16::from(b'\n'));
    }
}

impl Terminal {
    /// Whether the queue has room for the longest line.
    fn has_room(&self) -> bool {
        QUEUE - self.count > LINE
    }

    /// Handles a typed byte.
    fn take(&mut self, byte: u8) {
        match (self.escape, byte) {
            (Escape::Begun, b'[' | b'O') => self.escape = Escape::Parameters,
            (Escape::Begun, _) => self.escape = Escape::None,
            (Escape::Parameters, 0x40..=0x7E) => self.escape = Escape::None,
            (Escape::Parameters, _) => {}
            (Escape::None, ESCAPE) => self.escape = Escape::Begun,
            (Escape::None, byte) => self.take_character(byte),
        }
    }

    fn take_character(&mut self, byte: u8) {
        match byte {
            b'\r' | b'\n' => {
                console::write("\n");
                self.push(Some(b'\n'));
            }
            BACKSPACE | DELETE => self.erase(),
            0x03 => {
                console::write("^C\n");
                self.length = 0;
                self.interrupted = true;
            }
            0x04 => self.push(None),
            0x15 => {
                while self.length > 0 {
                    self.erase();
                }
            }
            b'\t' => self.add(b' '),
            0..0x20 => {}
            byte => self.add(byte),
        }
    }

    /// Adds a byte to the line, and shows it. A character of several bytes is shown once its last
    /// byte has come.
    fn add(&mut self, byte: u8) {
        if self.length == LINE {
            return;
        }
        self.line[self.length] = byte;
        self.length += 1;
        let start = self.last_character();
        if let Ok(text) = str::from_utf8(&self.line[start..self.length]) {
            console::write(text);
        }
    }

    /// The index at which the line's last character begins.
    fn last_character(&self) -> usize {
        let is_first = |byte: &u8| byte & 0xC0 != 0x80;
        self.line[..self.length].iter().rposition(is_first).unwrap_or(0)
    }

    /// Erases the line's last character.
    fn erase(&mut self) {
        if self.length > 0 {
            self.length = self.last_character();
            console::write("\x08 \x08");
        }
    }

    /// Makes the line available to readers: with `last` at its end, or as it is. An empty line
    /// without `last` is the end of the input.
    fn push(&mut self, last: Option<u8>) {
        if self.length + 1 > QUEUE - self.count {
            // An empty line took the room that was left: see `give_empty_line`.
            self.length = 0;
            return;
        }
        for index in 0..self.length {
            self.put(u16::from(self.line[index]));
        }
        match last {
            Some(byte) => self.put(u16::from(byte)),
            None if self.length == 0 => self.put(END),
            None => {}
        }
        self.length = 0;
    }

    fn put(&mut self, item: u16) {
        self.queue[(self.first + self.count) % QUEUE] = item;
        self.count += 1;
    }
}
