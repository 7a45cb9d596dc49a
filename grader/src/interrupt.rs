//! The processes that the grader started, so that none outlives it.
//!
//! Ctrl-C, SIGTERM and SIGHUP kill every emulator and compiler and end the
//! grader with exit code 130. What happens after a SIGKILL is [`crate::machine`]'s part.

use std::collections::HashMap;
use std::io;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// The exit code after Ctrl-C: 128 and SIGINT's number.
pub const EXIT_INTERRUPTED: i32 = 130;

#[derive(Default)]
struct Children {
    /// Set once the grader is going down: nothing is started any more.
    closing: bool,
    running: HashMap<u32, Signal>,
}

static CHILDREN: LazyLock<Mutex<Children>> = LazyLock::new(Mutex::default);

/// A process that is killed if the grader is interrupted.
pub struct Process {
    child: Child,
    reaped: bool,
}

/// Makes the grader answer to Ctrl-C. To be called once, at the start.
pub fn listen() {
    // A second handler, or none, is no reason not to grade.
    let _ = ctrlc::set_handler(|| {
        let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        children.closing = true;
        for (id, signal) in children.running.drain() {
            send(id, signal);
        }
        // The lock is kept, so that nobody starts or reaps anything now.
        std::process::exit(EXIT_INTERRUPTED);
    });
}

fn send(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

impl Process {
    /// Starts a process. `signal` is what ends it if the grader is interrupted.
    ///
    /// # Errors
    /// As [`Command::spawn`].
    pub fn spawn(command: &mut Command, signal: Signal) -> io::Result<Self> {
        let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        if children.closing {
            drop(children);
            loop {
                thread::park();
            }
        }
        let child = command.spawn()?;
        children.running.insert(child.id(), signal);
        Ok(Self { child, reaped: false })
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it reads, if that was piped. Only once.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// What it prints, if that was piped. Only once.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// What it complains about, if that was piped. Only once.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Sends it what Ctrl-C sends.
    pub fn interrupt(&self) {
        // It was not waited for yet, so the number is its own.
        send(self.id(), Signal::INT);
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }

    /// Waits for its end.
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
