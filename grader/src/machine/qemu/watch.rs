//! Watching a machine until it stops: what it prints, what its emulator tells,
//! and whether it still does anything.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{ChildStderr, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::host::activity::{Idleness, processor_time};
use crate::host::process::Process;
use crate::machine::claim::claimed;
use crate::machine::limits::{MOST_CHECKPOINTS, MOST_OUTPUT};
use crate::machine::walk::Snapshot;

use super::qmp::{Control, Event};

/// More than this of the emulator's own complaints is not kept.
const MOST_COMPLAINTS: usize = 64 << 10;

/// The time between two looks at the processor time.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why the waiting is over.
pub enum Stopped {
    /// The emulator told of something: the machine has stopped and can be looked at.
    Event(Event),
    /// It printed more than [`MOST_OUTPUT`].
    Flooded,
    /// It did nothing any more.
    Idle,
    /// It used more processor time than it may.
    Spent,
    /// The emulator has ended.
    Exited,
}

/// Everything that a running machine says.
pub struct Watch {
    serial: Option<ChildStdout>,
    /// The emulator's control connection.
    pub control: Control,
    complaints: Option<ChildStderr>,
    /// What came over the serial port.
    pub said: Vec<u8>,
    /// What the emulator itself complained about.
    pub complained: Vec<u8>,
    /// The page tables at each checkpoint.
    pub snapshots: Vec<Snapshot>,
    /// Whether all page tables are copied, and at the end too.
    look: bool,
}

impl Watch {
    /// Watches a process that was just started, with its output and errors piped.
    ///
    /// `look`: whether all page tables are copied when it stops, not only those
    /// that a claim is about.
    pub fn new(process: &mut Process, control: Control, look: bool) -> Self {
        let (serial, complaints) = (process.stdout(), process.stderr());
        if let Some(serial) = &serial {
            widen(serial);
        }
        Self { serial, control, complaints, said: Vec::new(), complained: Vec::new(), snapshots: Vec::new(), look }
    }

    /// Waits until the machine stops, for whatever reason, or has used that much processor time.
    pub fn until_it_stops(&mut self, process: &Process, patience: Duration) -> Stopped {
        let mut idle = Idleness::new(process.id());
        let mut looked = Instant::now();
        let mut control_open = true;
        loop {
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                if processor_time(process.id()).is_some_and(|used| used > patience) {
                    return Stopped::Spent;
                }
            }
            let (serial, control, complaints) = {
                let Some(serial) = &self.serial else { return Stopped::Exited };
                let mut sources = vec![PollFd::new(serial, PollFlags::IN)];
                let at_control = sources.len();
                if control_open {
                    sources.push(PollFd::new(self.control.stream(), PollFlags::IN));
                }
                let at_complaints = sources.len();
                if let Some(complaints) = &self.complaints {
                    sources.push(PollFd::new(complaints, PollFlags::IN));
                }
                let timeout = Timespec::try_from(LOOK_EVERY).ok();
                match poll(&mut sources, timeout.as_ref()) {
                    Ok(0) | Err(_) => {
                        if idle.sample() {
                            return Stopped::Idle;
                        }
                        continue;
                    }
                    Ok(_) => {}
                }
                let ready = |at: usize| sources.get(at).is_some_and(|source| !source.revents().is_empty());
                (ready(0), control_open && ready(at_control), self.complaints.is_some() && ready(at_complaints))
            };
            if complaints {
                self.read_complaints();
            }
            if serial && !self.read_serial() {
                while self.complaints.is_some() {
                    self.read_complaints();
                }
                return Stopped::Exited;
            }
            if self.said.len() > MOST_OUTPUT {
                return Stopped::Flooded;
            }
            if control {
                match self.control.read_event() {
                    Ok(Some(Event::Checkpoint)) if self.snapshots.len() < MOST_CHECKPOINTS => self.at_checkpoint(),
                    Ok(Some(event)) => return Stopped::Event(event),
                    Ok(None) => {}
                    Err(_) => control_open = false,
                }
            }
        }
    }

    /// Copies the page tables that what was claimed since the last checkpoint is
    /// about, and lets the machine go on.
    fn at_checkpoint(&mut self) {
        self.drain();
        let addresses = claimed(&self.said);
        self.snapshots.push(self.control.snapshot((!self.look).then_some(&addresses[..])));
        self.control.resume();
    }

    /// Copies the page tables of a machine that has ended without a checkpoint,
    /// if that was asked for.
    pub fn look_at_the_end(&mut self) {
        if self.look {
            self.snapshots.push(self.control.snapshot(None));
        }
    }

    /// Reads from the serial port; `false` at its end.
    fn read_serial(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        let Some(serial) = &mut self.serial else { return false };
        match serial.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.said.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }

    fn read_complaints(&mut self) {
        let mut buffer = [0; 16 << 10];
        let Some(complaints) = &mut self.complaints else { return };
        match complaints.read(&mut buffer) {
            Ok(count) if count > 0 => {
                let room = MOST_COMPLAINTS.saturating_sub(self.complained.len());
                self.complained.extend_from_slice(&buffer[..count.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => self.complaints = None,
        }
    }

    /// Reads what a stopped machine has said but was not read yet.
    pub fn drain(&mut self) {
        while self.serial.as_ref().is_some_and(is_ready) && self.said.len() <= MOST_OUTPUT && self.read_serial() {}
        while self.complaints.as_ref().is_some_and(is_ready) {
            self.read_complaints();
        }
    }
}

/// Whether something can be read at once.
fn is_ready(source: impl AsFd) -> bool {
    let mut sources = [PollFd::new(&source, PollFlags::IN)];
    poll(&mut sources, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|count| count > 0)
}

/// Makes a pipe hold all that a machine may print.
///
/// The machine must never have to wait for the grader: the instructions that it
/// executes meanwhile would count, and a busy host would change a verdict.
fn widen(pipe: &ChildStdout) {
    #[cfg(target_os = "linux")]
    {
        // If that is too much to ask for, there are still 64 KiB.
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, 2 * MOST_OUTPUT);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}
