//! What a check is doing: its case, and its current step.
//!
//! The check writes both down before it calls a lab's code. If that code panics or crashes, the
//! kernel reports them with the crash; if it hangs, the grader reads them from the stopped
//! machine's memory. As long as all goes well, nothing is printed. No memory is allocated.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crate::report;

/// The most bytes that are kept: longer texts are cut.
const ROOM: usize = 2048;

/// Lines of text, each with its end; a zero follows.
static TEXT: [AtomicU8; ROOM + 1] = [const { AtomicU8::new(0) }; ROOM + 1];

/// Where the case ends: the next step begins here.
static CASE_END: AtomicUsize = AtomicUsize::new(0);

/// Where the step ends: the next call begins here.
static STEP_END: AtomicUsize = AtomicUsize::new(0);

/// The address of the text, for a reader outside the machine.
#[must_use]
pub fn address() -> usize {
    TEXT.as_ptr().expose_provenance()
}

/// Begins a new case: what the lab's component is built for, such as `a memory map with holes`.
/// Forgets the last case and its steps.
pub fn case(text: fmt::Arguments<'_>) {
    CASE_END.store(0, Ordering::Relaxed);
    case_line(text);
}

/// Adds a line to the case. Forgets the last step.
pub fn case_line(text: fmt::Arguments<'_>) {
    let end = write_line(CASE_END.load(Ordering::Relaxed), text);
    CASE_END.store(end, Ordering::Relaxed);
    STEP_END.store(end, Ordering::Relaxed);
}

/// Begins a step: what the check does next, such as `step 17: free_run(…)`. Forgets the last step.
pub fn step(text: fmt::Arguments<'_>) {
    let end = write_line(CASE_END.load(Ordering::Relaxed), text);
    STEP_END.store(end, Ordering::Relaxed);
}

/// Ends the step: the check now looks at the case as a whole.
pub fn no_step() {
    step(format_args!(""));
}

/// Calls a lab's component through `call`, and returns the answer. `text` names the call with its
/// arguments, such as `free(frame 0x105)`; it is forgotten when the call returns.
pub fn during<R>(text: fmt::Arguments<'_>, call: impl FnOnce() -> R) -> R {
    let end = STEP_END.load(Ordering::Relaxed);
    write_line(end, text);
    let answer = call();
    TEXT[end].store(0, Ordering::Relaxed);
    answer
}

/// Reports the case, the step, and the call under way, one line each.
pub fn tell() {
    let mut from = 0;
    while from < ROOM && TEXT[from].load(Ordering::Relaxed) != 0 {
        let line = Line(from);
        report::line("context", format_args!("{line}"));
        from = line.end() + 1;
    }
}

/// Writes a line from a place on, and a zero after it; returns the place of the zero.
fn write_line(from: usize, text: fmt::Arguments<'_>) -> usize {
    let mut writer = Writer { at: from };
    // Text that does not fit is left out.
    let _ = writer.write_fmt(text);
    if writer.at == from {
        TEXT[from].store(0, Ordering::Relaxed);
        return from;
    }
    writer.put(b'\n');
    TEXT[writer.at].store(0, Ordering::Relaxed);
    writer.at
}

/// Writes bytes one after the other. Newlines within a line become spaces.
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
    /// The place of its end.
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
