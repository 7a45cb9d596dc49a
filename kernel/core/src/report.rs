//! The kernel's reports to the grader: the lines that grader/WIRE.md lists under "The wire".

use core::fmt::{self, Write};

use spin::Mutex;

use crate::command_line::Nonce;
use crate::console::serial::{self, Serial};
use crate::console::{GoingOn, OneLine};

/// The nonce that makes this boot's reports genuine.
static NONCE: Mutex<Nonce> = Mutex::new(Nonce::NONE);

/// The nonce that makes this boot's result genuine: the same, or the word that is sent at the
/// check's end.
static RESULT: Mutex<Nonce> = Mutex::new(Nonce::NONE);

/// From now on reports and results carry `nonce`.
pub fn sign_with(nonce: Nonce) {
    *NONCE.lock() = nonce;
    sign_results_with(nonce);
}

/// From now on results carry `word`.
pub(crate) fn sign_results_with(word: Nonce) {
    *RESULT.lock() = word;
}

/// Reports one line: `# folio:NONCE KIND TEXT`. Newlines in `text` become spaces.
pub fn line(kind: &str, text: fmt::Arguments<'_>) {
    line_with(kind, " ", text);
}

/// Reports one line as [`line()`] does, with `newline` in place of newlines.
pub fn line_with(kind: &str, newline: &'static str, text: fmt::Arguments<'_>) {
    let nonce = *NONCE.lock();
    serial::end_line();
    // The serial port never fails.
    let _ = write!(Serial, "# folio:{nonce} {kind} ");
    let _ = OneLine { to: GoingOn, newline }.write_fmt(text);
    serial::end_line();
}

/// Reports a line without further text: `# folio:NONCE KIND`.
pub fn word(kind: &str) {
    let nonce = *NONCE.lock();
    serial::end_line();
    let _ = writeln!(Serial, "# folio:{nonce} {kind}");
}

/// Writes the first two lines of a test in KTAP.
pub fn plan() {
    serial::end_line();
    serial::write("KTAP version 1\n1..1\n");
}

/// Reports that the check `name` passed.
pub fn passed(name: &str) {
    result("ok", name);
}

/// Reports that the check `name` failed.
pub fn failed(name: &str) {
    result("not ok", name);
}

/// Reports that the check `name` was skipped: this machine lacks a feature that it needs.
pub fn skipped(name: &str) {
    let nonce = *RESULT.lock();
    serial::end_line();
    let _ = writeln!(Serial, "ok 1 {name} # SKIP # folio:{nonce}");
}

fn result(word: &str, name: &str) {
    let nonce = *RESULT.lock();
    serial::end_line();
    let _ = writeln!(Serial, "{word} 1 {name} # folio:{nonce}");
}
