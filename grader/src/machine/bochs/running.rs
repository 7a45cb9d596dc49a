//! Running a Bochs, from its start to its end.
//!
//! Bochs has none of the devices through which the kernel talks to the grader.
//! Its debugger stands in for them: the kernel executes `xchg bx, bx` behind
//! every write to one of their ports, and there the debugger stops. The port
//! is in DX and the byte in AL:
//!
//! - exit port: the machine has come to its end;
//! - stop port: its page tables are copied, and it goes on;
//! - watchdog: the debugger is to stop it after so many instructions.
//!
//! A processor that sleeps with interrupts off does not notice that its time
//! has come. So the debugger interrupts the machine now and then and looks at
//! its clock. The clock counts instructions, so that no verdict depends on when it
//! is looked at.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::host::activity::{Idleness, processor_time};
use crate::host::error::{Error, Result};
use crate::host::exit;
use crate::host::process::Process;
use crate::machine::claim::claimed;
use crate::machine::limits::{MOST_CHECKPOINTS, MOST_OUTPUT};
use crate::machine::outcome::{End, Outcome, Processor};
use crate::machine::walk::Snapshot;

use super::debugger::{Debugger, PANIC, Said, Stop, Why, register, registers};

/// The port at which the kernel ends the machine: QEMU's `isa-debug-exit`. The status is twice the byte plus one.
const EXIT_PORT: u32 = 0xF4;
/// The port at which it stops to be inspected: QEMU's `pvpanic`.
const STOP_PORT: u32 = 0x505;
/// The port at which it sets the watchdog, an ib700: the low four bits are 15 minus the steps …
const WATCHDOG_ENABLE: u32 = 0x443;
/// … and the port at which it stops the watchdog.
const WATCHDOG_DISABLE: u32 = 0x441;
/// Instructions in a step of the watchdog: two seconds, of eight nanoseconds an instruction.
const WATCHDOG_STEP: u64 = 250_000_000;

/// Instructions that Bochs makes the machine wait for a byte to get through the
/// serial port: ten bits at 115200 bits a second. QEMU's port has no such delay.
const WAIT_FOR_A_BYTE: u64 = 10_851;

/// For at most so many bytes of output, the watchdog grants extra time. An honest log is shorter.
const MOST_EXCUSED: u64 = 64 << 10;

/// The time between two looks at a machine that runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// No honest machine stops more often than this.
const MOST_STOPS: u32 = 10_000;

/// The name of the file with the serial port's output, in the machine's folder.
pub const SERIAL: &str = "serial";

/// A Bochs that has been started and has not booted yet.
pub struct Machine {
    pub(super) process: Process,
    pub(super) debugger: Debugger,
    pub(super) folder: TempDir,
    pub(super) version: String,
    pub(super) command: Vec<String>,
    pub(super) patience: Duration,
    pub(super) look: bool,
    pub(super) snapshots: Vec<Snapshot>,
    /// The watchdog, while it is set.
    pub(super) watchdog: Option<Watchdog>,
}

/// When the watchdog fires.
#[derive(Clone, Copy, Debug)]
pub struct Watchdog {
    /// The time at which it fires, without the extra time for output.
    deadline: u64,
    /// How many bytes had been printed when it was set.
    printed: u64,
}

impl Machine {
    /// Boots, and waits for the machine's end.
    ///
    /// # Errors
    /// If Bochs could not start the machine.
    pub fn run(mut self) -> Result<Outcome> {
        let end = self.until_it_ends();
        let mut processor = None;
        let end = match end {
            Some(end) => {
                if matches!(end, End::Watchdog | End::ProcessorTime) {
                    processor = Some(self.debugger.processor(&fs::read(self.serial()).unwrap_or_default()));
                    if self.look {
                        self.snapshots.push(self.debugger.snapshot(None));
                    }
                }
                self.process.kill();
                let _ = self.process.wait();
                end
            }
            None => self.its_own_end(&mut processor)?,
        };
        let mut serial = fs::read(self.serial()).unwrap_or_default();
        // The last byte is still in the device, and the kernel's last line is one of its own.
        if !serial.is_empty() && !serial.ends_with(b"\n") && matches!(end, End::Exited(_)) {
            serial.push(b'\n');
        }
        let end = if serial.len() > MOST_OUTPUT { End::Output } else { end };
        serial.truncate(MOST_OUTPUT + 1);
        Ok(Outcome {
            serial,
            end,
            processor,
            snapshots: self.snapshots,
            conclusion: None,
            complaints: self.debugger.messages.join("\n"),
            command: self.command,
        })
    }

    /// Runs the machine until there is a reason to end it; `None` if Bochs ends by itself.
    fn until_it_ends(&mut self) -> Option<End> {
        let mut idle = Idleness::new(self.process.id());
        let mut looked = Instant::now();
        let mut stops = 0;
        loop {
            match self.debugger.wait(LOOK_EVERY.saturating_sub(looked.elapsed())) {
                Said::Ended => return None,
                Said::Nothing => {}
                Said::Stopped(stop) => {
                    stops += 1;
                    if let Some(end) = self.at(stop) {
                        return Some(end);
                    }
                    if stops > MOST_STOPS || self.is_spent() {
                        return Some(End::ProcessorTime);
                    }
                    self.debugger.go();
                }
            }
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                if self.printed() > MOST_OUTPUT as u64 {
                    return Some(End::Output);
                }
                if idle.sample() {
                    return Some(End::Idle);
                }
                if self.watchdog.is_some() || self.is_spent() {
                    self.process.interrupt();
                }
            }
        }
    }

    /// Handles a stop. Returns the machine's end, if the stop means that.
    fn at(&mut self, stop: Stop) -> Option<End> {
        if let Some(Watchdog { deadline, printed }) = self.watchdog
            && stop.time >= deadline
        {
            let excused = self.printed().saturating_sub(printed).min(MOST_EXCUSED) * WAIT_FOR_A_BYTE;
            match (deadline + excused).checked_sub(stop.time) {
                None | Some(0) => return Some(End::Watchdog),
                Some(left) => self.debugger.stop_after(left),
            }
        }
        if stop.why != Why::Magic {
            return None;
        }
        let registers = self.debugger.registers();
        let (port, value) = (register(&registers, "edx")? & 0xFFFF, register(&registers, "eax")? & 0xFF);
        match port {
            EXIT_PORT => return u8::try_from(value).ok().map(|byte| End::Exited(exit::of_exit_port(byte))),
            STOP_PORT if self.snapshots.len() < MOST_CHECKPOINTS => self.checkpoint(),
            WATCHDOG_ENABLE => {
                let instructions = u64::from(15 - (value & 15)) * WATCHDOG_STEP;
                self.watchdog = Some(Watchdog { deadline: stop.time + instructions, printed: self.printed() });
                self.debugger.stop_after(instructions);
            }
            WATCHDOG_DISABLE => self.watchdog = None,
            _ => {}
        }
        None
    }

    /// Copies the page tables that the claims are about.
    fn checkpoint(&mut self) {
        let said = fs::read(self.serial()).unwrap_or_default();
        let addresses = claimed(&said);
        self.snapshots.push(self.debugger.snapshot((!self.look).then_some(&addresses[..])));
    }

    /// Whether the machine has used more processor time than it may.
    fn is_spent(&self) -> bool {
        processor_time(self.process.id()).is_some_and(|used| used > self.patience)
    }

    /// How many bytes came over the serial port.
    fn printed(&self) -> u64 {
        fs::metadata(self.serial()).map_or(0, |file| file.len())
    }

    fn serial(&self) -> PathBuf {
        self.folder.path().join(SERIAL)
    }

    /// Why Bochs ended by itself.
    fn its_own_end(&mut self, processor: &mut Option<Processor>) -> Result<End> {
        let status =
            self.process.wait().map_err(|error| Error::new(format!("cannot tell how Bochs ended: {error}")))?;
        if let Some(signal) = status.signal() {
            return Ok(match signal {
                exit::SIGNAL_PROCESSOR_TIME => End::ProcessorTime,
                signal => End::Signal(signal),
            });
        }
        let messages = &self.debugger.messages;
        let panic = messages.iter().find_map(|message| message.split_once(PANIC)).map(|(_, why)| why);
        if panic.is_some_and(|why| why.contains("exception with no resolution")) {
            let registers = registers(messages);
            // The stack can no longer be read.
            let backtrace = register(&registers, "eip").into_iter().collect();
            *processor = Some(Processor { registers, backtrace, ..Processor::default() });
            return Ok(End::TripleFault);
        }
        if self.printed() == 0 {
            let why = panic.or_else(|| messages.last().map(String::as_str)).unwrap_or("it does not say why");
            return Err(Error::new(format!("{} could not start a machine: {why}", self.version))
                .advise("`cargo grade doctor` shows what was found"));
        }
        Ok(End::PoweredOff)
    }
}
