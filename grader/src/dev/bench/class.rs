//! How fast a class is graded: one job at a time, and one for each processor.

use std::path::Path;

use comfy_table::Table;
use serde::Serialize;

use crate::course::workspace::Workspace;
use crate::dev::{batches, class};
use crate::host::error::{Error, Result};
use crate::host::process;
use crate::host::progress::Progress;
use crate::judge::processors;
use crate::peers::table::{align, plain_table};

/// How many submissions are graded.
const SUBMISSIONS: u32 = 200;

/// How fast a class was graded.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Rate {
    /// What each submission has.
    pub each: &'static str,
    pub jobs: usize,
    pub submissions: u32,
    /// Labs that were built and booted; those with the same files once.
    pub labs: u32,
    pub seconds: f64,
    pub submissions_a_minute: f64,
    pub labs_a_minute: f64,
    /// What the time went into, in percent.
    pub compiling: f64,
    pub booting: f64,
    pub rest: f64,
}

/// Grades a class with one lab in each submission, with one job and with one for each processor.
///
/// # Errors
/// If the class cannot be written or graded.
pub fn measure(workspace: &Workspace, progress: &Progress) -> Result<Vec<Rate>> {
    let folder = tempfile::tempdir().map_err(|error| Error::new(format!("cannot create a folder: {error}")))?;
    let place = |name: &str| folder.path().join(name);
    let (submissions, each) = (SUBMISSIONS, class::Each::OneLab);
    class::write(workspace, &class::Options { folder: place("class"), labs: Vec::new(), submissions, each })?;
    // The first batch of a course builds what all later ones share: it is not measured.
    let few = class::Options { folder: place("few"), labs: Vec::new(), submissions: 40, each };
    class::write(workspace, &few)?;
    progress.start("Grading a small class, to build what all have in common");
    graded(&place("few"), &place("few-results"), processors())?;
    let mut all: Vec<usize> = vec![1, processors()];
    all.dedup();
    let mut rates = Vec::new();
    for jobs in all {
        progress.start(&format!("Grading {submissions} submissions, --jobs {jobs}"));
        let said = graded(&place("class"), &place(&format!("results-{jobs}")), jobs)?;
        let rate = rate(&said, jobs).ok_or_else(|| Error::new("the batch did not say how fast it was").output(said))?;
        rates.push(rate);
    }
    Ok(rates)
}

/// Grades a class, and returns what the batch printed.
fn graded(class: &Path, out: &Path, jobs: usize) -> Result<String> {
    let output = process::output(&mut batches::command(class, out, jobs)?)
        .map_err(|error| Error::new(format!("cannot grade: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        let words = text(&output.stdout) + &text(&output.stderr);
        return Err(Error::new("the class was not graded")
            .advise("try the same on a class of `cargo grade dev class`")
            .output(words));
    }
    Ok(text(&output.stdout))
}

/// The figures in a batch's last line.
fn rate(said: &str, jobs: usize) -> Option<Rate> {
    let line = said.lines().rfind(|line| line.contains(" submissions a minute; "))?;
    let words = line.split(|letter: char| letter.is_whitespace() || ",:;%".contains(letter));
    let numbers: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
    let [labs, submissions, seconds, labs_a_minute, submissions_a_minute, compiling, booting, rest] = numbers[..]
    else {
        return None;
    };
    let (labs, submissions, each) = (labs as u32, submissions as u32, "one lab");
    Some(Rate { each, jobs, submissions, labs, seconds, submissions_a_minute, labs_a_minute, compiling, booting, rest })
}

/// The rates as a table; none if there are none.
pub fn table(rates: &[Rate]) -> Option<(String, Table)> {
    let first = rates.first()?;
    let mut table =
        plain_table(&["jobs", "submissions a minute", "labs a minute", "time", "compiling", "booting", "rest"]);
    for rate in rates {
        let percent = |share: f64| format!("{share:.0} %");
        table.add_row([
            rate.jobs.to_string(),
            format!("{:.1}", rate.submissions_a_minute),
            format!("{:.1}", rate.labs_a_minute),
            format!("{:.0} s", rate.seconds),
            percent(rate.compiling),
            percent(rate.booting),
            percent(rate.rest),
        ]);
    }
    align(&mut table, 6);
    Some((format!("A class of {}, {} in each submission", first.submissions, first.each), table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_s_last_line_is_understood() {
        let said = "name status\n\n163 labs of 200 submissions graded in 250 s: 39.1 a minute, 48.0 submissions a minute; \
                    28 % compiling, 69 % booting, 3 % the rest\n";
        let rate = rate(said, 2).unwrap();
        assert_eq!((rate.jobs, rate.labs, rate.submissions, rate.seconds), (2, 163, 200, 250.0));
        assert_eq!((rate.labs_a_minute, rate.submissions_a_minute), (39.1, 48.0));
        assert_eq!((rate.compiling, rate.booting, rate.rest), (28.0, 69.0, 3.0));
        assert_eq!(super::rate("nothing was graded\n", 2), None);
        let (title, table) = table(&[rate]).unwrap();
        assert_eq!(title, "A class of 200, one lab in each submission");
        assert!(table.to_string().contains("48.0"), "{table}");
    }
}
