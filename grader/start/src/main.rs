//! What `cargo grade` runs: builds the grader, and becomes it.
//!
//! `cargo run --quiet` would say nothing while it builds, which takes minutes the first time,
//! and without `--quiet` it would say something every time. This program needs no other crate,
//! so it is there within a second. It shows what cargo builds, and every other word of cargo's.
#![forbid(unsafe_code)]

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// As everywhere in the grader: nothing could be said about the checks.
const COULD_NOT_RUN: u8 = 2;

/// What cargo says of its own progress, each at the beginning of a line.
const STEPS: [&str; 10] = [
    "Updating",
    "Locking",
    "Adding",
    "Downloading",
    "Downloaded",
    "Compiling",
    "Checking",
    "Fresh",
    "Dirty",
    "Finished",
];

fn main() -> ExitCode {
    let complaint = match build() {
        Ok(()) => {
            let error = Command::new(grader()).args(env::args_os().skip(1)).exec();
            format!("cannot start {}: {error}", grader().display())
        }
        Err(complaint) => complaint,
    };
    // Nobody listens: nothing to do about it.
    let _ = writeln!(io::stderr(), "error: {complaint}");
    ExitCode::from(COULD_NOT_RUN)
}

/// The grader's program, which cargo puts beside this one.
fn grader() -> PathBuf {
    env::current_exe().ok().and_then(|program| Some(program.parent()?.join("grade"))).unwrap_or_else(|| "grade".into())
}

/// Builds the grader, if anything in it has changed.
fn build() -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(&cargo);
    command.args(["build", "--package", "grader", "--bin", "grade"]);
    // Where this was started for another folder than the one that it is in.
    if let Some(course) = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) {
        command.arg("--manifest-path").arg(course.join("../../Cargo.toml"));
    }
    let terminal = io::stderr().is_terminal();
    command.arg(if terminal { "--color=always" } else { "--color=auto" });
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let cannot = |error: &io::Error| format!("cannot run {}: {error}", Path::new(&cargo).display());
    #[allow(clippy::disallowed_methods, reason = "the grader's own rule is for processes that it has to end")]
    let mut cargo = command.spawn().map_err(|error| cannot(&error))?;
    if let Some(said) = cargo.stderr.take() {
        // Nobody listens: nothing to do about it.
        let _ = tell(said, &mut io::stderr(), terminal);
    }
    let status = cargo.wait().map_err(|error| cannot(&error))?;
    if status.success() { Ok(()) } else { Err(format!("the grader could not be built: cargo ended with {status}")) }
}

/// Passes on what cargo says: what it is building as one line, the last of a terminal, and all else as it is.
fn tell(said: impl Read, to: &mut impl Write, terminal: bool) -> io::Result<()> {
    let mut steps = 0;
    for line in BufReader::new(said).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        match step(&line) {
            Some(("Finished", _)) => {}
            Some((word, what)) => {
                steps += 1;
                if terminal {
                    write!(to, "\r\u{1b}[KBuilding the grader: {steps} steps so far, {} {what}", word.to_lowercase())?;
                } else if steps == 1 {
                    writeln!(to, "Building the grader, which takes a minute the first time …")?;
                }
                to.flush()?;
            }
            None => {
                clear(to, terminal && steps > 0)?;
                writeln!(to, "{line}")?;
            }
        }
    }
    clear(to, terminal && steps > 0)
}

/// Takes the last line of a terminal away, if there is one.
fn clear(to: &mut impl Write, shown: bool) -> io::Result<()> {
    if shown { write!(to, "\r\u{1b}[K") } else { Ok(()) }
}

/// The first word of a line about cargo's progress, and a package or what else comes next.
fn step(line: &str) -> Option<(&'static str, String)> {
    let plain = without_colour(line);
    let mut words = plain.split_whitespace();
    let first = words.next()?;
    let word = STEPS.into_iter().find(|step| *step == first)?;
    Some((word, words.next().unwrap_or_default().to_owned()))
}

/// A line without escape sequences for colour: from an escape to the letter that ends it.
fn without_colour(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, after)| after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "   Compiling serde v1.0.229\n   Compiling grader v0.1.0 (/course/grader)\n\
        warning: unused variable\n    Finished `dev` profile in 1.2s\n";

    fn told(said: &str, terminal: bool) -> String {
        let mut text = Vec::new();
        tell(said.as_bytes(), &mut text, terminal).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_build_is_told_once_where_nobody_watches_and_every_other_word_is_passed_on() {
        let text = told(SAID, false);
        assert_eq!(text, "Building the grader, which takes a minute the first time …\nwarning: unused variable\n");
        assert_eq!(told("    Finished `dev` profile in 0.0s\n", false), "");
        assert_eq!(told("error: rustc was killed\n", false), "error: rustc was killed\n");
    }

    #[test]
    fn on_a_terminal_each_step_is_shown_and_nothing_of_it_stays() {
        let text = told(SAID, true);
        assert!(text.contains("\r\u{1b}[KBuilding the grader: 2 steps so far, compiling grader"), "{text}");
        assert!(text.contains("\r\u{1b}[Kwarning: unused variable\n"), "{text}");
        assert!(text.ends_with("\r\u{1b}[K"), "{text}");
        // Nothing was built: nothing is said.
        assert_eq!(told("    Finished `dev` profile in 0.0s\n", true), "");
    }

    #[test]
    fn steps_are_known_in_colour_too() {
        assert_eq!(step("\u{1b}[1m\u{1b}[92m   Compiling\u{1b}[0m serde v1"), Some(("Compiling", "serde".to_owned())));
        assert_eq!(step("\u{1b}[1m\u{1b}[91merror\u{1b}[0m: x"), None);
        assert_eq!(step(""), None);
    }
}
