//! The operating system with the references, at its shell, and the typing.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::course::lab_toml::Memory;
use crate::host::error::{Error, Result};
use crate::host::process::Process;
use crate::host::progress::Progress;
use crate::judge::Engine;
use crate::machine::qemu::{Control, Screen};

/// The shell's prompt.
const PROMPT: &[u8] = b"folio> ";

/// How long the shell may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A machine that runs the references. It ends when it is dropped.
pub struct Shell {
    /// The connection for looking at the machine and stopping it.
    pub control: Control,
    serial: UnixStream,
    process: Process,
}

impl Shell {
    /// Boots the references.
    ///
    /// # Errors
    /// If the kernel does not build, or the emulator does not start.
    pub fn start(engine: &Engine, memory: Memory, progress: &Progress) -> Result<Self> {
        let image = engine.site.image_of(&engine.site.mix(&[]), progress)?;
        progress.finish();
        let qemu = engine.emulator.qemu()?;
        let talk = |error| Error::new(format!("cannot talk to the emulator: {error}"));
        let (control, control_end) = UnixStream::pair().map_err(talk)?;
        let (serial, serial_end) = UnixStream::pair().map_err(talk)?;
        let mut command = qemu.system(&image.path, memory, Screen::Hidden, &engine.site.programs()?);
        command.args(["-chardev", "socket,id=control,fd=0", "-mon", "chardev=control,mode=control", "-S"]);
        command.args(["-chardev", "socket,id=serial,fd=1", "-serial", "chardev:serial"]);
        command.stdin(OwnedFd::from(control_end)).stdout(OwnedFd::from(serial_end)).stderr(Stdio::null());
        let process = Process::spawn(&mut command, Signal::KILL)
            .map_err(|error| Error::io("cannot start", &qemu.program, &error))?;
        // The emulator's ends of the connections are closed here, so that its exit is noticed.
        drop(command);
        let mut control = Control::new(control);
        control.start(false);
        Ok(Self { control, serial, process })
    }

    /// Types lines, each when the shell waits for one; without lines, waits for the first prompt.
    ///
    /// # Errors
    /// If the shell does not come up.
    pub fn type_lines(&mut self, lines: &[String]) -> Result<()> {
        for line in lines {
            self.wait_for_prompt()?;
            self.serial
                .write_all(format!("{line}\n").as_bytes())
                .map_err(|error| Error::new(format!("cannot type: {error}")))?;
        }
        if lines.is_empty() { self.wait_for_prompt() } else { Ok(()) }
    }

    /// Lets the machine run for a while, and then calls `look`.
    ///
    /// # Errors
    /// If the machine's output cannot be read.
    pub fn after<T>(&mut self, wait: Duration, look: impl FnOnce(&mut Control) -> T) -> Result<T> {
        // The output is read meanwhile, so that the machine never waits for a reader.
        let mut drain = self.serial.try_clone().map_err(|error| Error::new(format!("cannot read: {error}")))?;
        let reader = thread::spawn(move || std::io::copy(&mut drain, &mut std::io::sink()));
        thread::sleep(wait);
        let seen = look(&mut self.control);
        let _ = self.serial.shutdown(std::net::Shutdown::Both);
        let _ = reader.join();
        Ok(seen)
    }

    /// Reads the machine's output, up to the shell's prompt.
    ///
    /// # Errors
    /// If the prompt does not come.
    pub fn wait_for_prompt(&mut self) -> Result<()> {
        let failed = |said: &[u8]| {
            Error::new("the shell did not ask for a line").output(String::from_utf8_lossy(said).into_owned())
        };
        let begun = Instant::now();
        let mut said = Vec::new();
        let mut byte = [0];
        let _ = self.serial.set_read_timeout(Some(PATIENCE));
        while !said.ends_with(PROMPT) {
            match self.serial.read(&mut byte) {
                Ok(1) if begun.elapsed() < PATIENCE => said.push(byte[0]),
                _ => return Err(failed(&said)),
            }
        }
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.process.kill();
        let _ = self.process.wait();
    }
}
