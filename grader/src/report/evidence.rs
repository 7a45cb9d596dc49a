//! The evidence of one boot: the words of the check, the crash with its place in the source, the log.

use std::path::Path;

use crate::host::style::{STRONG, View, plural, printable, wrap};
use crate::judge::results::{CheckReport, Evidence};
use crate::judge::{Crash, Status};

use super::crash::{self, Trace};
use super::page_fault;
use super::source;
use super::symbolize::{Frame, Images};

/// How many of a log's last lines are shown, unless the report is verbose.
const LOG_LINES: usize = 20;

/// A failure's circumstances may have so many lines: a memory map of a PC, and the call. Of more, the first and the
/// last are shown, unless the report is verbose.
const CIRCUMSTANCES: usize = 14;

/// How many of them are the last ones.
const LAST_CIRCUMSTANCES: usize = 4;

/// How many callers are shown, unless the report is verbose.
const CALLERS: usize = 8;

/// The settings and data for showing evidence.
pub struct Showing<'a> {
    /// The course.
    pub root: &'a Path,
    /// Line tables of kernels.
    pub images: &'a Images,
    /// The layout and colours.
    pub view: &'a View,
}

impl Showing<'_> {
    /// The evidence of a boot as text.
    pub fn evidence(&self, check: &CheckReport, evidence: &Evidence) -> String {
        let view = self.view;
        let mut out = String::new();
        if let Some(crash) = &evidence.findings.crash {
            let trace = crash::trace(crash, &evidence.kernel, self.root, self.images);
            out.push_str(&headlined(view, &headline(check, crash)));
            if let Some(why) = crash::explanation(crash, evidence) {
                out.push_str(&paragraph(view, &why));
            }
            out.push_str(&self.place(check, &trace));
            if let Some(walk) = crash::walk(crash) {
                out.push_str(&view.field("walk", &walk));
            }
            if view.verbose {
                out.push_str(&registers(&crash.registers, view));
            }
        } else if evidence.findings.expected.is_none() || evidence.findings.saw.is_none() {
            out.push_str(&headlined(view, &printable(&check.message)));
        }
        if let Some(expected) = &evidence.findings.expected {
            out.push_str(&view.field("expected", &printable(expected)));
        }
        if let Some(saw) = &evidence.findings.saw {
            out.push_str(&view.field("saw", &printable(saw)));
        }
        // Code that is missing is missing everywhere.
        if check.status != Status::NotStarted || view.verbose {
            out.push_str(&self.circumstances(&evidence.findings.context));
        }
        out.push_str(&self.log(&evidence.findings.log));
        if view.verbose {
            out.push_str(&verbose(evidence, view));
        }
        out
    }

    /// Where it happened, in the check's words.
    fn circumstances(&self, context: &[String]) -> String {
        let mut lines: Vec<String> = context.iter().map(|line| printable(line)).collect();
        if lines.len() > CIRCUMSTANCES && !self.view.verbose {
            let end = lines.len() - LAST_CIRCUMSTANCES;
            let first = CIRCUMSTANCES - LAST_CIRCUMSTANCES - 1;
            let hidden = format!("… and {} (-v shows them)", plural(end - first, "more line"));
            lines.splice(first..end, [hidden]);
        }
        let label = |number| if number == 0 { "where" } else { "" };
        lines.iter().enumerate().map(|(number, line)| self.view.field(label(number), line)).collect()
    }

    /// The source line of the crash, and its callers.
    fn place(&self, check: &CheckReport, trace: &Trace) -> String {
        let view = self.view;
        let Some(place) = &trace.place else {
            let bare: Vec<String> = trace.frames.iter().map(|frame| page_fault::address(frame.address)).collect();
            return if bare.is_empty() { String::new() } else { view.field("at", &bare.join(" ")) };
        };
        let label = match check.status {
            Status::NotStarted => "yours to write",
            Status::Panicked => "it panicked here",
            Status::Hung => "it was here when it was stopped",
            _ => "it happened here",
        };
        let mut out = match source::excerpt(self.root, &place.file, place.line, place.column, label, view) {
            Some(excerpt) => indent(&excerpt),
            None => view.field("at", &format!("{}:{}", place.file, place.line)),
        };
        if check.status == Status::NotStarted && !view.verbose {
            return out;
        }
        // A function that calls itself would fill the screen.
        let callers = repeated(trace.callers(view.verbose).iter().map(|frame| called(frame, self.root, view)));
        let shown = if view.verbose { callers.len() } else { callers.len().min(CALLERS) };
        for (number, call) in callers[..shown].iter().enumerate() {
            let label = match (number, view.verbose) {
                (0, true) => "backtrace",
                (0, false) => "called",
                _ => "",
            };
            out.push_str(&view.field(label, call));
        }
        if callers.len() > shown {
            let more = plural(callers.len() - shown, "more call");
            out.push_str(&view.field("", &format!("… and {more} (-v shows them)")));
        }
        out
    }

    /// The last lines that the student's code logged, or all of them.
    pub fn log(&self, log: &[String]) -> String {
        let log = repeated(log.iter().map(|line| printable(line)));
        let shown = if self.view.verbose { log.len() } else { log.len().min(LOG_LINES) };
        let mut out = String::new();
        if log.len() > shown {
            let hidden = format!("… {} before (-v shows them)", plural(log.len() - shown, "line"));
            out.push_str(&self.view.field("log", &hidden));
        }
        for (number, line) in log[log.len() - shown..].iter().enumerate() {
            let label = if number == 0 && log.len() == shown { "log" } else { "" };
            out.push_str(&self.view.field(label, line));
        }
        out
    }
}

/// A crash in one line.
pub fn headline(check: &CheckReport, crash: &Crash) -> String {
    match check.status {
        Status::NotStarted => crash::missing(check).unwrap_or_else(|| "a todo!() was reached".to_owned()),
        Status::Hung | Status::Tampered => printable(&check.message),
        // The lines above say already that it panicked.
        Status::Panicked => printable(crash.panic.as_ref().map_or(check.message.as_str(), |panic| &panic.message)),
        _ => printable(&crash::headline(crash)),
    }
}

/// One call in a backtrace.
fn called(frame: &Frame, root: &Path, view: &View) -> String {
    let from = if view.verbose { "" } else { "from " };
    let place = match &frame.source {
        Some((file, line)) => format!("{file}:{line}"),
        None => page_fault::address(frame.address),
    };
    let inlined = if view.verbose && frame.inlined { " (inlined)" } else { "" };
    let function = name(frame, root).unwrap_or_default();
    format!("{from}{place} {function}{inlined}").trim_end().to_owned()
}

/// What a reader calls a function. A closure has no name of its own: it is `free (closure)`, after the function that
/// it is written in.
fn name(frame: &Frame, root: &Path) -> Option<String> {
    let function = frame.function.as_deref()?;
    let Some(at) = function.find("{closure") else {
        return Some(function.to_owned());
    };
    let around = match function[..at].trim_end_matches(['{', ':']) {
        "" => frame.source.as_ref().and_then(|(file, line)| source::function_at(root, file, *line)),
        around => Some(around.to_owned()),
    };
    Some(around.map_or_else(|| "a closure".to_owned(), |around| format!("{around} (closure)")))
}

/// The lines, with equal lines that follow each other as one: `x (3 times)`.
fn repeated(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for line in lines {
        match counted.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            _ => counted.push((line, 1)),
        }
    }
    counted.into_iter().map(|(line, count)| if count == 1 { line } else { format!("{line} ({count} times)") }).collect()
}

/// The measures, the emulator's command line, and the machine's output.
pub fn verbose(evidence: &Evidence, view: &View) -> String {
    let mut out = String::new();
    for (number, (key, value, unit)) in evidence.findings.measures.iter().enumerate() {
        let label = if number == 0 { "measured" } else { "" };
        out.push_str(&view.field(label, &printable(&format!("{key} {value} {unit}"))));
    }
    // One line, so that it can be copied.
    if !evidence.command.is_empty() {
        out.push_str(&format!("  {:<10}{}\n", "machine", shell_words(&evidence.command)));
    }
    for (number, line) in evidence.serial.lines().enumerate() {
        let label = if number == 0 { "serial" } else { "" };
        out.push_str(&format!("  {label:<10}{}\n", printable(line)));
    }
    out
}

/// The registers, four a line.
fn registers(registers: &[(String, u32)], view: &View) -> String {
    let mut out = String::new();
    for (number, four) in registers.chunks(4).enumerate() {
        let line: Vec<String> = four.iter().map(|(name, value)| format!("{name}={value:#010x}")).collect();
        out.push_str(&view.field(if number == 0 { "registers" } else { "" }, &line.join(" ")));
    }
    out
}

/// A headline of a failure, in bold, indented by two columns.
pub fn headlined(view: &View, text: &str) -> String {
    wrap(text, view.columns() - 2).iter().map(|line| format!("  {}\n", view.paint(STRONG, line))).collect()
}

/// Lines of text, indented by two columns.
pub fn paragraph(view: &View, text: &str) -> String {
    wrap(text, view.columns() - 2).iter().map(|line| format!("  {line}\n")).collect()
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The words of a command as a shell would read them back.
fn shell_words(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+@%".contains(c);
    let quoted: Vec<String> = words
        .iter()
        .map(|word| {
            if !word.is_empty() && word.chars().all(plain) {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        })
        .collect();
    quoted.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_is_named_after_the_function_around_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.rs"), "fn free() {\n    with(|| 1);\n}\n").unwrap();
        let words = |function: &str, file: &str| {
            let source = Some((file.to_owned(), 2));
            let frame = Frame { address: 0, inlined: true, function: Some(function.to_owned()), source };
            called(&frame, folder.path(), &View::default())
        };
        assert_eq!(words("{closure#4}", "a.rs"), "from a.rs:2 free (closure)");
        assert_eq!(words("{closure#0}::{closure#1}", "a.rs"), "from a.rs:2 free (closure)");
        assert_eq!(words("pmm::all::{{closure}}", "a.rs"), "from a.rs:2 pmm::all (closure)");
        assert_eq!(words("edges::copy::{closure#4}", "a.rs"), "from a.rs:2 edges::copy (closure)");
        assert_eq!(words("{closure#4}", "gone.rs"), "from gone.rs:2 a closure");
        assert_eq!(words("Heap::free", "a.rs"), "from a.rs:2 Heap::free");
    }

    #[test]
    fn words_for_a_shell_are_quoted_where_they_must_be() {
        let words = ["qemu", "-append", "nonce=1 check=a", "it's"].map(str::to_owned);
        assert_eq!(shell_words(&words), r"qemu -append 'nonce=1 check=a' 'it'\''s'");
    }
}
