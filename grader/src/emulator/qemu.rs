//! QEMU.
//!
//! The emulator has three connections, and no file in between: its standard
//! input is a socket for [control](crate::qmp), its standard output a pipe from
//! the serial port, and its standard error is read for complaints. A machine
//! ends in one of these ways:
//!
//! - the kernel writes to the exit port, and the emulator exits with a status;
//! - the watchdog fires, or the machine wants to be reset: then it stops, and
//!   its registers and call stack are read before the emulator is killed. So a
//!   hang and a triple fault have a place in the source, too;
//! - the [watch](crate::watch) sees that it has used more processor time than the
//!   budget can explain: then it is stopped and looked at in the same way. Some
//!   instructions, such as `pause`, are so slow to emulate that the watchdog
//!   would take minutes;
//! - the watch ends the emulator, because of a flood of output or because nothing
//!   at all has happened for long;
//! - the operating system ends it, because it has used far too much processor
//!   time, and nobody has stopped it (see [`machine`]).

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{Error, Result};
use crate::interrupt::Process;
use crate::lab_toml::Memory;
use crate::machine;
use crate::programs;
use crate::qmp::{Control, Event};
use crate::verdict::End;
use crate::watch::{Stopped, Watch};

use super::{Boot, Outcome};

/// Processor time that a machine may use besides that of its budget, before it is stopped.
const EXTRA_TIME: Duration = Duration::from_secs(2);

/// Processor time for a million instructions. They take 2 to 6 ms on an ordinary
/// host, twice as long on a slow one, and half as long again where both
/// threads of a processor's core are at work.
const TIME_FOR_A_MILLION: Duration = Duration::from_millis(18);

/// Seconds of processor time after which the operating system ends the
/// emulator, besides those of its budget.
const EXTRA_SECONDS: u64 = 10;

/// The same for the budget: so few million instructions are executed in a second.
const SLOWEST: u64 = 20;

/// A QEMU that was found.
#[derive(Clone, Debug)]
pub struct Qemu {
    /// The program.
    pub program: PathBuf,
    /// Its name and version, such as `QEMU 7.2.22`.
    pub version: String,
    /// A firmware that starts faster than the default one, if it has one.
    pub firmware: Option<String>,
    /// Whether it can be started first and given its kernel later.
    pub can_wait: bool,
    /// The grader's own program; see [`machine`].
    pub launcher: Option<PathBuf>,
}

/// Whether a machine has a screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Screen {
    /// It has none.
    None,
    /// It has one that nobody sees, unless a picture is taken of it.
    Hidden,
    /// It is shown in a window.
    Window,
}

impl Qemu {
    /// What makes a machine the one that the kernel is written for.
    fn machine(&self, memory: Memory, screen: Screen) -> Vec<String> {
        let mut arguments: Vec<String> = ["-nodefaults", "-nic", "none", "-accel", "tcg"].map(String::from).into();
        arguments.extend(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"].map(String::from));
        match screen {
            Screen::None => {
                if let Some(firmware) = &self.firmware {
                    arguments.extend(["-bios".into(), firmware.clone()]);
                }
                arguments.extend(["-vga", "none", "-display", "none"].map(String::from));
            }
            // Only the default firmware sets up text mode.
            Screen::Hidden => arguments.extend(["-vga", "std", "-display", "none"].map(String::from)),
            Screen::Window => arguments.extend(["-vga", "std"].map(String::from)),
        }
        arguments.extend(["-m".into(), memory.to_string()]);
        arguments
    }

    /// What makes it count time in instructions, and stop where a check hangs.
    ///
    /// At a checkpoint it does what `checkpoint` says, an action of QEMU's.
    fn graded(checkpoint: &str) -> Vec<String> {
        let actions = format!("watchdog=pause,reboot=shutdown,shutdown=pause,panic={checkpoint}");
        // Nothing reads ACPI's tables; making them is a quarter of QEMU's start.
        let mut arguments = vec!["-machine", "pc,acpi=off", "-icount", "shift=3,sleep=off"];
        arguments.extend(["-device", "ib700", "-device", "pvpanic", "-action", &actions]);
        arguments.into_iter().map(String::from).collect()
    }

    /// A command line that shows a person the same boot on the terminal.
    fn command_to_repeat(&self, boot: &Boot<'_>) -> Vec<String> {
        let mut command = vec![self.program.display().to_string()];
        command.extend(self.machine(boot.memory, Screen::None));
        command.extend(Self::graded("none"));
        command.extend(["-serial", "stdio", "-kernel"].map(String::from));
        command.push(boot.image.display().to_string());
        command.extend(programs::arguments(boot.programs));
        command.extend(["-append".into(), boot.words.join(" ")]);
        command
    }

    /// A command that boots a kernel as an operating system. It lacks what the
    /// serial port, its console, is connected to.
    pub fn system(&self, image: &Path, memory: Memory, screen: Screen, programs: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.machine(memory, screen));
        command.args(["-no-reboot", "-kernel"]).arg(image);
        if let Some(folder) = image.parent() {
            command.current_dir(folder).args(programs::arguments(programs));
        }
        command
    }

    /// Starts QEMU, but does not boot yet.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn prepare(&self, boot: &Boot<'_>) -> Result<Machine> {
        let (control, control_end) =
            UnixStream::pair().map_err(|error| Error::new(format!("cannot talk to the emulator: {error}")))?;

        let seconds = last_resort(boot.budget);
        let mut command = machine::command(self.launcher.as_deref(), seconds, &self.program);
        command.args(self.machine(boot.memory, Screen::None)).args(Self::graded("pause"));
        if self.can_wait {
            command.arg("-preconfig");
        }
        // The emulator's standard input is the control connection and its
        // standard output the serial port, so no file in between is needed.
        command.args(["-S", "-chardev", "socket,id=control,fd=0", "-mon", "chardev=control,mode=control"]);
        command.args(["-chardev", "file,id=serial,path=/dev/stdout", "-serial", "chardev:serial"]);
        // Makes it say "Triple fault".
        command.args(["-d", "cpu_reset"]);
        // The boot loader puts the image's name before the command line, so it is given without its folder.
        let (folder, name) = (boot.image.parent(), boot.image.file_name());
        if let (Some(folder), Some(name)) = (folder.filter(|folder| !folder.as_os_str().is_empty()), name) {
            command.current_dir(folder).arg("-kernel").arg(name);
        } else {
            command.arg("-kernel").arg(boot.image);
        }
        command.args(programs::arguments(boot.programs));
        command.arg("-append").arg(boot.words.join(" "));
        command.stdin(OwnedFd::from(control_end)).stdout(Stdio::piped()).stderr(Stdio::piped());

        let mut process = Process::spawn(&mut command, Signal::KILL).map_err(|error| self.cannot_start(&error))?;
        Ok(Machine {
            watch: Watch::new(&mut process, Control::new(control), boot.look),
            process,
            command: self.command_to_repeat(boot),
            version: self.version.clone(),
            memory: boot.memory,
            patience: patience(boot.budget),
            can_wait: self.can_wait,
        })
    }

    fn cannot_start(&self, error: &io::Error) -> Error {
        let program = self.launcher.as_deref().unwrap_or(&self.program);
        Error::io("cannot start", program, error).advise("`cargo grade doctor` shows what was found")
    }
}

/// A QEMU that has been started and has not booted yet.
pub struct Machine {
    process: Process,
    watch: Watch,
    command: Vec<String>,
    version: String,
    memory: Memory,
    patience: Duration,
    can_wait: bool,
}

impl Machine {
    /// Boots, and waits for the end.
    ///
    /// # Errors
    /// If the emulator could not start the machine.
    pub fn run(mut self) -> Result<Outcome> {
        self.watch.control.start(self.can_wait);
        let stopped = self.watch.until_it_stops(&self.process, self.patience);
        let spent = matches!(stopped, Stopped::Spent);
        let mut processor = None;
        let end = match stopped {
            Stopped::Event(event) => {
                self.watch.drain();
                let triple = contains(&self.watch.complained, b"Triple fault");
                processor = Some(self.watch.control.processor());
                self.watch.look_at_the_end();
                Some(match event {
                    Event::Watchdog => End::Watchdog,
                    Event::Reset if triple => End::TripleFault,
                    Event::Reset => End::Reset,
                    // It stopped more often than can be meant.
                    Event::Checkpoint => End::Output,
                    Event::PowerOff => End::PoweredOff,
                })
            }
            Stopped::Flooded => Some(End::Output),
            Stopped::Idle => Some(End::Idle),
            Stopped::Spent => {
                self.watch.control.stop();
                let seen = self.watch.control.processor();
                self.watch.drain();
                // It may just have come to its own end: then there is nothing to be seen, and its status tells.
                let is_there = !seen.registers.is_empty();
                processor = is_there.then_some(seen);
                self.process.kill();
                is_there.then_some(End::ProcessorTime)
            }
            Stopped::Exited => None,
        };
        if end.is_some() {
            self.process.kill();
        }
        let status =
            self.process.wait().map_err(|error| Error::new(format!("cannot tell how the emulator ended: {error}")))?;
        let end = end.unwrap_or_else(|| match (status.code(), status.signal()) {
            (Some(code), _) => End::Exited(code),
            (None, Some(machine::SIGNAL_PROCESSOR_TIME)) => End::ProcessorTime,
            (None, _) if spent => End::ProcessorTime,
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        });
        let outcome = Outcome {
            serial: std::mem::take(&mut self.watch.said),
            end,
            processor,
            snapshots: std::mem::take(&mut self.watch.snapshots),
            complaints: own_complaints(&self.watch.complained),
            command: std::mem::take(&mut self.command),
        };
        self.check_started(&outcome)?;
        Ok(outcome)
    }

    /// Turns "could not even start" into an error that says why.
    fn check_started(&self, outcome: &Outcome) -> Result<()> {
        let End::Exited(code @ (1 | machine::EXIT_NOT_STARTED)) = outcome.end else { return Ok(()) };
        if !outcome.serial.is_empty() {
            return Ok(());
        }
        let why = outcome.complaints.lines().next_back().unwrap_or("it does not say why").trim().to_owned();
        let lower = why.to_lowercase();
        let advice = if code == machine::EXIT_NOT_STARTED {
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

/// How much processor time a machine may use before it is stopped.
fn patience(budget: u32) -> Duration {
    EXTRA_TIME + TIME_FOR_A_MILLION * budget
}

/// After so many seconds of processor time the operating system ends an emulator that was not stopped.
fn last_resort(budget: u32) -> u64 {
    EXTRA_SECONDS + u64::from(budget) / SLOWEST
}

/// Whether some bytes occur in others.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The emulator's complaints without the processor states that were asked for.
fn own_complaints(text: &[u8]) -> String {
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
    fn a_machine_is_stopped_before_the_operating_system_ends_it() {
        for budget in [0, 1, 100, 500, 2000, u32::MAX] {
            assert!(patience(budget) + Duration::from_secs(5) < Duration::from_secs(last_resort(budget)), "{budget}");
        }
        assert_eq!(patience(500), Duration::from_secs(11));
    }

    #[test]
    fn only_the_emulator_s_own_words_are_kept() {
        let text = b"CPU Reset (CPU 0)\nEAX=00000000 EBX=00000000\nES =0000 00000000\nGDT=     00000000\n\n\
                     qemu-system-i386: -icount shift=3: no such option\nTriple fault\n";
        assert_eq!(own_complaints(text), "qemu-system-i386: -icount shift=3: no such option");
    }
}
