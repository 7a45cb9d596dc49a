//! The terminal: somebody types at the serial port, and programs read lines.
//!
//! What is typed is shown, and can be corrected until the line ends. Backspace
//! takes a character back, ^U the line; ^D ends the input, or the line where one
//! was begun; ^C stops the program that the first process waits for, or, if that reads, gives it
//! an empty line in place of the one that was begun.

use kernel_core::console;
use kernel_core::console::serial;
use spin::{Mutex, MutexGuard};

/// The most bytes of a line.
const LINE: usize = 255;
/// The most bytes that wait to be read.
const QUEUE: usize = 1024;

/// Who types.
struct Terminal {
    /// The line that is being typed.
    line: [u8; LINE],
    length: usize,
    /// What can be read: bytes, or an end of the input. It goes round.
    queue: [u16; QUEUE],
    first: usize,
    count: usize,
    /// How far into a sequence of a key such as an arrow.
    escape: Escape,
    /// Whether ^C was typed.
    interrupted: bool,
    /// Nobody types: there is nothing but the end of the input.
    closed: bool,
}

/// In the queue: an end of the input.
const END: u16 = 0x100;

/// How far into a sequence that a key sends which is no character (ECMA-48, section 5.4).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// Not in one.
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

/// Nobody types from now on.
pub fn close() {
    terminal().closed = true;
}

/// Takes what was typed since the last call, as long as there is room for it.
///
/// The rest stays in the port, and whoever sends it waits: a file that is piped in loses nothing. A ^C behind it
/// waits, too.
pub fn receive() {
    let mut terminal = terminal();
    while terminal.has_room()
        && let Some(byte) = serial::receive()
    {
        terminal.take(byte);
    }
}

/// Whether something can be read, be it the end of the input.
pub fn has_input() -> bool {
    let terminal = terminal();
    terminal.closed || terminal.count > 0
}

/// Copies the rest of a line, or as much of it as there is room for, and returns
/// how many bytes that is; 0 at the end of the input, `None` if nothing was typed
/// yet. It stays to be read until [`consume`].
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

/// Takes away what [`peek`] copied: so many bytes, or with 0 the end of the input. What had no room before is
/// received.
pub fn consume(bytes: usize) {
    {
        let mut terminal = terminal();
        let count = bytes.max(1).min(terminal.count);
        terminal.first = (terminal.first + count) % QUEUE;
        terminal.count -= count;
    }
    // The port does not interrupt again for what it has kept.
    receive();
}

/// Whether ^C was typed since the last call.
pub fn take_interrupt() -> bool {
    core::mem::take(&mut terminal().interrupted)
}

/// Gives an empty line to whoever reads. What was typed meanwhile belongs to the next one.
pub fn give_empty_line() {
    let mut terminal = terminal();
    if terminal.count < QUEUE {
        terminal.put(u16::from(b'\n'));
    }
}

impl Terminal {
    /// Whether the longest line could be read behind all others.
    fn has_room(&self) -> bool {
        QUEUE - self.count > LINE
    }

    /// A byte was typed.
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

    /// Adds a byte to the line, and shows it. Of a character with several bytes,
    /// all are shown with the last.
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

    /// Where the line's last character begins.
    fn last_character(&self) -> usize {
        let is_first = |byte: &u8| byte & 0xC0 != 0x80;
        self.line[..self.length].iter().rposition(is_first).unwrap_or(0)
    }

    /// Takes the line's last character back.
    fn erase(&mut self) {
        if self.length > 0 {
            self.length = self.last_character();
            console::write("\x08 \x08");
        }
    }

    /// The line can be read: with a byte at its end, or, without one, as it is; an
    /// empty one is then the end of the input.
    fn push(&mut self, last: Option<u8>) {
        if self.length + 1 > QUEUE - self.count {
            // An empty line took the room that there was: see `give_empty_line`.
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
