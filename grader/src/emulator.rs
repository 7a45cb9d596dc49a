//! Machines to boot a kernel on: QEMU, started once for each boot.

use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::error::{Error, Result};
use crate::interrupt::Process;
use crate::lab_toml::Memory;
use crate::machine;
use crate::qmp::{Control, Event, Processor};
use crate::verdict::End;

/// More than this of output cannot be meant: the machine is stopped.
pub const MOST_OUTPUT: usize = 256 << 10;

/// More than this of the emulator's own complaints is not kept.
const MOST_COMPLAINTS: usize = 64 << 10;

/// Processor time that a machine may use besides that of its budget.
const EXTRA_SECONDS: u64 = 10;

/// So few million instructions a second are executed even on a slow host.
const SLOWEST: u64 = 20;

/// Samples in a row of a machine that does nothing at all, before it is given up.
const IDLE_SAMPLES: u32 = 10;

/// The time between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// SIGXCPU: the processor time is used up. The number is the same on Linux and macOS.
const SIGNAL_PROCESSOR_TIME: i32 = 24;

/// An emulator that was found.
#[derive(Clone, Debug)]
pub struct Emulator {
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

/// One boot: what to start, and with what.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    /// The kernel's image.
    pub image: &'a Path,
    /// How much memory the machine has.
    pub memory: Memory,
    /// The kernel's command line.
    pub words: Vec<String>,
    /// How many million instructions it may execute.
    pub budget: u32,
}

/// What became of a boot.
#[derive(Debug)]
pub struct Outcome {
    /// What came over the serial port, at most [`MOST_OUTPUT`] bytes and a little.
    pub serial: Vec<u8>,
    /// How the machine ended.
    pub end: End,
    /// The processor as it was when the machine was stopped.
    pub processor: Option<Processor>,
    /// What the emulator itself complained about.
    pub complaints: String,
    /// The emulator's command line, for a person to repeat.
    pub command: Vec<String>,
}

impl Emulator {
    /// What makes a machine the one that the kernel is written for.
    fn machine(&self, memory: Memory) -> Vec<String> {
        let mut arguments: Vec<String> = Vec::new();
        if let Some(firmware) = &self.firmware {
            arguments.extend(["-bios".into(), firmware.clone()]);
        }
        arguments.extend(
            ["-nodefaults", "-nic", "none", "-vga", "none", "-display", "none", "-accel", "tcg"].map(String::from),
        );
        arguments.extend(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"].map(String::from));
        arguments.extend(["-m".into(), memory.to_string()]);
        arguments
    }

    /// What makes it count time in instructions, and stop where a check hangs.
    fn graded() -> [String; 6] {
        ["-icount", "shift=3,sleep=off", "-device", "ib700", "-action", "watchdog=pause,reboot=shutdown,shutdown=pause"]
            .map(String::from)
    }

    /// A command line that shows a person the same boot on the terminal.
    fn command_to_repeat(&self, boot: &Boot<'_>) -> Vec<String> {
        let mut command = vec![self.program.display().to_string()];
        command.extend(self.machine(boot.memory));
        command.extend(Self::graded());
        command.extend(["-serial", "stdio", "-kernel"].map(String::from));
        command.push(boot.image.display().to_string());
        command.extend(["-append".into(), boot.words.join(" ")]);
        command
    }

    /// A command that boots a kernel as an operating system, with the terminal as its console.
    pub fn interactive(&self, image: &Path, memory: Memory, words: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.machine(memory));
        command.args(["-no-reboot", "-serial", "mon:stdio", "-kernel"]).arg(image);
        if !words.is_empty() {
            command.arg("-append").arg(words.join(" "));
        }
        command
    }

    /// Boots a machine and waits for its end.
    ///
    /// # Errors
    /// If the emulator cannot be started.
    pub fn boot(&self, boot: &Boot<'_>) -> Result<Outcome> {
        self.prepare(boot)?.run()
    }

    /// Starts an emulator, but does not boot yet.
    ///
    /// Half of the time that a boot takes is the emulator's own start, which
    /// does not need the kernel's image. So that much can be done while the
    /// image is still being built.
    ///
    /// The thread that calls this must live for as long as the machine: on
    /// Linux the emulator ends with it.
    ///
    /// # Errors
    /// If the emulator cannot be started.
    pub fn prepare(&self, boot: &Boot<'_>) -> Result<Machine> {
        let pair = || UnixStream::pair().map_err(|error| Error::new(format!("cannot talk to the emulator: {error}")));
        let (control, control_end) = pair()?;
        let (serial, serial_end) = pair()?;

        let seconds = EXTRA_SECONDS + u64::from(boot.budget) / SLOWEST;
        let mut command = machine::command(self.launcher.as_deref(), seconds, &self.program);
        command.args(self.machine(boot.memory)).args(Self::graded());
        if self.can_wait {
            command.arg("-preconfig");
        }
        // The emulator's standard input is the control connection and its
        // standard output the serial port, so no file in between is needed.
        command.args(["-S", "-chardev", "socket,id=control,fd=0", "-mon", "chardev=control,mode=control"]);
        command.args(["-chardev", "socket,id=serial,fd=1", "-serial", "chardev:serial"]);
        // Makes it say "Triple fault".
        command.args(["-d", "cpu_reset"]);
        // The boot loader puts the image's name before the command line, so it is given without its folder.
        let (folder, name) = (boot.image.parent(), boot.image.file_name());
        if let (Some(folder), Some(name)) = (folder.filter(|folder| !folder.as_os_str().is_empty()), name) {
            command.current_dir(folder).arg("-kernel").arg(name);
        } else {
            command.arg("-kernel").arg(boot.image);
        }
        command.arg("-append").arg(boot.words.join(" "));
        command.stdin(OwnedFd::from(control_end)).stdout(OwnedFd::from(serial_end)).stderr(Stdio::piped());

        let mut process = Process::spawn(&mut command, Signal::KILL).map_err(|error| self.cannot_start(&error))?;
        // The command keeps the emulator's ends open; without this, the end of the output would never be seen.
        drop(command);
        let complaints = process.stderr();
        Ok(Machine {
            process,
            watch: Watch { serial, control: Control::new(control), complaints, said: vec![], complained: vec![] },
            command: self.command_to_repeat(boot),
            version: self.version.clone(),
            memory: boot.memory,
            can_wait: self.can_wait,
        })
    }

    fn cannot_start(&self, error: &io::Error) -> Error {
        let program = self.launcher.as_deref().unwrap_or(&self.program);
        Error::io("cannot start", program, error).advise("`cargo grade doctor` shows what was found")
    }
}

/// An emulator that has been started and has not booted yet.
pub struct Machine {
    process: Process,
    watch: Watch,
    command: Vec<String>,
    version: String,
    memory: Memory,
    can_wait: bool,
}

impl Machine {
    /// Boots, and waits for the end.
    ///
    /// # Errors
    /// If the emulator could not start the machine.
    pub fn run(mut self) -> Result<Outcome> {
        self.watch.control.start(self.can_wait);
        let stopped = self.watch.until_it_stops(&self.process);
        let mut processor = None;
        let end = match stopped {
            Stopped::Event(event) => {
                self.watch.drain();
                let triple = contains(&self.watch.complained, b"Triple fault");
                processor = Some(self.watch.control.processor());
                Some(match event {
                    Event::Watchdog => End::Watchdog,
                    Event::Reset if triple => End::TripleFault,
                    Event::Reset => End::Reset,
                    Event::PowerOff => End::PoweredOff,
                })
            }
            Stopped::Flooded => Some(End::Output),
            Stopped::Idle => Some(End::Idle),
            Stopped::Exited => None,
        };
        if end.is_some() {
            self.process.kill();
        }
        let status =
            self.process.wait().map_err(|error| Error::new(format!("cannot tell how the emulator ended: {error}")))?;
        let end = end.unwrap_or_else(|| match (status.code(), status.signal()) {
            (Some(code), _) => End::Exited(code),
            (None, Some(SIGNAL_PROCESSOR_TIME)) => End::ProcessorTime,
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        });
        let outcome = Outcome {
            serial: std::mem::take(&mut self.watch.said),
            end,
            processor,
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

/// Whether some bytes occur in others.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The emulator's complaints without the processor states that were asked for.
fn own_complaints(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .lines()
        .filter(|line| line.starts_with("qemu") || line.contains(": "))
        .filter(|line| !line.contains('='))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Why the waiting is over.
enum Stopped {
    Event(Event),
    Flooded,
    Idle,
    Exited,
}

/// Everything that a running machine says.
struct Watch {
    serial: UnixStream,
    control: Control,
    complaints: Option<ChildStderr>,
    said: Vec<u8>,
    complained: Vec<u8>,
}

impl Watch {
    fn until_it_stops(&mut self, process: &Process) -> Stopped {
        let mut idle = Idleness::new(process.id());
        let mut control_open = true;
        loop {
            let (serial, control, complaints) = {
                let mut sources = vec![PollFd::new(&self.serial, PollFlags::IN)];
                let at_control = sources.len();
                if control_open {
                    sources.push(PollFd::new(self.control.stream(), PollFlags::IN));
                }
                let at_complaints = sources.len();
                if let Some(complaints) = &self.complaints {
                    sources.push(PollFd::new(complaints, PollFlags::IN));
                }
                let patience = Timespec::try_from(SAMPLE_EVERY).ok();
                match poll(&mut sources, patience.as_ref()) {
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
                    Ok(Some(event)) => return Stopped::Event(event),
                    Ok(None) => {}
                    Err(_) => control_open = false,
                }
            }
        }
    }

    /// Reads from the serial port; `false` at its end.
    fn read_serial(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        match self.serial.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.said.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::Interrupted || error.kind() == io::ErrorKind::WouldBlock,
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
    fn drain(&mut self) {
        if self.serial.set_nonblocking(true).is_ok() {
            let mut buffer = [0; 16 << 10];
            while let Ok(count @ 1..) = self.serial.read(&mut buffer) {
                self.said.extend_from_slice(&buffer[..count]);
                if self.said.len() > MOST_OUTPUT {
                    break;
                }
            }
        }
        let ready = |complaints: &ChildStderr| {
            let mut sources = [PollFd::new(complaints, PollFlags::IN)];
            poll(&mut sources, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|count| count > 0)
        };
        while self.complaints.as_ref().is_some_and(ready) {
            self.read_complaints();
        }
    }
}

/// Tells a machine that does nothing at all from one that waits for the processor.
struct Idleness {
    process: u32,
    since: Instant,
    used: Option<String>,
    samples: u32,
}

impl Idleness {
    fn new(process: u32) -> Self {
        Self { process, since: Instant::now(), used: None, samples: 0 }
    }

    /// Looks at the process; `true` once it has been asleep long enough.
    ///
    /// A process that would run if the host were not so busy is not asleep.
    fn sample(&mut self) -> bool {
        if self.since.elapsed() < SAMPLE_EVERY {
            return false;
        }
        self.since = Instant::now();
        let now = asleep(self.process);
        if now.is_some() && now == self.used {
            self.samples += 1;
        } else {
            self.samples = 0;
        }
        self.used = now;
        self.samples >= IDLE_SAMPLES
    }
}

/// The processor time that a process has used, if all of its threads sleep.
fn asleep(process: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        let mut used = String::new();
        for task in fs::read_dir(format!("/proc/{process}/task")).ok()? {
            let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            // The name may contain anything, so the fields are counted from its end.
            let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
            if *fields.first()? != "S" {
                return None;
            }
            used.push_str(&format!("{}+{} ", fields.get(11)?, fields.get(12)?));
        }
        Some(used)
    } else {
        let output = Command::new("ps").args(["-o", "state=,time=", "-p", &process.to_string()]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        matches!(text.trim_start().chars().next(), Some('S' | 'I')).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_process_is_told_from_a_working_one() {
        let mut sleeping = Command::new("sleep").arg("60").spawn().unwrap();
        let seen = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            asleep(sleeping.id()).is_some()
        });
        sleeping.kill().unwrap();
        sleeping.wait().unwrap();
        assert!(seen);
        // This very process has a thread that runs.
        assert_eq!(asleep(std::process::id()), None);
    }

    #[test]
    fn only_the_emulator_s_own_words_are_kept() {
        let text = b"CPU Reset (CPU 0)\nEAX=00000000 EBX=00000000\nqemu-system-i386: cannot set up guest memory\n";
        assert_eq!(own_complaints(text), "qemu-system-i386: cannot set up guest memory");
    }
}
