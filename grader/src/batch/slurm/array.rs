//! A job array: `sbatch` submits it, `squeue` says whether it runs, `scancel` ends it.

use std::cell::Cell;
use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use rustix::process::Signal;

use crate::host::error::{Error, Result};
use crate::host::path::on_path;
use crate::host::process::{self, Process};
use crate::host::progress::Progress;
use crate::host::style;

/// The subcommand that makes this program a task of an array.
const WORD: &str = "__slice";

/// The answer of `squeue` about an array that ended a while ago.
const FORGOTTEN: &str = "Invalid job id";

/// Waits for a line. If none comes, because the process that should write it has ended, even by SIGKILL, it cancels the
/// array. It ignores signals: they are for the writer.
const GUARD: &str = r#"trap '' INT TERM HUP; read -r line || exec "$0" "$1""#;

/// The path of one of Slurm's programs.
///
/// # Errors
/// If it is not installed.
pub fn program(name: &str) -> Result<PathBuf> {
    on_path(name).ok_or_else(|| {
        Error::new(format!("there is no `{name}` here"))
            .advise("submit from a computer of the cluster that has Slurm's commands, or leave out `--engine slurm`")
    })
}

/// The file that a task of the array prints to; for `sbatch`, `%a` stands for the task's number.
pub fn log_name(number: impl Display) -> String {
    format!("{number}.log")
}

/// The script that each task of an array runs.
pub struct Script {
    folder: PathBuf,
    path: PathBuf,
}

impl Script {
    /// Writes the script to the array's folder: it runs the grader in the course, with this target folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(folder: &Path, grader: &Path, course: &Path, target: &Path) -> Result<Self> {
        let folder = folder.canonicalize().map_err(|error| Error::io("cannot read", folder, &error))?;
        let path = folder.join("task.sh");
        let text = format!(
            "#!/bin/sh\ncd {} || exit 2\nCARGO_TARGET_DIR={}\nexport CARGO_TARGET_DIR\n\
             exec {} {WORD} {} \"$SLURM_ARRAY_TASK_ID\" --no-install --color never\n",
            quoted(course)?,
            quoted(target)?,
            quoted(grader)?,
            quoted(&folder)?,
        );
        fs::write(&path, text).map_err(|error| Error::io("cannot write", &path, &error))?;
        Ok(Self { folder, path })
    }
}

/// A path as a quoted word for the shell.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::new(format!("the name of {} is not UTF-8", path.display())).advise("rename it, or grade it locally")
    })?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// The state of an array, according to Slurm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// A task of it runs or waits, or Slurm does not answer.
    Runs,
    /// All of its tasks have ended.
    HasEnded,
}

/// A submitted array. If it is dropped, or this process ends, it is cancelled.
pub struct Array {
    job: String,
    squeue: PathBuf,
    guard: Process,
    line: Option<ChildStdin>,
    /// Whether Slurm has answered the last question.
    answers: Cell<bool>,
}

impl Array {
    /// Submits an array of `count` tasks, which print to the script's folder.
    ///
    /// # Errors
    /// If Slurm does not take it.
    pub fn submit(script: &Script, count: usize, options: &[String]) -> Result<Self> {
        let (sbatch, squeue, scancel) = (program("sbatch")?, program("squeue")?, program("scancel")?);
        let mut command = Command::new(&sbatch);
        command.args(["--parsable", "--job-name=folio-grade", "--no-requeue", "--ntasks=1"]);
        command.arg(format!("--array=0-{}", count.saturating_sub(1)));
        // Relative to the folder, since Slurm replaces `%` in paths.
        let mut folder = std::ffi::OsString::from("--chdir=");
        folder.push(&script.folder);
        command.arg(folder).arg(format!("--output={}", log_name("%a")));
        command.args(options).arg(&script.path).current_dir(&script.folder);
        let output = process::output(&mut command).map_err(|error| Error::io("cannot start", &sbatch, &error))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let job = said.lines().last().and_then(job_of);
        let (true, Some(job)) = (output.status.success(), job) else {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::new("Slurm does not take the array")
                .advise("give `sbatch` what the cluster asks for, such as --slurm-option=--partition=NAME; it says")
                .output(words));
        };
        let mut command = Command::new("sh");
        command.args(["-c", GUARD]).arg(scancel).arg(&job);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut guard = Process::spawn(&mut command, Signal::TERM)
            .map_err(|error| Error::io("cannot start", Path::new("sh"), &error))?;
        let line = guard.stdin();
        Ok(Self { job, squeue, guard, line, answers: Cell::new(true) })
    }

    /// Asks Slurm for the array's state.
    ///
    /// # Errors
    /// If `squeue` cannot be started.
    pub fn state(&self, progress: &Progress) -> Result<State> {
        let mut command = Command::new(&self.squeue);
        command.args(["--noheader", "--format=%t", "--jobs", &self.job]).env("LC_ALL", "C");
        let output = process::output(&mut command).map_err(|error| Error::io("cannot start", &self.squeue, &error))?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let has_none = output.status.success() && output.stdout.iter().all(u8::is_ascii_whitespace);
        if has_none || words.contains(FORGOTTEN) {
            return Ok(State::HasEnded);
        }
        let answered_before = self.answers.replace(output.status.success());
        if answered_before && !output.status.success() {
            // The controller may be restarting; the array continues.
            let line = words.lines().next().unwrap_or("it does not answer");
            progress.note(&format!("Slurm says: {}; waiting", style::printable(line)));
        }
        Ok(State::Runs)
    }

    /// The array has ended, or its results are complete: do not cancel it.
    pub fn finish(mut self) {
        if let Some(line) = &mut self.line {
            // If the guard has ended, nothing is cancelled either.
            let _ = line.write_all(b"done\n");
        }
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        drop(self.line.take());
        // It now ends by itself.
        let _ = self.guard.wait();
    }
}

/// The number in what `sbatch --parsable` prints: `7` or `7;CLUSTER`.
fn job_of(line: &str) -> Option<String> {
    let number = line.split(';').next()?.trim();
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_job_is_read() {
        assert_eq!(job_of("71"), Some("71".to_owned()));
        assert_eq!(job_of("71;big"), Some("71".to_owned()));
        assert_eq!(job_of("").or(job_of("Submitted batch job 71")), None);
    }

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        let odd = "a b'c$(d)\"e\\";
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("printf %s {}", quoted(Path::new(odd)).unwrap()));
        assert_eq!(process::output(&mut command).unwrap().stdout, odd.as_bytes());
    }
}
