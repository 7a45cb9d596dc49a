//! A run that is recorded, so that a debugger can go through it again.
//!
//! QEMU records all input from outside, which for a check is next to nothing. A replay counts
//! instructions, stops after any number of them, and is the same every time. A recording has no
//! snapshots, so QEMU itself cannot go backwards: in 7.2, loading a snapshot into a machine that has
//! run sometimes never ends. To go backwards, the replay is started again instead.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::course::programs;
use crate::host::error::{Error, Result};
use crate::host::exit;
use crate::host::launcher::{self, Limits};
use crate::host::process;
use crate::machine::boot::Boot;
use crate::machine::outcome::{End, Outcome};

use super::program::{EXIT_DEVICE, Qemu, Screen, give_kernel, last_resort};
use super::running::own_complaints;

/// The kernel that was recorded.
const KERNEL: &str = "kernel.elf";

/// A recording of a run, in a folder.
pub struct Recording {
    /// The recording's own folder.
    folder: PathBuf,
}

impl Recording {
    /// An empty one, in a folder of this process's own in `folder`. Those of processes that are gone are removed.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn create(folder: &Path) -> Result<Self> {
        for old in fs::read_dir(folder).into_iter().flatten().flatten() {
            let process = old.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            if process.is_some_and(|process| test_kill_process(process) == Err(Errno::SRCH)) {
                // Another process may have removed it meanwhile.
                let _ = fs::remove_dir_all(old.path());
            }
        }
        let own = folder.join(std::process::id().to_string());
        // A process that had this number before may have left files.
        let _ = fs::remove_dir_all(&own);
        fs::create_dir_all(&own).map_err(|error| Error::io("cannot make", &own, &error))?;
        Ok(Self { folder: own })
    }

    /// Keeps a copy of the kernel beside the recording, and returns the copy's path: the next build replaces the
    /// kernel, and a recording is of no use without its own. The programs stay where they are.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn keep(&self, image: &Path) -> Result<PathBuf> {
        let (own, programs) = (self.folder.join(KERNEL), self.folder.join(programs::FOLDER));
        fs::copy(image, &own).map_err(|error| Error::io("cannot copy the kernel to", &own, &error))?;
        if let Some(images) = image.parent() {
            symlink(images.join(programs::FOLDER), &programs)
                .map_err(|error| Error::io("cannot make", &programs, &error))?;
        }
        Ok(own)
    }

    /// The folder for the recording's files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// QEMU's options. `mode` is `record` or `replay`.
    fn options(&self, mode: &str) -> [String; 2] {
        // A single comma ends an option of the emulator's; two commas stand for one.
        let log = self.folder.join("log").display().to_string().replace(',', ",,");
        ["-icount".to_owned(), format!("shift=3,sleep=off,rr={mode},rrfile={log}")]
    }
}

impl Qemu {
    /// Boots, records the run, and waits for its end.
    ///
    /// # Errors
    /// If the emulator cannot be started.
    pub fn record(&self, boot: &Boot<'_>, recording: &Recording) -> Result<Outcome> {
        let limits = Limits::seconds(last_resort(boot.budget));
        let mut command = launcher::command(self.launcher.as_deref(), limits, &self.program);
        self.add_options(&mut command, boot, &recording.options("record"));
        command.args(["-action", "watchdog=poweroff,reboot=shutdown,shutdown=poweroff,panic=none"]);
        command.args(["-serial", "stdio", "-d", "cpu_reset"]);
        let ran = process::output(&mut command).map_err(|error| Error::io("cannot start", &self.program, &error))?;
        let complaints = own_complaints(&ran.stderr);
        let end = match (ran.status.code(), ran.status.signal()) {
            (Some(exit::EMULATOR_NOT_STARTED), _) if ran.stdout.is_empty() => {
                return Err(Error::new(format!("{} could not record a run", self.version)).output(complaints));
            }
            (Some(0), _) if String::from_utf8_lossy(&ran.stderr).contains("Triple fault") => End::TripleFault,
            (Some(0), _) => End::Watchdog,
            (Some(code), _) => End::Exited(code),
            (None, _) => End::ProcessorTime,
        };
        Ok(Outcome {
            serial: ran.stdout,
            end,
            processor: None,
            snapshots: Vec::new(),
            conclusion: None,
            complaints,
            command: Vec::new(),
        })
    }

    /// A command for a shell that replays the run, controlled by a debugger at its standard input and
    /// output.
    pub fn replay(&self, boot: &Boot<'_>, recording: &Recording) -> Command {
        let mut command = launcher::command_of_shell(self.launcher.as_deref(), Limits::default(), &self.program);
        self.add_options(&mut command, boot, &recording.options("replay"));
        command.args(["-action", "watchdog=pause,reboot=shutdown,shutdown=pause,panic=none"]);
        command.args(["-serial", "null", "-S", "-gdb", "stdio"]);
        command
    }

    fn add_options(&self, command: &mut Command, boot: &Boot<'_>, options: &[String]) {
        command.args(self.machine(boot.memory, Screen::None)).args(EXIT_DEVICE);
        command.args(["-machine", "pc,acpi=off,hpet=off,vmport=off,smbus=off", "-rtc", "clock=vm"]);
        command.args(["-device", "ib700", "-device", "pvpanic"]).args(options);
        give_kernel(command, boot.image);
        command.args(programs::arguments(boot.programs)).arg("-append").arg(boot.words.join(" "));
    }
}
