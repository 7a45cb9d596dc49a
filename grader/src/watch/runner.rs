//! The graders that `watch` runs, one at a time. A run that is stopped takes its machines and compilers with it.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use rustix::process::Signal;

use crate::host::error::{Error, Result};
use crate::host::process::{self, Process};

use super::input::Input;

/// Starts graders.
pub struct Runner {
    program: PathBuf,
    root: PathBuf,
    tell: Sender<Input>,
    /// The number of runs so far: the number of the last one.
    number: u64,
    running: Option<Process>,
}

impl Runner {
    /// Starts runs of this program in the course at `root`, and sends their output as events.
    pub fn new(program: PathBuf, root: PathBuf, tell: Sender<Input>) -> Self {
        Self { program, root, tell, number: 0, running: None }
    }

    /// Whether a run with this number is the last one, and was not stopped.
    pub fn is_current(&self, number: u64) -> bool {
        self.running.is_some() && number == self.number
    }

    /// Stops the current run, and starts the program with these arguments.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&mut self, words: &[String]) -> Result<()> {
        self.stop();
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(&self.root);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(&mut command, Signal::TERM)
            .map_err(|error| Error::io("cannot start", &self.program, &error))?;
        self.number += 1;
        let (number, tell) = (self.number, self.tell.clone());
        let (stdout, stderr) = (process.stdout(), process.stderr());
        thread::spawn(move || {
            let complaints = thread::spawn(move || {
                let mut text = Vec::new();
                // After an error in reading, the lines before it are all there is.
                let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut text));
                String::from_utf8_lossy(&text).into_owned()
            });
            let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).split(b'\n'));
            for line in lines.map_while(std::io::Result::ok) {
                // Nobody receives events any more: the program is about to end.
                let _ = tell.send(Input::Said(number, String::from_utf8_lossy(&line).into_owned()));
            }
            let _ = tell.send(Input::Ended(number, complaints.join().unwrap_or_default()));
        });
        self.running = Some(process);
        Ok(())
    }

    /// Waits for the end of a run that has ended its output, and returns its exit code.
    pub fn finish(&mut self) -> Option<i32> {
        self.running.take()?.wait().ok()?.code()
    }

    /// Runs the program with these words, on the terminal that this one has. Answers whether it succeeded.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn lend_terminal(&self, words: &[String]) -> Result<bool> {
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(&self.root);
        let ended = process::status_with_terminal(&mut command);
        ended.map(|status| status.success()).map_err(|error| Error::io("cannot start", &self.program, &error))
    }

    /// Whether a run is going on.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Stops the current run, if there is one.
    pub fn stop(&mut self) {
        let Some(mut process) = self.running.take() else { return };
        process.interrupt();
        // It ends its own processes first. This program need not wait for that.
        thread::spawn(move || process.wait());
    }

    /// Stops the current run, and waits until it has ended.
    pub fn end(&mut self) {
        if let Some(mut process) = self.running.take() {
            process.interrupt();
            // There is nothing to do about a process that cannot be waited for.
            let _ = process.wait();
        }
    }
}
