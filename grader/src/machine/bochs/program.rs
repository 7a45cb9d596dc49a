//! Bochs: another PC for the same kernel, booted from a CD by GRUB.
//!
//! Bochs draws its screen on its standard output, a terminal; here the output is
//! discarded. Its standard input has the debugger's commands, its standard error the
//! answers. All other files are in a folder for each boot.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use crate::course::lab_toml::Memory;
use crate::host::error::{Error, Result};
use crate::host::launcher::{self, Limits};
use crate::host::process::Process;

use crate::machine::boot::Boot;

use super::debugger::Debugger;
use super::disc::{Disc, Grub};
use super::running::{Machine, SERIAL};

/// Processor time that a machine may use besides the time for its budget, before it is stopped.
/// Bochs takes 6 seconds to make a machine with 3.5 GiB.
const EXTRA_TIME: Duration = Duration::from_secs(40);

/// Processor time for a million instructions; they take 10 to 30 ms on an ordinary host.
const TIME_FOR_A_MILLION: Duration = Duration::from_millis(80);

/// Seconds of processor time after which the operating system ends Bochs, besides the seconds for its budget.
const EXTRA_SECONDS: u64 = 80;

/// Million instructions that even a slow host executes in a second: with it, the budget becomes seconds.
const SLOWEST: u64 = 10;

/// The most memory that can be given to Bochs at once, in MiB; it keeps the rest in a file.
const MOST_HOST_MEMORY: u32 = 2048;

/// Where the memory of a PC ends below its devices, in MiB: the rest is above 4 GiB.
const MOST_LOW_MEMORY: u32 = 3072;

/// The name of the CD's file, in the machine's folder.
const DISC: &str = "disc.iso";

/// How many million instructions make a second of the machine's time: as many as in
/// QEMU, so that a timer interrupts after as many instructions.
const MILLIONS_PER_SECOND: u32 = 125;

/// One of the processors of Bochs 2.7 that have SMEP, SMAP and UMIP, which lab 06 switches on.
const PROCESSOR: &str = "corei7_icelake_u";

/// The size of a CD, in bytes. Most of it is empty and takes no room on the disk. Bochs makes
/// the machine wait for the way from one sector to the next; on a large CD that way is a small
/// part of the whole.
const CD_SIZE: u64 = 640 << 20;

/// A Bochs that was found.
#[derive(Clone, Debug)]
pub struct Bochs {
    /// The program.
    pub program: PathBuf,
    /// Its name and version, such as `Bochs 2.7`.
    pub version: String,
    /// The programs and files with which a CD is made.
    pub grub: Grub,
    /// The grader's own program; see [`launcher`].
    pub launcher: Option<PathBuf>,
    discs: Discs,
}

/// The CDs that were made, by the kernel's file, when it was changed, and whether
/// the programs are with it.
type Discs = Arc<Mutex<HashMap<(PathBuf, Option<SystemTime>, bool), Arc<Disc>>>>;

impl Bochs {
    /// A Bochs with this version, and with a GRUB for its CDs.
    pub fn new(program: PathBuf, version: String, grub: Grub) -> Self {
        Self { program, version, grub, launcher: launcher::launcher(), discs: Discs::default() }
    }

    /// The configuration of a machine like the graded machines, but without a CD.
    pub fn configuration_to_try() -> String {
        configuration(Memory::DEFAULT)
            .lines()
            .filter(|line| !line.contains("cdrom"))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// Starts Bochs, with a machine that has not executed anything yet.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn prepare(&self, boot: &Boot<'_>) -> Result<Machine> {
        let disc = self.disc(boot)?.with(&boot.words, boot.programs)?;
        let folder = tempfile::tempdir().map_err(|error| Error::new(format!("cannot make a folder: {error}")))?;
        let write = |name: &str, bytes: &[u8]| {
            let file = folder.path().join(name);
            fs::write(&file, bytes).map_err(|error| Error::io("cannot write", &file, &error))
        };
        write(DISC, &disc)?;
        let whole = File::options().write(true).open(folder.path().join(DISC)).and_then(|file| file.set_len(CD_SIZE));
        whole.map_err(|error| Error::io("cannot write", &folder.path().join(DISC), &error))?;
        write("bochsrc", configuration(boot.memory).as_bytes())?;
        let mut command =
            launcher::command(self.launcher.as_deref(), Limits::seconds(last_resort(boot.budget)), &self.program);
        command.args(["-q", "-f", "bochsrc", "-rc", "/dev/stdin", "-dbglog", "/dev/stderr"]);
        // A terminal that every system knows, and that can be drawn on.
        command.current_dir(folder.path()).env("TERM", "vt100");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let cannot_start = |error: &std::io::Error| {
            Error::io("cannot start", &self.program, error).advise("`cargo grade doctor` shows what was found")
        };
        let mut process = Process::spawn(&mut command, Signal::KILL).map_err(|error| cannot_start(&error))?;
        let (Some(input), Some(output)) = (process.stdin(), process.stderr()) else {
            return Err(Error::new("cannot talk to Bochs"));
        };
        let low = u64::from(boot.memory.mebibytes().min(MOST_LOW_MEMORY)) << 20;
        Ok(Machine {
            process,
            debugger: Debugger::new(input, output, low),
            folder,
            version: self.version.clone(),
            command: vec![
                self.program.display().to_string(),
                "-q".into(),
                format!("megs: {}", boot.memory.mebibytes()),
            ],
            patience: patience(boot.budget),
            look: boot.look,
            snapshots: Vec::new(),
            watchdog: None,
        })
    }

    /// The CD for this boot, made if there is none yet.
    fn disc(&self, boot: &Boot<'_>) -> Result<Arc<Disc>> {
        let changed = fs::metadata(boot.image).and_then(|file| file.modified()).ok();
        // A thread that comes meanwhile needs the same CD, so it waits.
        let mut discs = self.discs.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (boot.image.to_owned(), changed, boot.programs.is_empty());
        if let Some(disc) = discs.get(&key) {
            return Ok(Arc::clone(disc));
        }
        let disc = Arc::new(Disc::make(&self.grub, boot.image, boot.programs)?);
        discs.insert(key, Arc::clone(&disc));
        Ok(disc)
    }
}

/// Bochs' configuration of a machine.
///
/// The firmware waits long for a drive that does not answer, so there is a second
/// drive, and no second cable.
fn configuration(memory: Memory) -> String {
    let guest = memory.mebibytes();
    let host = guest.min(MOST_HOST_MEMORY);
    let serial = SERIAL;
    format!(
        "display_library: term\n\
         cpu: model={PROCESSOR}, count=1, ips={MILLIONS_PER_SECOND}000000, reset_on_triple_fault=0\n\
         clock: sync=none, time0=1\n\
         memory: guest={guest}, host={host}\n\
         romimage: file=$BXSHARE/BIOS-bochs-legacy, options=fastboot\n\
         vgaromimage: file=$BXSHARE/VGABIOS-lgpl-latest\n\
         boot: cdrom\n\
         ata0-master: type=cdrom, path={DISC}, status=inserted\n\
         ata0-slave: type=cdrom, path=none, status=ejected\n\
         ata1: enabled=0\n\
         com1: enabled=1, mode=file, dev={serial}\n\
         sound: driver=dummy\n\
         magic_break: enabled=1\n\
         log: /dev/stderr\n\
         panic: action=fatal\n\
         error: action=report\n\
         info: action=ignore, CPU0=report\n\
         debug: action=ignore\n"
    )
}

/// How much processor time a machine may use before it is stopped.
fn patience(budget: u32) -> Duration {
    EXTRA_TIME + TIME_FOR_A_MILLION * budget
}

/// The seconds of processor time after which the operating system ends a Bochs that was not stopped.
fn last_resort(budget: u32) -> u64 {
    EXTRA_SECONDS + u64::from(budget) / SLOWEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_stopped_before_the_operating_system_ends_it() {
        for budget in [0, 1, 100, 500, 2000, u32::MAX] {
            assert!(patience(budget) + Duration::from_secs(5) < Duration::from_secs(last_resort(budget)), "{budget}");
        }
    }

    #[test]
    fn what_is_tried_out_needs_no_cd() {
        let text = Bochs::configuration_to_try();
        assert!(text.contains("display_library: term") && text.contains("guest=64, host=64"), "{text}");
        assert!(!text.contains("disc.iso"), "{text}");
        let large = configuration(Memory::parse("3583M").unwrap());
        assert!(large.contains("guest=3583, host=2048") && large.contains("path=disc.iso"), "{large}");
    }
}
