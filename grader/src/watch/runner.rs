//! The graders that `watch` runs, one at a time. A run that is stopped takes its machines and compilers with it.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use rustix::process::Signal;

use crate::host::error::{Error, Result};
use crate::host::process::Process;

use super::input::Input;

/// Starts graders.
pub struct Runner {
    program: PathBuf,
    root: PathBuf,
    tell: Sender<Input>,
    /// How many runs there were: the number of the last one.
    number: u64,
    running: Option<Process>,
}

impl Runner {
    /// Runs this program in the course at `root`, and tells what it prints.
    pub fn new(program: PathBuf, root: PathBuf, tell: Sender<Input>) -> Self {
        Self { program, root, tell, number: 0, running: None }
    }

    /// Whether what a run told is about the one that was started last, and not stopped since.
    pub fn is_current(&self, number: u64) -> bool {
        self.running.is_some() && number == self.number
    }

    /// Stops what runs, and runs the program with these words.
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
                // What was read before an error is all there is.
                let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut text));
                String::from_utf8_lossy(&text).into_owned()
            });
            let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).split(b'\n'));
            for line in lines.map_while(std::io::Result::ok) {
                // Nobody listens any more: the program is about to end.
                let _ = tell.send(Input::Said(number, String::from_utf8_lossy(&line).into_owned()));
            }
            let _ = tell.send(Input::Ended(number, complaints.join().unwrap_or_default()));
        });
        self.running = Some(process);
        Ok(())
    }

    /// Waits for the end of a run that has said all, and answers with its exit code.
    pub fn finish(&mut self) -> Option<i32> {
        self.running.take()?.wait().ok()?.code()
    }

    /// Stops what runs, if anything does.
    pub fn stop(&mut self) {
        let Some(mut process) = self.running.take() else { return };
        process.interrupt();
        // It ends its own processes first. Nobody has to wait for that.
        thread::spawn(move || process.wait());
    }

    /// Stops what runs, and waits until it has ended.
    pub fn end(&mut self) {
        if let Some(mut process) = self.running.take() {
            process.interrupt();
            // There is nothing to be done about one that cannot be waited for.
            let _ = process.wait();
        }
    }
}
