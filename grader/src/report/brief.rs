//! A summary of a run, for `cargo grade watch`: how each check stands, and which check of each lab to look at first.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::host::style::View;
use crate::judge::Status;
use crate::judge::results::{CheckReport, LabReport, Run};

use super::symbolize::Images;
use super::{crash, details, next, table};

/// A run in short.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Brief {
    /// The labs, in the course's order.
    pub labs: Vec<LabBrief>,
    /// How long the run took, in seconds.
    pub seconds: f64,
}

/// The summary of a lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LabBrief {
    /// The folder's name.
    pub id: String,
    /// Whether the lab was built.
    pub is_built: bool,
    /// The checks that were run, in `lab.toml`'s order.
    pub checks: Vec<CheckBrief>,
    /// The check to look at first: one that does not pass.
    pub first: Option<String>,
    /// The details of that check, or the compiler's errors.
    pub text: String,
}

/// The summary of a check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckBrief {
    /// The name.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
    /// The verdict in a few words.
    pub words: String,
}

/// How a check stands, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Standing {
    /// It does not pass, or its lab does not build.
    Wrong,
    /// A `todo!()` was reached.
    NotStarted,
    /// It passes, or the machine lacks what it is about.
    Passed,
}

impl Standing {
    /// How a check with this verdict stands.
    pub fn of(status: Status) -> Self {
        match status {
            // A check that the machine cannot try is not wrong either.
            status if status.is_fine() => Self::Passed,
            Status::NotStarted => Self::NotStarted,
            _ => Self::Wrong,
        }
    }
}

/// Summarizes a run. Texts are laid out for the view.
pub fn brief(run: &Run, root: &Path, view: &View) -> Brief {
    let images = Images::new(root);
    let labs = run.labs.iter().map(|lab| of_lab(lab, run, root, &images, view)).collect();
    Brief { labs, seconds: run.elapsed.as_secs_f64() }
}

fn of_lab(lab: &LabReport, run: &Run, root: &Path, images: &Images, view: &View) -> LabBrief {
    let first = |standing| lab.checks.iter().find(|check| Standing::of(check.status) == standing);
    // Wrong code is more urgent than missing code.
    let first = first(Standing::Wrong).or_else(|| first(Standing::NotStarted));
    let is_begun = lab.checks.iter().any(|check| check.status != Status::NotStarted);
    let text = match first {
        _ if lab.build_error.is_some() => details::lab(lab, run, root, images, view),
        Some(_) if !is_begun => next::first_steps(lab, run, root, view),
        Some(check) => details::check(check, lab, run, root, images, view),
        None => String::new(),
    };
    LabBrief {
        id: lab.id.clone(),
        is_built: lab.build_error.is_none(),
        checks: lab.checks.iter().map(of_check).collect(),
        first: first.map(|check| check.name.clone()),
        text,
    }
}

fn of_check(check: &CheckReport) -> CheckBrief {
    let words = match crash::missing(check) {
        Some(step) => format!("{}: {step}", table::verdict(check)),
        None => table::verdict(check),
    };
    CheckBrief { name: check.name.clone(), standing: Standing::of(check.status), words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::samples;

    fn told(change: impl FnOnce(&mut Run)) -> LabBrief {
        let mut run = samples::run();
        change(&mut run);
        brief(&run, Path::new("/nowhere"), &View::default()).labs.remove(0)
    }

    #[test]
    fn what_is_wrong_comes_before_what_is_missing() {
        let lab = told(|_| ());
        assert_eq!(lab.first.as_deref(), Some("never-twice"));
        assert!(lab.text.contains("expected  a frame that nobody has"), "{}", lab.text);
        let words: Vec<&str> = lab.checks.iter().map(|check| check.words.as_str()).collect();
        assert_eq!(words, ["passed", "failed", "page fault", "not started: step 5: hand out a frame"]);
        let lab = told(|run| drop(run.labs[0].checks.drain(1..3)));
        assert_eq!(lab.first.as_deref(), Some("exhaustion"));
    }

    #[test]
    fn of_a_lab_that_is_done_there_is_nothing_to_look_at() {
        let lab = told(|run| run.labs[0].checks.truncate(1));
        assert_eq!((lab.first, lab.text), (None, String::new()));
    }

    #[test]
    fn what_the_compiler_said_stands_for_all_checks() {
        let lab = told(|run| run.labs[0].build_error = Some("error[E0308]: mismatched types\n".to_owned()));
        assert!(!lab.is_built && lab.text.starts_with("error[E0308]"), "{}", lab.text);
    }
}
