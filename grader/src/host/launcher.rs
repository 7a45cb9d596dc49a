//! What stands between the grader and an emulator: `grade __machine`.
//!
//! The grader does not start the emulator itself but this program again, which
//! sets limits that the operating system keeps and then becomes the emulator.
//! So an emulator ends when its processor time is used up, and when the grader
//! dies, even of a SIGKILL; and all this without `unsafe`.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, Rlimit, getppid, setrlimit};

use crate::host::exit;

/// The first argument that makes this program become an emulator.
pub const WORD: &str = "__machine";

/// A command that runs `program` with at most that many seconds of processor time.
///
/// `launcher` is the grader's own program; without one, nothing limits the emulator.
pub fn command(launcher: Option<&Path>, seconds: u64, program: &Path) -> Command {
    let Some(launcher) = launcher else { return Command::new(program) };
    let mut command = Command::new(launcher);
    command.arg(WORD).arg(seconds.to_string()).arg(std::process::id().to_string()).arg(program);
    command
}

/// The program that [`command`] can use: this one, unless it is a test.
pub fn launcher() -> Option<PathBuf> {
    env::current_exe().ok().filter(|program| program.file_stem().is_some_and(|stem| stem == "grade"))
}

/// Becomes the emulator, if the arguments ask for it. Returns only if they do
/// not, or if it cannot be started: then with the exit status.
pub fn become_one(mut arguments: impl Iterator<Item = OsString>) -> Option<u8> {
    if arguments.next()? != WORD {
        return None;
    }
    let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
    let (seconds, parent) = (number()?, number()?);
    let program = arguments.next()?;
    let error = match limit(seconds, parent) {
        Ok(()) => Command::new(&program).args(arguments).exec(),
        Err(error) => error,
    };
    eprintln!("{}: {error}", Path::new(&program).display());
    Some(exit::NOT_LAUNCHED)
}

fn limit(seconds: u64, parent: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // The grader may have died before that took effect.
    let is_mine = getppid().is_some_and(|pid| u64::try_from(pid.as_raw_nonzero().get()).is_ok_and(|pid| pid == parent));
    if !is_mine {
        return Err(io::Error::other("the grader is gone"));
    }
    // SIGXCPU at the limit, SIGKILL two seconds later.
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds + 2) })?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}
