//! The launcher, `grade __child`: it stands between the grader and a program that the grader runs.
//!
//! The grader does not start an emulator or a compiler directly. It starts this program again,
//! which sets limits that the operating system enforces, and then becomes the emulator or compiler.
//! So that program ends when its processor time is used up, and when the grader dies, even of a
//! SIGKILL. All this needs no `unsafe`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use rustix::process::{Pid, Resource, Rlimit, getppid, getrlimit, setrlimit};

use crate::host::error::{Error, Result};
use crate::host::exit;

/// The name of the grader's program.
const NAME: &str = "grade";

/// The first argument that makes this program the launcher.
const WORD: &str = "__child";

/// The limits of a process, which each process that it starts inherits. `None`: no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Seconds of processor time.
    pub processor: Option<u64>,
    /// Bytes of memory that the process does not share, where the operating system counts them: on Linux.
    pub memory: Option<u64>,
    /// Bytes of the largest file that it writes.
    pub file: Option<u64>,
}

impl Limits {
    /// A limit of processor time alone.
    pub fn seconds(seconds: u64) -> Self {
        Self { processor: Some(seconds), ..Self::default() }
    }

    /// Sets the limits for this process.
    ///
    /// # Errors
    /// If the operating system refuses one.
    fn set(self) -> io::Result<()> {
        lower(Resource::Core, 0, 0)?;
        if let Some(seconds) = self.processor {
            // SIGXCPU at the limit, SIGKILL two seconds later.
            lower(Resource::Cpu, seconds, seconds + 2)?;
        }
        #[cfg(target_os = "linux")]
        if let Some(bytes) = self.memory {
            lower(Resource::Data, bytes, bytes)?;
        }
        if let Some(bytes) = self.file {
            lower(Resource::Fsize, bytes, bytes)?;
        }
        Ok(())
    }

    /// As [`parse`](Self::parse) reads them.
    fn words(self) -> [String; 3] {
        [self.processor, self.memory, self.file]
            .map(|limit| limit.map_or_else(|| "-".into(), |limit| limit.to_string()))
    }

    fn parse(words: [OsString; 3]) -> Option<Self> {
        let mut limits = [None; 3];
        for (limit, word) in limits.iter_mut().zip(&words) {
            if word != "-" {
                *limit = Some(word.to_str()?.parse().ok()?);
            }
        }
        let [processor, memory, file] = limits;
        Some(Self { processor, memory, file })
    }
}

/// Sets a limit, unless a lower one is set already.
fn lower(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let least = |set: Option<u64>, limit: u64| Some(set.map_or(limit, |set| set.min(limit)));
    let set = getrlimit(resource);
    let limit = Rlimit { current: least(set.current, current), maximum: least(set.maximum, maximum) };
    Ok(setrlimit(resource, limit)?)
}

/// A command that runs `program` within these limits, and ends it when the grader ends.
///
/// `launcher` is the grader's own program; without it, `program` has no limits.
pub fn command(launcher: Option<&Path>, limits: Limits, program: &Path) -> Command {
    child_of(&std::process::id().to_string(), launcher, limits, program)
}

/// As [`command`], for a shell that becomes this command: `program` ends when the process that started the shell
/// ends.
pub fn command_of_shell(launcher: Option<&Path>, limits: Limits, program: &Path) -> Command {
    child_of(SHELL_S_PARENT, launcher, limits, program)
}

/// The word that a shell replaces by the number of the process that started it.
pub const SHELL_S_PARENT: &str = "$PPID";

fn child_of(parent: &str, launcher: Option<&Path>, limits: Limits, program: &Path) -> Command {
    let Some(launcher) = launcher else { return Command::new(program) };
    let mut command = Command::new(launcher);
    command.arg(WORD).arg(parent).args(limits.words()).arg(program);
    command
}

/// The launcher for [`command`]: this program, unless it is a test.
pub fn launcher() -> Option<PathBuf> {
    this_program().filter(|program| program.file_stem().is_some_and(|stem| stem == NAME))
}

/// The file from which this program was started. It is looked up once: on Linux the system gives it another name
/// as soon as the file is replaced, and without its name nothing would have limits.
fn this_program() -> Option<PathBuf> {
    static PROGRAM: LazyLock<Option<PathBuf>> = LazyLock::new(|| env::current_exe().ok());
    PROGRAM.clone()
}

/// Copies this program into a folder, where nobody replaces it, and returns its place there.
///
/// # Errors
/// If it cannot be copied.
pub fn copy_self(folder: &Path) -> Result<PathBuf> {
    // What runs, and not what may have replaced it.
    let running = Path::new("/proc/self/exe");
    let from = if running.exists() { Some(running.to_owned()) } else { this_program() };
    let from = from.ok_or_else(|| Error::new("the grader cannot find its own program"))?;
    let (unfinished, to) = (folder.join(format!("{NAME}.new")), folder.join(NAME));
    fs::copy(from, &unfinished)
        .and_then(|_| fs::rename(&unfinished, &to))
        .map_err(|error| Error::io("cannot write", &to, &error))?;
    Ok(to)
}

/// Becomes another program, if the arguments ask for it. Returns `None` if they do
/// not, and the exit status if the program cannot be started.
pub fn become_one(mut arguments: impl Iterator<Item = OsString>) -> Option<u8> {
    if arguments.next()? != WORD {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse::<u64>().ok()?;
    let limits = Limits::parse([arguments.next()?, arguments.next()?, arguments.next()?])?;
    let program = arguments.next()?;
    // The grader may have died before its death could be told.
    let is_mine = || getppid().is_some_and(|pid| number(pid) == Some(parent));
    Some(become_program(&program, arguments, limits, is_mine))
}

/// Becomes a program that ends with its parent. Returns the exit status, and only if the program
/// cannot be started.
///
/// `is_wanted` tells whether the process that started this one is still there.
pub fn become_program(
    program: &OsStr,
    arguments: impl Iterator<Item = OsString>,
    limits: Limits,
    is_wanted: impl FnOnce() -> bool,
) -> u8 {
    let error = match end_with_parent().and_then(|()| limits.set()) {
        Ok(()) if is_wanted() => Command::new(program).args(arguments).exec(),
        Ok(()) => io::Error::other("the grader is gone"),
        Err(error) => error,
    };
    eprintln!("{}: {error}", Path::new(program).display());
    exit::NOT_LAUNCHED
}

/// Makes this process end when its parent does.
fn end_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// A process's number.
fn number(pid: Pid) -> Option<u64> {
    u64::try_from(pid.as_raw_nonzero().get()).ok()
}

/// Whether a process with this number exists.
pub fn is_there(number: u32) -> bool {
    let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        let all = Limits { processor: Some(7), memory: Some(1 << 40), file: Some(0) };
        for limits in [all, Limits::default(), Limits::seconds(3)] {
            assert_eq!(Limits::parse(limits.words().map(OsString::from)), Some(limits));
        }
        assert_eq!(Limits::parse(["1", "x", "-"].map(OsString::from)), None);
    }

    #[test]
    fn only_the_word_makes_it_another_program() {
        for words in [&["01"][..], &[], &["--check", WORD]] {
            assert_eq!(become_one(words.iter().map(OsString::from)), None);
        }
    }

    #[test]
    fn a_process_that_runs_is_there() {
        assert!(is_there(std::process::id()));
        assert!(!is_there(u32::MAX) && !is_there(0));
    }
}
