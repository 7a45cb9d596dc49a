//! Running a QEMU, from its start to its end.
//!
//! The emulator has three connections, and no file in between: its standard
//! input is a socket for [control](super::qmp), its standard output a pipe from
//! the serial port, and its standard error is read for complaints. A machine
//! ends in one of these ways:
//!
//! - the kernel writes to the exit port, and the emulator exits with a status;
//! - the watch [proves](super::endless) that it loops for ever: then it is inspected;
//! - the watchdog fires, or the machine wants to be reset: then it stops, and
//!   its registers and call stack are read before the emulator is killed. So a
//!   hang and a triple fault have a place in the source, too;
//! - the [watch](super::watch) sees that it has used more processor time than the
//!   budget can explain: then it is stopped and inspected in the same way. Some
//!   instructions, such as `pause`, are so slow to emulate that the watchdog
//!   would take minutes;
//! - the watch ends the emulator, because of a flood of output or because nothing
//!   at all has happened for long;
//! - the operating system ends it, because it has used far too much processor
//!   time, and the watch has not stopped it (see [`launcher`](crate::host::launcher)).

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::course::lab_toml::Memory;
use crate::host::error::{Error, Result};
use crate::host::exit;
use crate::host::process::Process;
use crate::machine::outcome::{End, Outcome, Processor};

use super::log::TRIPLE_FAULT;
use super::qmp::Event;
use super::watch::{Stopped, Watch};

/// The launcher's status if there is no emulator to become.
const NOT_LAUNCHED: i32 = exit::NOT_LAUNCHED as i32;

/// A QEMU that has been started and has not booted yet.
pub struct Machine {
    pub(super) process: Process,
    pub(super) watch: Watch,
    pub(super) command: Vec<String>,
    pub(super) version: String,
    pub(super) memory: Memory,
    pub(super) patience: Duration,
    pub(super) can_wait: bool,
}

impl Machine {
    /// Boots, and waits for the machine's end.
    ///
    /// # Errors
    /// If the emulator could not start the machine.
    pub fn run(mut self) -> Result<Outcome> {
        self.watch.control.start(self.can_wait);
        let stopped = self.watch.until_it_stops(&self.process, self.patience);
        let spent = matches!(stopped, Stopped::Spent);
        let (end, processor) = match seen(&mut self.watch, stopped) {
            Some((end, processor)) => (Some(end), processor),
            None => (None, None),
        };
        if spent || end.is_some() {
            self.process.kill();
        }
        let status =
            self.process.wait().map_err(|error| Error::new(format!("cannot tell how the emulator ended: {error}")))?;
        let end = end.unwrap_or_else(|| match (status.code(), status.signal()) {
            (Some(code), _) => End::Exited(code),
            (None, Some(exit::SIGNAL_PROCESSOR_TIME)) => End::ProcessorTime,
            (None, _) if spent => End::ProcessorTime,
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        });
        let outcome = Outcome {
            serial: std::mem::take(&mut self.watch.said),
            end,
            processor,
            snapshots: std::mem::take(&mut self.watch.snapshots),
            conclusion: self.watch.conclusion.take(),
            complaints: own_complaints(&self.watch.complained),
            command: std::mem::take(&mut self.command),
        };
        self.check_started(&outcome)?;
        Ok(outcome)
    }

    /// Turns "could not even start" into an error that says why.
    fn check_started(&self, outcome: &Outcome) -> Result<()> {
        let End::Exited(code @ (exit::EMULATOR_NOT_STARTED | NOT_LAUNCHED)) = outcome.end else { return Ok(()) };
        if !outcome.serial.is_empty() {
            return Ok(());
        }
        let why = outcome.complaints.lines().next_back().unwrap_or("it does not say why").trim().to_owned();
        let lower = why.to_lowercase();
        let advice = if code == NOT_LAUNCHED {
            "check that the program may be run; `cargo grade doctor` shows what was found".to_owned()
        } else if lower.contains("allocate memory") || lower.contains("guest memory") {
            format!("a machine with {} needs that much free memory here; `--jobs 1` starts one at a time", self.memory)
        } else if lower.contains("option") || lower.contains("parameter") || lower.contains("property") {
            format!("{} may be too old or too new: Folio was tried with 7.2", self.version)
        } else {
            "`cargo grade doctor` shows which emulator is used".to_owned()
        };
        Err(Error::new(format!("{} could not start a machine: {why}", self.version)).advise(advice))
    }
}

/// How a machine came to its end that stopped, and its processor if that tells more
/// than the kernel did. `None` if the emulator has ended: then its status tells.
pub(super) fn seen(watch: &mut Watch, stopped: Stopped) -> Option<(End, Option<Processor>)> {
    match stopped {
        Stopped::Event(event) => {
            watch.drain();
            let triple = contains(&watch.complained, TRIPLE_FAULT);
            let end = match event {
                Event::Watchdog => End::Watchdog,
                Event::Reset if triple => End::TripleFault,
                Event::Reset => End::Reset,
                // It stopped more often than an honest machine does.
                Event::Stop => End::Output,
                Event::PowerOff => End::PoweredOff,
            };
            let processor = watch.control.processor(&watch.said);
            watch.look_at_the_end();
            if end == End::Watchdog
                && let Some(length) = watch.is_endless_after_all()
            {
                return Some((End::Endless(length), Some(watch.control.processor(&watch.said))));
            }
            Some((end, Some(processor)))
        }
        Stopped::Endless(length) => {
            watch.drain();
            Some((End::Endless(length), Some(watch.control.processor(&watch.said))))
        }
        Stopped::ByKernel(byte) => {
            watch.drain();
            Some((End::Exited(i32::from(byte)), None))
        }
        Stopped::Flooded => Some((End::Output, None)),
        Stopped::Idle => Some((End::Idle, None)),
        Stopped::Spent => {
            watch.control.stop();
            let processor = watch.control.processor(&watch.said);
            watch.drain();
            // It may just have come to its own end: then there is nothing to be seen, and its status tells.
            (!processor.registers.is_empty()).then_some((End::ProcessorTime, Some(processor)))
        }
        Stopped::Exited => None,
    }
}

/// Whether some bytes occur in others.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The emulator's complaints without the processor states that were asked for.
pub(super) fn own_complaints(text: &[u8]) -> String {
    let is_state = |line: &&str| {
        line.starts_with("CPU Reset") || line.starts_with("Triple fault") || line.find('=').is_some_and(|at| at < 6)
    };
    let text = String::from_utf8_lossy(text);
    text.lines().filter(|line| !line.trim().is_empty() && !is_state(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_emulator_s_own_words_are_kept() {
        let text = b"CPU Reset (CPU 0)\nEAX=00000000 EBX=00000000\nES =0000 00000000\nGDT=     00000000\n\n\
                     qemu-system-i386: -icount shift=3: no such option\nTriple fault\n";
        assert_eq!(own_complaints(text), "qemu-system-i386: -icount shift=3: no such option");
    }
}
