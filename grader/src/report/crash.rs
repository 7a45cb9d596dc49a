//! A crash, put together from the kernel's report and the image's line tables.

use std::path::Path;

use crate::judge::results::{CheckReport, Evidence};
use crate::judge::{Crash, Status};

use super::callers;
use super::source;
use super::symbolize::{Frame, Images, is_in_lab, relative};
use super::{page_fault, page_walk};
use crate::host::style::printable;

/// Where a crash happened, and how the processor got there.
pub struct Trace {
    /// All calls, innermost first.
    pub frames: Vec<Frame>,
    /// Where to look: the innermost line in a lab's file, or else the place where
    /// the kernel reports its panic, or else the innermost line that is known.
    pub place: Option<Place>,
    /// The index of the frame in `frames` that `place` is in, if it is in one.
    pub at: Option<usize>,
}

/// A place in a source file.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The file, relative to the workspace.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 1 if it is not known.
    pub column: u32,
}

/// Puts a crash together.
pub fn trace(crash: &Crash, kernel: &Path, root: &Path, images: &Images) -> Trace {
    let frames = images.frames(kernel, &crash.backtrace);
    let panic = crash.panic.as_ref().map(|panic| Place {
        file: relative(&panic.file, root),
        line: panic.line,
        column: panic.column,
    });
    // Without `track_caller` in between, the panic's own location is the best one.
    if let Some(place) = panic.clone().filter(|place| is_in_lab(&place.file)) {
        let at = frames.iter().position(|frame| is_at(frame, &place));
        return Trace { frames, place: Some(place), at };
    }
    if let Some(place) = overflowed(crash, &frames, kernel, root, images) {
        let at = frames.iter().rposition(|frame| Some(&frame.address) == crash.backtrace.first());
        return Trace { frames, place: Some(place), at };
    }
    let in_lab = frames.iter().position(Frame::is_in_lab);
    if let Some(at) = in_lab {
        let place = place_of(&frames[at]);
        return Trace { frames, place, at: Some(at) };
    }
    if let Some(place) = panic {
        let at = frames.iter().position(|frame| is_at(frame, &place));
        return Trace { frames, place: Some(place), at };
    }
    let known = frames.iter().position(|frame| frame.source.is_some());
    let at = frames.iter().position(Frame::is_in_course).or(known);
    let place = at.and_then(|at| place_of(&frames[at]));
    Trace { frames, place, at }
}

/// The beginning of a lab's function whose variables were too large for the stack. If the compiler inlined the
/// function into the kernel's function that calls it, the processor does not reach any line of the lab.
fn overflowed(crash: &Crash, frames: &[Frame], kernel: &Path, root: &Path, images: &Images) -> Option<Place> {
    let address = *crash.backtrace.first().filter(|_| crash.kind == "stack-overflow")?;
    if frames.iter().any(|frame| frame.address == address && frame.is_in_lab()) {
        return None;
    }
    let (file, line) = images.inlined_lab_function(kernel, address)?.source?;
    let line = source::beginning_of_function(root, &file, line).unwrap_or(line);
    Some(Place { file, line, column: 1 })
}

fn is_at(frame: &Frame, place: &Place) -> bool {
    frame.source.as_ref().is_some_and(|(file, line)| *file == place.file && *line == place.line)
}

fn place_of(frame: &Frame) -> Option<Place> {
    frame.source.clone().map(|(file, line)| Place { file, line, column: 1 })
}

impl Trace {
    /// The calls that lead to [`place`](Self::place), innermost first: the calls in the
    /// lab's files, up to the check that called them. With `everything`, all calls. If
    /// none is in a lab or check, the calls in the course.
    pub fn callers(&self, everything: bool) -> Vec<Frame> {
        let outer = match self.at {
            Some(at) => &self.frames[at + 1..],
            None => &self.frames[..],
        };
        let told = callers::told(outer);
        if everything {
            self.frames.clone()
        } else if told.is_empty() && self.place.as_ref().is_none_or(|place| !is_in_lab(&place.file)) {
            outer.iter().filter(|frame| frame.is_in_course()).cloned().collect()
        } else {
            told
        }
    }
}

/// One line about a crash: `page fault: write to 0x0000_0004, not mapped, from the kernel`.
pub fn headline(crash: &Crash) -> String {
    if let Some(exception) = &crash.exception {
        return match (exception.vector, exception.cr2) {
            (14, Some(cr2)) if crash.kind == "stack-overflow" => {
                format!("stack overflow: the kernel's stack ran into its guard page at {}", page_fault::address(cr2))
            }
            (14, Some(cr2)) => page_fault::words(exception.error_code, cr2),
            _ if crash.kind == "stack-overflow" => "stack overflow: the kernel's stack is used up".to_owned(),
            (_, _) if exception.error_code != 0 => {
                format!("{} (exception {}, error code {:#x})", exception.name, exception.vector, exception.error_code)
            }
            _ => format!("{} (exception {})", exception.name, exception.vector),
        };
    }
    if let Some(panic) = &crash.panic {
        return format!("panicked: {}", panic.message);
    }
    match crash.kind.as_str() {
        "stack-overflow" => "stack overflow: the kernel's stack is used up".to_owned(),
        "triple-fault" => "triple fault: the processor could not even report what went wrong".to_owned(),
        kind => kind.to_owned(),
    }
}

/// For a page fault: the entries of the page tables for the address, in words.
pub fn walk(crash: &Crash) -> Option<String> {
    let exception = crash.exception.as_ref()?;
    Some(page_walk::words(exception.walk.as_ref()?, exception.error_code, exception.cr2?))
}

/// The file and line of the `todo!()` that was reached.
pub fn missing_at(check: &CheckReport, root: &Path) -> Option<(String, u32)> {
    let panic = check.evidence.as_ref()?.findings.crash.as_ref()?.panic.as_ref()?;
    (check.status == Status::NotStarted).then(|| (relative(&panic.file, root), panic.line))
}

/// The step that is still to be written, in the words of the `todo!()` that was reached.
pub fn missing(check: &CheckReport) -> Option<String> {
    let panic = check.evidence.as_ref()?.findings.crash.as_ref()?.panic.as_ref()?;
    let words = panic.message.strip_prefix("not yet implemented: ").unwrap_or("a todo!()").lines().next()?;
    (check.status == Status::NotStarted).then(|| printable(words))
}

/// An explanation, as a teacher would give it: why such a crash happens.
pub fn explanation(crash: &Crash, evidence: &Evidence) -> Option<String> {
    if crash.kind == "stack-overflow" {
        return Some("a function that calls itself without end, or a large array in a local variable".to_owned());
    }
    if crash.kind == "triple-fault" {
        return Some(
            "a fault happened while the processor looked for the handler of another one: the page tables, \
             the descriptor tables or the stack are gone"
                .to_owned(),
        );
    }
    let exception = crash.exception.as_ref()?;
    match (exception.vector, exception.cr2) {
        (14, Some(cr2)) => page_fault::place(cr2, page_fault::bytes(&evidence.memory)),
        (0, _) => Some("a division by zero, or a quotient that does not fit".to_owned()),
        (6, _) => Some(
            "the processor met bytes that are no instruction: a jump to a wrong address, or code \
             that the compiler was told cannot be reached"
                .to_owned(),
        ),
        (13, _) => Some("the processor refused an instruction or a selector that is not allowed here".to_owned()),
        _ => None,
    }
}

/// The kind and place of a crash: two crashes with the same ones count as the same. `None` if that is not known.
pub fn likeness(crash: &Crash, kernel: &Path, root: &Path, images: &Images) -> Option<(String, Place)> {
    let kind = match (&crash.exception, &crash.panic) {
        (Some(exception), _) => format!("{} {}", crash.kind, exception.vector),
        _ => crash.kind.clone(),
    };
    trace(crash, kernel, root, images).place.map(|place| (kind, place))
}
