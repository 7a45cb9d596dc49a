//! Reports: a [`Run`] as text for a person, and as JSON or JUnit XML for programs.
//!
//! A report is a function of the run's results; nothing here decides a verdict.
//! Besides the results, only the kernel image's line tables and the source files
//! are read, to show where a crash happened.

mod brief;
mod callers;
mod crash;
mod details;
mod evidence;
mod explain;
mod file;
mod json;
mod junit;
mod next;
mod page_fault;
mod page_walk;
mod source;
mod steps;
mod symbolize;
mod table;

use std::path::Path;

use crate::host::style::View;
use crate::judge::results::Run;

pub use brief::{Brief, CheckBrief, LabBrief, Standing, brief};
pub use explain::{check as explain_check, explain};
pub use file::{remove_older, try_out, write};
pub use json::escaped;
pub use next::after_full_marks;
pub use page_fault::area;
pub use source::function_at;
pub use symbolize::Images;

/// The whole report for a person: the scores, the failures, and what to do next.
///
/// `root` is the workspace that was graded; names of files are shown relative
/// to it. The text ends in a newline.
pub fn text(run: &Run, root: &Path, view: &View) -> String {
    let images = Images::new(root);
    let mut out = String::new();
    // A lab alone has to fit a screen.
    let rows = if run.labs.len() == 1 && !view.verbose { table::Rows::Folded } else { table::Rows::Each };
    for lab in &run.labs {
        out.push_str(&table::lab(lab, rows, view));
        out.push('\n');
        out.push_str(&details::lab(lab, run, root, &images, view));
    }
    out.push_str(&next::closing(run, view));
    out
}

/// The run as one JSON object, as `grader/JSON.md` describes it. Ends in a newline.
pub fn json(run: &Run, root: &Path) -> String {
    json::render(run, root, &Images::new(root))
}

/// The run as JUnit XML, for the programs that show test results. Ends in a newline.
pub fn junit(run: &Run, root: &Path) -> String {
    junit::render(run, root, &Images::new(root))
}
