//! A lab's host tests: with the reference all pass; with the skeleton all fail, and
//! only because a `todo!()` is reached.

use std::env;
use std::path::Path;
use std::process::{Command, Output};

use crate::host::error::{Error, Result};
use crate::host::process;

/// The outcome of one run of a lab's host tests.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// How many tests passed.
    pub passed: usize,
    /// The names of those that failed because they reached a `todo!()`.
    pub not_started: Vec<String>,
    /// The names of those that failed otherwise, and their messages.
    pub failed: Vec<(String, String)>,
    /// The compiler's errors, if the tests do not compile.
    pub build_error: Option<String>,
}

/// The files that are tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tested {
    /// The student's files.
    Student,
    /// The files in the place of the reference: the reference itself, or another implementation.
    InPlaceOfReference,
}

impl Tested {
    /// The arguments of cargo that choose them.
    pub fn features(self) -> &'static [&'static str] {
        match self {
            Self::Student => &[],
            Self::InPlaceOfReference => &["--features", "solution"],
        }
    }
}

/// Runs the host tests of a package in the course at `root`.
///
/// # Errors
/// If cargo cannot be run.
pub fn run(root: &Path, target: &Path, package: &str, tested: Tested) -> Result<Outcome> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["test", "--package", package, "--no-fail-fast", "--color=never", "--target-dir"]).arg(target);
    command.args(tested.features());
    command
        .current_dir(root)
        // An expected failure must leave no file behind.
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
        .env("RUST_BACKTRACE", "0");
    let output = process::output(&mut command).map_err(|error| Error::io("cannot start", Path::new(&cargo), &error))?;
    Ok(outcome_of(&output))
}

/// The outcome of a `cargo test` with this output.
pub fn outcome_of(output: &Output) -> Outcome {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut outcome = read(&text);
    let ran = text.contains("test result: ");
    if !output.status.success() && (!ran || outcome.not_started.is_empty() && outcome.failed.is_empty()) {
        outcome.build_error = Some(String::from_utf8_lossy(&output.stderr).trim_end().to_owned());
    }
    outcome
}

/// Parses the output of `cargo test`.
fn read(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines() {
        let Some(test) = line.strip_prefix("test ") else { continue };
        if test.ends_with(" ... ok") {
            outcome.passed += 1;
        } else if let Some(name) = test.strip_suffix(" ... FAILED") {
            let said = section(text, name);
            if said.contains("not yet implemented") {
                outcome.not_started.push(name.to_owned());
            } else {
                outcome.failed.push((name.to_owned(), said.to_owned()));
            }
        }
    }
    outcome
}

/// The output of a failed test.
fn section<'a>(text: &'a str, name: &str) -> &'a str {
    let heading = format!("---- {} stdout ----\n", name.strip_suffix(" - should panic").unwrap_or(name));
    let Some(start) = text.find(&heading).map(|at| at + heading.len()) else { return "" };
    let rest = &text[start..];
    let end = ["\n---- ", "\nfailures:\n"].into_iter().filter_map(|end| rest.find(end)).min();
    rest[..end.unwrap_or(rest.len())].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
running 3 tests
test fine ... ok
test todo ... FAILED
test wrong ... FAILED

failures:

---- todo stdout ----

thread 'todo' panicked at labs/01-pmm/src/bitmap.rs:10:9:
not yet implemented

---- wrong stdout ----

thread 'wrong' panicked at labs/01-pmm/tests/contract.rs:10:9:
assertion failed: false


failures:
    todo
    wrong

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn a_todo_is_told_from_another_failure() {
        let outcome = read(TEXT);
        assert_eq!(outcome.passed, 1);
        assert_eq!(outcome.not_started, ["todo"]);
        assert_eq!(outcome.failed.len(), 1);
        assert!(outcome.failed[0].1.ends_with("assertion failed: false"), "{:?}", outcome.failed);
    }
}
