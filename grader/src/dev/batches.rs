//! `cargo grade batch` on a class of the course's own, as its users run it: from another process.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::error::{Error, Result};
use crate::host::process;

/// The grader, to be run on this class with so many jobs.
///
/// # Errors
/// If the grader cannot find itself.
pub fn command(class: &Path, out: &Path, jobs: usize) -> Result<Command> {
    let grader = env::current_exe().map_err(|error| Error::new(format!("cannot find the grader: {error}")))?;
    let mut command = Command::new(grader);
    command.arg("batch").arg(class).arg("--out").arg(out).args(["--no-install", "--color", "never"]);
    command.arg("--jobs").arg(jobs.to_string());
    if !has_bubblewrap() {
        // The class contains only the course's own code.
        command.arg("--unsafe-no-sandbox");
    }
    Ok(command)
}

fn has_bubblewrap() -> bool {
    let mut command = Command::new("bwrap");
    command.args(["--unshare-all", "--ro-bind", "/", "/", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    process::status(&mut command).is_ok_and(|status| status.success())
}
