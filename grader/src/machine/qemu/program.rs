//! QEMU's command line, for a graded boot and for an operating system to use.

use std::env;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::course::lab_toml::Memory;
use crate::course::programs;
use crate::host::error::{Error, Result};
use crate::host::launcher::{self, Limits};
use crate::host::process::Process;
use crate::machine::boot::Boot;

use super::gdb::Gdb;
use super::qmp::Control;
use super::running::Machine;
use super::watch::Watch;

/// Processor time that a machine may use besides the time for its budget, before it is stopped.
const EXTRA_TIME: Duration = Duration::from_secs(2);

/// Processor time for a million instructions. They take 2 to 6 ms on an ordinary
/// host, twice as long on a slow one, and half as long again where both
/// threads of a processor's core are at work.
const TIME_FOR_A_MILLION: Duration = Duration::from_millis(18);

/// Seconds of processor time after which the operating system ends the
/// emulator, besides the seconds for its budget.
const EXTRA_SECONDS: u64 = 10;

/// Million instructions that even a slow host executes in a second: with it, the budget becomes seconds.
const SLOWEST: u64 = 20;

/// The device by which the kernel ends the emulator. A machine that is used again has none.
pub(super) const EXIT_DEVICE: [&str; 2] = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"];

/// The rights that QEMU gives up once it has started: other programs, other users' rights, and old system calls.
pub(super) const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
/// QEMU's default processor, with the features that lab 06 switches on. An emulator that lacks one of
/// them says so and goes on without it; the kernel asks the processor for its features.
const PROCESSOR: &str = "qemu32,+smep,+smap,+umip";

/// A QEMU that was found.
#[derive(Clone, Debug)]
pub struct Qemu {
    /// The program.
    pub program: PathBuf,
    /// Its name and version, such as `QEMU 7.2.22`.
    pub version: String,
    /// A firmware that starts faster than the default one, if this QEMU has one.
    pub firmware: Option<String>,
    /// Whether this QEMU can be started first and given its kernel later.
    pub can_wait: bool,
    /// Whether this QEMU can give up system calls.
    pub sandbox: bool,
    /// The grader's own program; see [`launcher`].
    pub launcher: Option<PathBuf>,
}

/// Whether a machine has a screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Screen {
    /// It has none.
    None,
    /// It has one that is not shown; pictures of it can be taken.
    Hidden,
    /// It has one that is shown in a window.
    Window,
}

impl Qemu {
    /// The arguments for the machine that the kernel is written for.
    pub(super) fn machine(&self, memory: Memory, screen: Screen) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["-nodefaults", "-nic", "none", "-accel", "tcg", "-cpu", PROCESSOR].map(String::from).into();
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
        if self.sandbox {
            arguments.extend(["-sandbox", SANDBOX].map(String::from));
        }
        arguments
    }

    /// The arguments that make a machine count time in instructions, and stop if a check hangs.
    ///
    /// `checkpoint` is QEMU's action at a checkpoint.
    fn graded(checkpoint: &str) -> Vec<String> {
        let actions = format!("watchdog=pause,reboot=shutdown,shutdown=pause,panic={checkpoint}");
        // Nothing reads ACPI's tables, and making them takes a quarter of QEMU's start. The kernel does
        // not use the other devices that are off either.
        let mut arguments = vec!["-machine", "pc,acpi=off,hpet=off,vmport=off,smbus=off"];
        // All clocks show the machine's time, so each interrupt comes after a fixed number of instructions, or never.
        arguments.extend(["-icount", "shift=3,sleep=off", "-rtc", "clock=vm"]);
        arguments.extend(["-device", "ib700", "-device", "pvpanic", "-action", &actions]);
        arguments.into_iter().map(String::from).collect()
    }

    /// A command line that shows a person the same boot on the terminal.
    pub(super) fn command_to_repeat(&self, boot: &Boot<'_>) -> Vec<String> {
        let mut command = vec![self.program.display().to_string()];
        command.extend(self.machine(boot.memory, Screen::None));
        command.extend(EXIT_DEVICE.map(String::from));
        command.extend(Self::graded("none"));
        command.extend(["-serial", "stdio", "-kernel"].map(String::from));
        command.push(boot.image.display().to_string());
        command.extend(programs::arguments(boot.programs));
        command.extend(["-append".into(), boot.words.join(" ")]);
        command
    }

    /// A command that boots a kernel as an operating system. The caller connects the
    /// serial port, which is the system's console.
    pub fn system(&self, image: &Path, memory: Memory, screen: Screen, programs: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.machine(memory, screen)).args(EXIT_DEVICE);
        command.arg("-no-reboot");
        give_kernel(&mut command, image);
        command.args(programs::arguments(programs));
        command
    }

    /// Starts QEMU, but does not boot yet.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn prepare(&self, boot: &Boot<'_>) -> Result<Machine> {
        let mut command = self.waiting(boot);
        command.args(EXIT_DEVICE);
        command.arg("-append").arg(boot.kernel_words());
        let (mut process, connections) = connected(command).map_err(|error| self.cannot_start(&error))?;
        Ok(Machine {
            watch: Watch::new(&mut process, connections, boot),
            process,
            command: self.command_to_repeat(boot),
            version: self.version.clone(),
            memory: boot.memory,
            patience: patience(boot.budget),
            can_wait: self.can_wait,
        })
    }

    /// Starts QEMU for a machine that takes one check after the other, but does not boot yet.
    ///
    /// `boot.words` are not passed on, and `boot.budget` is that of all checks together.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(super) fn start_reused(&self, boot: &Boot<'_>) -> io::Result<(Process, Connections)> {
        let mut command = self.waiting(boot);
        command.args(["-append", "wait"]);
        // The machine is saved in the temporary file of a disk that has nothing in it and is
        // connected to nothing. The emulator removes the file's name as soon as it is open.
        command.args(["-drive", "if=none,driver=null-co,snapshot=on"]).env("TMPDIR", env::temp_dir());
        connected(command)
    }

    /// A QEMU that builds the machine for a boot and waits. The caller adds the control
    /// connection, the serial port and the kernel's words.
    fn waiting(&self, boot: &Boot<'_>) -> Command {
        let mut command =
            launcher::command(self.launcher.as_deref(), Limits::seconds(last_resort(boot.budget)), &self.program);
        command.args(self.machine(boot.memory, Screen::None)).args(Self::graded("pause"));
        if self.can_wait {
            command.arg("-preconfig");
        }
        command.args(["-S", "-mon", "chardev=control,mode=control", "-serial", "chardev:serial"]);
        // Makes it say "Triple fault".
        command.args(["-d", "cpu_reset"]);
        give_kernel(&mut command, boot.image);
        command.args(programs::arguments(boot.programs));
        command
    }

    fn cannot_start(&self, error: &io::Error) -> Error {
        let program = self.launcher.as_deref().unwrap_or(&self.program);
        Error::io("cannot start", program, error).advise("`cargo grade doctor` shows what was found")
    }
}

/// The connections to one emulator that are no standard files.
pub struct Connections {
    /// For control.
    pub control: Control,
    /// For a debugger; the emulator does not listen to it yet.
    pub gdb: Gdb,
}

/// Starts an emulator. The machine's serial port is the emulator's standard input and output, and its
/// connections for control and for a debugger are two more open files, so no file with a name is needed.
fn connected(mut command: Command) -> io::Result<(Process, Connections)> {
    let (control, control_end) = UnixStream::pair()?;
    let (gdb, gdb_end) = UnixStream::pair()?;
    let ends = [OwnedFd::from(control_end), OwnedFd::from(gdb_end)];
    for (name, end) in ["control", "gdb"].into_iter().zip(&ends) {
        command.args(["-chardev".into(), format!("socket,id={name},fd={}", end.as_raw_fd())]);
    }
    command.args(["-chardev", "stdio,id=serial,signal=off"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = Process::spawn_with(&mut command, &ends, Signal::KILL)?;
    Ok((process, Connections { control: Control::new(control), gdb: Gdb::new(gdb) }))
}

/// Gives a machine its kernel. QEMU puts the name before the kernel's words, so it is given without its folder,
/// whose name may have words in it, too.
pub(super) fn give_kernel(command: &mut Command, image: &Path) {
    let (folder, name) = (image.parent(), image.file_name());
    if let (Some(folder), Some(name)) = (folder.filter(|folder| !folder.as_os_str().is_empty()), name) {
        command.current_dir(folder).arg("-kernel").arg(name);
    } else {
        command.arg("-kernel").arg(image);
    }
}

/// How much processor time a machine may use before it is stopped.
pub(super) fn patience(budget: u32) -> Duration {
    EXTRA_TIME + TIME_FOR_A_MILLION * budget
}

/// The seconds of processor time after which the operating system ends an emulator that was not stopped.
pub(super) fn last_resort(budget: u32) -> u64 {
    EXTRA_SECONDS + u64::from(budget) / SLOWEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_words_never_come_from_a_folder_s_name() {
        let mut command = Command::new("qemu");
        give_kernel(&mut command, Path::new("/home/a list look/target/kernel/images/pmm.elf"));
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["-kernel", "pmm.elf"]);
        assert_eq!(command.get_current_dir(), Some(Path::new("/home/a list look/target/kernel/images")));
    }

    #[test]
    fn where_there_is_a_sandbox_every_machine_is_in_it() {
        let qemu = |sandbox| Qemu {
            program: "qemu".into(),
            version: String::new(),
            firmware: None,
            can_wait: true,
            sandbox,
            launcher: None,
        };
        let all_denied = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
        for screen in [Screen::None, Screen::Hidden, Screen::Window] {
            let arguments = qemu(true).machine(Memory::DEFAULT, screen);
            assert!(arguments.windows(2).any(|pair| pair == ["-sandbox", all_denied]), "{arguments:?}");
            assert!(!qemu(false).machine(Memory::DEFAULT, screen).contains(&"-sandbox".to_owned()));
        }
    }

    #[test]
    fn a_machine_is_stopped_before_the_operating_system_ends_it() {
        for budget in [0, 1, 100, 500, 2000, u32::MAX] {
            assert!(patience(budget) + Duration::from_secs(5) < Duration::from_secs(last_resort(budget)), "{budget}");
        }
        assert_eq!(patience(500), Duration::from_secs(11));
    }
}
