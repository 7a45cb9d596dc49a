//! What a check is about to do: the case, and the step that it is at.
//!
//! It is written down before a lab's code is called. If that panics or crashes, it is
//! reported with the crash; if it hangs, the grader reads it from the stopped machine's
//! memory. Nothing is printed as long as all goes well, and no memory is needed.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crate::report;

/// So many bytes are kept: what is longer is cut.
const ROOM: usize = 2048;

/// Lines of text, each with its end; a zero follows.
static TEXT: [AtomicU8; ROOM + 1] = [const { AtomicU8::new(0) }; ROOM + 1];

/// Where the case ends, and with it what the next step leaves as it is.
static CASE_END: AtomicUsize = AtomicUsize::new(0);

/// Where the step ends, and with it what the next call leaves as it is.
static STEP_END: AtomicUsize = AtomicUsize::new(0);

/// Where the text lies, for whoever reads it from outside.
#[must_use]
pub fn address() -> usize {
    TEXT.as_ptr().expose_provenance()
}

/// A new case: what the lab's component is built for, such as `a memory map with holes`.
/// Forgets the last one, and its steps.
pub fn case(text: fmt::Arguments<'_>) {
    CASE_END.store(0, Ordering::Relaxed);
    case_line(text);
}

/// One more line on the case. Forgets the last step.
pub fn case_line(text: fmt::Arguments<'_>) {
    let end = write_line(CASE_END.load(Ordering::Relaxed), text);
    CASE_END.store(end, Ordering::Relaxed);
    STEP_END.store(end, Ordering::Relaxed);
}

/// What is done next, such as `step 17: free_run(…)`. Forgets the last step.
pub fn step(text: fmt::Arguments<'_>) {
    let end = write_line(CASE_END.load(Ordering::Relaxed), text);
    STEP_END.store(end, Ordering::Relaxed);
}

/// No step is being made: what comes is about the case as a whole.
pub fn no_step() {
    step(format_args!(""));
}

/// Makes a call to a lab's component that `text` names with its arguments, such as
/// `free(frame 0x105)`.
pub fn during<R>(text: fmt::Arguments<'_>, call: impl FnOnce() -> R) -> R {
    let end = STEP_END.load(Ordering::Relaxed);
    write_line(end, text);
    let answer = call();
    TEXT[end].store(0, Ordering::Relaxed);
    answer
}

/// Reports the case and the step.
pub fn tell() {
    let mut from = 0;
    while from < ROOM && TEXT[from].load(Ordering::Relaxed) != 0 {
        let line = Line(from);
        report::line("context", format_args!("{line}"));
        from = line.end() + 1;
    }
}

/// Writes a line from a place on, and a zero after it; answers where that is.
fn write_line(from: usize, text: fmt::Arguments<'_>) -> usize {
    let mut writer = Writer { at: from };
    // What does not fit is left out.
    let _ = writer.write_fmt(text);
    if writer.at == from {
        TEXT[from].store(0, Ordering::Relaxed);
        return from;
    }
    writer.put(b'\n');
    TEXT[writer.at].store(0, Ordering::Relaxed);
    writer.at
}

/// Writes bytes one after the other. A line within a line is none.
struct Writer {
    at: usize,
}

impl Writer {
    fn put(&mut self, byte: u8) {
        if self.at < ROOM {
            TEXT[self.at].store(byte, Ordering::Relaxed);
            self.at += 1;
        }
    }
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // One byte stays for the line's end.
        for byte in text.bytes().take(ROOM.saturating_sub(self.at + 1)) {
            self.put(if byte.is_ascii_control() { b' ' } else { byte });
        }
        Ok(())
    }
}

/// The line that begins at a place.
#[derive(Clone, Copy)]
struct Line(usize);

impl Line {
    /// Where its end is.
    fn end(self) -> usize {
        let is_end = |at: &usize| matches!(TEXT[*at].load(Ordering::Relaxed), b'\n' | 0);
        (self.0..ROOM).find(is_end).unwrap_or(ROOM)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Piece by piece: a character may be several bytes, none longer than four.
        let mut piece = [0; 64];
        let mut used = 0;
        for byte in &TEXT[self.0..self.end()] {
            let byte = byte.load(Ordering::Relaxed);
            let begins_character = byte & 0xC0 != 0x80;
            if begins_character && used > piece.len() - 4 {
                f.write_str(str::from_utf8(&piece[..used]).unwrap_or("?"))?;
                used = 0;
            }
            if used < piece.len() {
                piece[used] = byte;
                used += 1;
            }
        }
        f.write_str(str::from_utf8(&piece[..used]).unwrap_or("?"))
    }
}
