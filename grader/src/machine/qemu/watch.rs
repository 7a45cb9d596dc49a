//! Watching a machine until it stops: its output, its emulator's events, and whether
//! it still does anything.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::host::activity::{Idleness, processor_time};
use crate::host::exit;
use crate::host::process::Process;
use crate::machine::boot::Boot;
use crate::machine::claim::claimed;
use crate::machine::limits::{MOST_CHECKPOINTS, MOST_OUTPUT};
use crate::machine::outcome::{Conclusion, Found};
use crate::machine::walk::Snapshot;

use super::endless::Prover;
use super::inspector::Inspector;
use super::program::Connections;
use super::qmp::{Control, Event};

/// At most so many bytes of the emulator's own complaints are kept.
const MOST_COMPLAINTS: usize = 64 << 10;

/// The time between two looks at the processor time.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The time between two reads of the serial port. The emulator writes each byte by itself, and a grader that is woken
/// for each takes the processor away from a machine. The pipe holds what is printed meanwhile; its end is told at once.
const READ_EVERY: Duration = Duration::from_millis(10);

/// After so many looks, half an hour, a machine that neither ends nor uses its processor time is
/// given up. The looks are counted, and no clock is read: while the grader is stopped, no look
/// counts.
const MOST_LOOKS: u32 = 3600;

/// After so much processor time, a machine is suspected to loop for ever. Few checks take as long.
const FIRST_SUSPICION: Duration = Duration::from_millis(300);

/// If there was no proof, the next one is looked for after so many times as long.
const NEXT_SUSPICION: u32 = 4;

/// Why the waiting is over.
pub enum Stopped {
    /// The emulator reported an event: the machine has stopped and can be inspected.
    Event(Event),
    /// The kernel stopped the machine, and not for a checkpoint; AL says what for.
    ByKernel(u8),
    /// The machine printed more than [`MOST_OUTPUT`].
    Flooded,
    /// The machine did nothing any more.
    Idle,
    /// The machine used more processor time than it may.
    Spent,
    /// The machine stands still, and would loop for ever: it is in the same state after every so many instructions.
    Endless(usize),
    /// The emulator has ended.
    Exited,
}

/// The connections that have something to read.
struct News {
    serial: bool,
    control: bool,
    complaints: bool,
}

/// A running machine's connections, and everything that came over them.
pub struct Watch {
    serial: Option<ChildStdout>,
    /// The emulator's control connection.
    pub control: Control,
    complaints: Option<ChildStderr>,
    /// The serial port's output.
    pub said: Vec<u8>,
    /// The emulator's own complaints.
    pub complained: Vec<u8>,
    /// The page tables at each checkpoint.
    pub snapshots: Vec<Snapshot>,
    /// The machine's state at the end of a check, if it came to one.
    pub conclusion: Option<Conclusion>,
    /// The pipe to the machine's serial port.
    words: Option<ChildStdin>,
    inspector: Inspector,
    prover: Prover,
    /// The text that the machine is told at a check's end.
    challenge: Option<String>,
    /// Whether all page tables are copied, also at the machine's end.
    look: bool,
}

impl Watch {
    /// Watches a process that was just started for this boot, with its three standard files piped.
    pub fn new(process: &mut Process, Connections { control, gdb }: Connections, boot: &Boot<'_>) -> Self {
        let (serial, complaints) = (process.stdout(), process.stderr());
        if let Some(serial) = &serial {
            widen(serial);
        }
        Self {
            serial,
            control,
            complaints,
            said: Vec::new(),
            complained: Vec::new(),
            snapshots: Vec::new(),
            conclusion: None,
            words: process.stdin(),
            inspector: Inspector::new(boot.image),
            prover: Prover::new(gdb, boot.memory.mebibytes()),
            challenge: boot.challenge.clone(),
            look: boot.look,
        }
    }

    /// Forgets everything seen so far: another check begins, whose machine is told `challenge` at its end.
    pub fn forget(&mut self, challenge: Option<String>) {
        self.said.clear();
        self.complained.clear();
        self.snapshots.clear();
        self.conclusion = None;
        self.challenge = challenge;
    }

    /// Sends the machine a line over its serial port.
    ///
    /// # Errors
    /// If the emulator does not read it.
    pub fn tell(&mut self, line: &str) -> io::Result<()> {
        let words = self.words.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        words.write_all(format!("{line}\n").as_bytes())
    }

    /// Waits until the machine stops for any reason, or has used `patience` more processor time.
    pub fn until_it_stops(&mut self, process: &Process, patience: Duration) -> Stopped {
        let used = || processor_time(process.id()).unwrap_or_default();
        let mut start = used();
        let mut suspicious = FIRST_SUSPICION;
        let mut idle = Idleness::new(process.id());
        let mut looked = Instant::now();
        let mut looks = 0;
        let mut control_open = true;
        loop {
            if let Some(stopped) = self.waiting_event() {
                return stopped;
            }
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                looks += 1;
                if looks > MOST_LOOKS {
                    return Stopped::Idle;
                }
                let before = used();
                if before.saturating_sub(start) > patience {
                    return Stopped::Spent;
                }
                if before.saturating_sub(start) > suspicious {
                    suspicious *= NEXT_SUSPICION;
                    if let Some(length) = self.is_endless() {
                        return Stopped::Endless(length);
                    }
                    // The search is not the machine's.
                    start += used().saturating_sub(before);
                    continue;
                }
            }
            if self.serial.is_none() {
                return Stopped::Exited;
            }
            let Some(News { serial, control, complaints }) = self.news(control_open) else {
                if idle.sample() {
                    return Stopped::Idle;
                }
                continue;
            };
            if complaints {
                self.read_complaints();
            }
            if serial && !self.read_all_of_serial() {
                while self.complaints.is_some() {
                    self.read_complaints();
                }
                return Stopped::Exited;
            }
            if self.said.len() > MOST_OUTPUT {
                return Stopped::Flooded;
            }
            if control && self.control.read_events().is_err() {
                control_open = false;
            }
        }
    }

    /// Looks for a proof that a machine that runs will never end. Without one, it goes on.
    fn is_endless(&mut self) -> Option<usize> {
        // A machine that is only looked at ends as it would by itself.
        let complaints = self.complaints.as_ref().filter(|_| !self.look)?;
        self.control.stop_surely().ok()?;
        let is_paused = |control: &mut Control| control.is_paused().unwrap_or(false);
        if !is_paused(&mut self.control) {
            return None;
        }
        let length = self.prover.prove(&mut self.control, complaints, &mut self.complained);
        if length.is_none() && is_paused(&mut self.control) {
            self.control.resume();
        }
        length
    }

    /// Looks for a proof that a machine that the watchdog has stopped would never have ended. The machine may have
    /// gone on a little then; what it says meanwhile does not count.
    pub fn is_endless_after_all(&mut self) -> Option<usize> {
        let complaints = self.complaints.as_ref().filter(|_| !self.look)?;
        let length = self.prover.prove(&mut self.control, complaints, &mut self.complained);
        self.control.forget_events();
        length
    }

    /// Waits a short time for something to read; on the serial port, only for its end. The control connection counts
    /// only if it is open.
    fn news(&self, control_open: bool) -> Option<News> {
        let all = [
            (self.serial.as_ref().map(AsFd::as_fd), PollFlags::empty()),
            (control_open.then(|| self.control.stream().as_fd()), PollFlags::IN),
            (self.complaints.as_ref().map(AsFd::as_fd), PollFlags::IN),
        ];
        let mut sources: Vec<PollFd<'_>> =
            all.iter().filter_map(|(source, what)| Some(PollFd::new(source.as_ref()?, *what))).collect();
        let told = poll(&mut sources, Timespec::try_from(READ_EVERY).ok().as_ref()).is_ok_and(|count| count > 0);
        let mut ready = sources.iter().map(|source| told && !source.revents().is_empty());
        let [ended, control, complaints] = all.map(|(source, _)| source.is_some() && ready.next() == Some(true));
        let serial = ended || self.serial.as_ref().is_some_and(is_ready);
        (serial || control || complaints).then_some(News { serial, control, complaints })
    }

    /// Handles a waiting event; `None` if the machine goes on after it.
    fn waiting_event(&mut self) -> Option<Stopped> {
        while let Some(event) = self.control.waiting_event() {
            let byte = if event == Event::Stop { self.control.al() } else { None };
            match (event, byte) {
                (Event::Stop, Some(byte)) if exit::is_conclusion(byte) && self.concludes(byte) => {}
                (Event::Stop, Some(byte)) if byte != exit::STOP_TO_LOOK => return Some(Stopped::ByKernel(byte)),
                (Event::Stop, _) if self.snapshots.len() < MOST_CHECKPOINTS => self.at_checkpoint(),
                (event, _) => return Some(Stopped::Event(event)),
            }
        }
        None
    }

    /// Inspects a machine that stands at the end of a check. If all is as it should be, it is told
    /// the text that its result has to carry, and goes on; that happens once.
    fn concludes(&mut self, says: u8) -> bool {
        let (Some(challenge), None) = (self.challenge.take(), &self.conclusion) else { return false };
        let found = self.inspector.look(&mut self.control);
        let goes_on = found == Found::Sound && self.tell(&challenge).is_ok();
        self.conclusion = Some(Conclusion { says, found });
        if goes_on {
            self.control.resume();
        }
        goes_on
    }

    /// Copies the page tables that the claims since the last checkpoint are about, and
    /// lets the machine go on.
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

    /// Reads what the serial port has, up to a little more than a machine may print; `false` at its end.
    fn read_all_of_serial(&mut self) -> bool {
        while self.read_serial() {
            if self.said.len() > MOST_OUTPUT || !self.serial.as_ref().is_some_and(is_ready) {
                return true;
            }
        }
        false
    }

    /// Reads once from the serial port; `false` at its end.
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

    /// Reads the output of a stopped machine that was not read yet.
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
        // If the system refuses that size, the pipe still has 64 KiB.
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, 2 * MOST_OUTPUT);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}
