//! Starting processes. Only this module starts any, so that none outlives the grader.
//!
//! Ctrl-C, SIGTERM and SIGHUP kill every emulator and compiler and end the
//! grader with exit code 130. While another program has the terminal, Ctrl-C is
//! for that one. The [launcher](crate::host::launcher) handles the death of the
//! grader by a SIGKILL, and the limits on processor time.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::host::exit;

/// At most so many bytes of a program's output are kept. The rest is read and dropped.
const MOST_CAPTURED: u64 = 64 << 20;

#[derive(Default)]
struct Children {
    /// Set once the grader is about to end: no process is started any more.
    closing: bool,
    running: HashMap<u32, Signal>,
}

static CHILDREN: LazyLock<Mutex<Children>> = LazyLock::new(Mutex::default);

/// The function to call just before the grader ends because of a signal.
static BEFORE_END: Mutex<Option<fn()>> = Mutex::new(None);

/// Calls `what` just before the grader ends because of a signal, for example to restore the terminal.
pub fn before_end(what: fn()) {
    *BEFORE_END.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
}

/// A process that is killed if the grader is interrupted.
pub struct Process {
    child: Child,
    reaped: bool,
}

/// Whether another program has the terminal.
static LENT: AtomicBool = AtomicBool::new(false);

/// Begins to handle Ctrl-C and other signals that end the grader. To be called once, at the start.
pub fn listen() {
    // A grader that hears no signals can grade.
    let Ok(mut signals) = Signals::new([SIGINT, SIGQUIT, SIGTERM, SIGHUP]) else { return };
    thread::spawn(move || {
        for signal in signals.forever() {
            let is_key = matches!(signal, SIGINT | SIGQUIT);
            if !is_key || !LENT.load(Ordering::SeqCst) {
                end();
            }
        }
    });
}

/// Kills every process, and ends the grader.
fn end() -> ! {
    let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.closing = true;
    for (id, signal) in children.running.drain() {
        send(id, signal);
    }
    if let Some(what) = *BEFORE_END.lock().unwrap_or_else(PoisonError::into_inner) {
        what();
    }
    // The lock is kept, so that no thread starts or reaps a process now.
    std::process::exit(exit::INTERRUPTED)
}

fn send(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

impl Process {
    /// Starts a process. If the grader is interrupted, `signal` is sent to it.
    ///
    /// # Errors
    /// As [`Command::spawn`].
    pub fn spawn(command: &mut Command, signal: Signal) -> io::Result<Self> {
        Self::remember(
            || {
                #[expect(clippy::disallowed_methods, reason = "everything else in the grader starts processes here")]
                command.spawn()
            },
            signal,
        )
    }

    /// Starts a process that has more files open than its three standard ones,
    /// under the numbers that they have here.
    ///
    /// # Errors
    /// As [`Command::spawn`].
    pub fn spawn_with(command: &mut Command, files: &[OwnedFd], signal: Signal) -> io::Result<Self> {
        Self::remember(
            || {
                // No other process is started meanwhile, so that none but this one has the files.
                files.iter().try_for_each(|file| fcntl_setfd(file, FdFlags::empty()))?;
                #[expect(clippy::disallowed_methods, reason = "everything else in the grader starts processes here")]
                let child = command.spawn();
                files.iter().try_for_each(|file| fcntl_setfd(file, FdFlags::CLOEXEC))?;
                child
            },
            signal,
        )
    }

    /// Remembers the process that `spawn` starts, while no other thread starts one.
    fn remember(spawn: impl FnOnce() -> io::Result<Child>, signal: Signal) -> io::Result<Self> {
        let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        if children.closing {
            drop(children);
            loop {
                thread::park();
            }
        }
        let child = spawn()?;
        children.running.insert(child.id(), signal);
        Ok(Self { child, reaped: false })
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipe to its standard input, if there is one. Only the first call returns it.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The pipe from its standard output, if there is one. Only the first call returns it.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The pipe from its standard error, if there is one. Only the first call returns it.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Sends it SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        // It was not waited for yet, so the number is its own.
        send(self.id(), Signal::INT);
    }

    /// Ends the process at once, by SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }

    /// Waits until the process ends.
    ///
    /// # Errors
    /// As [`Child::wait`].
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            // Leaves the process's number taken, so that the handler cannot
            // meet another process under it.
            while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
                .is_err_and(|error| error == rustix::io::Errno::INTR)
            {}
        }
        let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        children.running.remove(&self.child.id());
        self.reaped = true;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _ = self.wait();
        }
    }
}

/// Runs a program to its end, with an empty standard input, and captures what it prints: at most
/// [`MOST_CAPTURED`] bytes of each stream.
///
/// # Errors
/// As [`Command::output`].
pub fn output(command: &mut Command) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::spawn(command, Signal::TERM)?;
    let (stdout, stderr) = (process.stdout(), process.stderr());
    let (stdout, stderr) = thread::scope(|scope| {
        let complaints = scope.spawn(|| stderr.map(captured).unwrap_or_default());
        (stdout.map(captured).unwrap_or_default(), complaints.join().unwrap_or_default())
    });
    Ok(Output { status: process.wait()?, stdout, stderr })
}

/// The bytes that come out of a pipe, up to its end or to the first error.
fn captured(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = pipe.by_ref().take(MOST_CAPTURED).read_to_end(&mut bytes);
    let _ = io::copy(&mut pipe, &mut io::sink());
    bytes
}

/// Runs a program to its end, with its input and output as the command says.
///
/// # Errors
/// As [`Command::status`].
pub fn status(command: &mut Command) -> io::Result<ExitStatus> {
    Process::spawn(command, Signal::TERM)?.wait()
}

/// Runs a program that has the terminal to itself to its end. Ctrl-C is for that program then, and does not end the
/// grader.
///
/// # Errors
/// As [`Command::status`].
pub fn status_with_terminal(command: &mut Command) -> io::Result<ExitStatus> {
    LENT.store(true, Ordering::SeqCst);
    let ended = status(command);
    LENT.store(false, Ordering::SeqCst);
    ended
}

/// Runs a program to its end. On its standard input it reads `input`, and then `end`.
///
/// # Errors
/// As [`Command::status`].
pub fn status_with_input(
    command: &mut Command,
    mut input: impl Read + Send + 'static,
    end: &'static [u8],
) -> io::Result<ExitStatus> {
    command.stdin(Stdio::piped());
    let mut process = Process::spawn(command, Signal::TERM)?;
    if let Some(mut stdin) = process.stdin() {
        // The program may end before its input does, so nothing waits for this thread.
        thread::spawn(move || io::copy(&mut input, &mut stdin).and_then(|_| stdin.write_all(end)));
    }
    process.wait()
}

/// Becomes another program, which has the terminal to itself. Returns only if the program cannot be started.
pub fn become_program(command: &mut Command) -> io::Error {
    command.exec()
}

/// The standard output of a program that is run with these arguments, if it succeeds.
pub fn answer(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = output(Command::new(program).args(arguments)).ok()?;
    if output.status.success() { String::from_utf8(output.stdout).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_and_the_status_are_captured() {
        // More than a pipe holds, on both, so that neither may be left unread.
        let much = "i=0; while [ $i -lt 20000 ]; do echo 12345678; echo abcdefgh >&2; i=$((i+1)); done; exit 3";
        let output = output(&mut shell(much)).unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!((output.stdout.len(), output.stderr.len()), (180_000, 180_000));
    }

    #[test]
    fn a_process_may_have_one_more_file_open_and_others_do_not() {
        let (reader, mut writer) = io::pipe().unwrap();
        let file = OwnedFd::from(reader);
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        let mut command = shell(&format!("cat <&{number}"));
        command.stdout(Stdio::piped());
        let mut process = Process::spawn_with(&mut command, &[file], Signal::KILL).unwrap();
        assert!(!output(&mut shell(&format!("true <&{number}"))).unwrap().status.success());
        io::Write::write_all(&mut writer, b"said").unwrap();
        drop(writer);
        assert_eq!(process.stdout().map(captured).unwrap(), b"said");
        assert!(process.wait().unwrap().success());
    }

    #[test]
    fn only_a_program_that_succeeds_has_an_answer() {
        assert_eq!(answer(Path::new("sh"), &["-c", "echo yes"]).as_deref(), Some("yes\n"));
        assert_eq!(answer(Path::new("sh"), &["-c", "echo yes; exit 1"]), None);
        assert_eq!(answer(Path::new("/no/such/program"), &[]), None);
    }
}
