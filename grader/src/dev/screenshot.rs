//! `cargo grade dev screenshot`: what a person would see on the machine's screen,
//! after some lines were typed.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
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

/// What the shell says when it waits for a line.
const PROMPT: &[u8] = b"folio> ";

/// How long the shell may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to do.
pub struct Options {
    /// Where the picture goes.
    pub file: PathBuf,
    /// Lines to type, one after the other.
    pub lines: Vec<String>,
    /// How long to wait after the last one.
    pub wait: Duration,
    /// How much memory the machine has.
    pub memory: Memory,
}

/// Boots the references, types, waits, and takes the picture.
///
/// # Errors
/// If the kernel does not build, or its shell does not come up.
pub fn run(engine: &Engine, options: &Options, progress: &Progress) -> Result<bool> {
    let image = engine.site.image_of(&engine.site.mix(&[]), progress)?;
    progress.finish();
    let qemu = engine.emulator.qemu()?;
    // The emulator writes where it runs; it must not depend on where that is.
    let file = std::path::absolute(&options.file).map_err(|error| Error::io("cannot find", &options.file, &error))?;

    let talk = |error| Error::new(format!("cannot talk to the emulator: {error}"));
    let (control, control_end) = UnixStream::pair().map_err(talk)?;
    let (serial, serial_end) = UnixStream::pair().map_err(talk)?;
    let mut command = qemu.system(&image.path, options.memory, Screen::Hidden, &engine.site.programs()?);
    command.args(["-chardev", "socket,id=control,fd=0", "-mon", "chardev=control,mode=control", "-S"]);
    command.args(["-chardev", "socket,id=serial,fd=1", "-serial", "chardev:serial"]);
    command.stdin(OwnedFd::from(control_end)).stdout(OwnedFd::from(serial_end)).stderr(Stdio::null());
    let mut process =
        Process::spawn(&mut command, Signal::KILL).map_err(|error| Error::io("cannot start", &qemu.program, &error))?;
    // Its ends of the connections are closed here, so that its own end shows.
    drop(command);
    let taken = take(Control::new(control), serial, options, &file);
    process.kill();
    let _ = process.wait();
    taken.map(|()| true)
}

/// Types, waits, and takes the picture.
fn take(mut control: Control, mut serial: UnixStream, options: &Options, file: &Path) -> Result<()> {
    control.start(false);
    for line in &options.lines {
        wait_for_prompt(&mut serial)?;
        serial
            .write_all(format!("{line}\n").as_bytes())
            .map_err(|error| Error::new(format!("cannot type: {error}")))?;
    }
    if options.lines.is_empty() {
        wait_for_prompt(&mut serial)?;
    }
    // What is printed meanwhile is read, so that the machine does not wait for us.
    let mut drain = serial.try_clone().map_err(|error| Error::new(format!("cannot read: {error}")))?;
    let reader = thread::spawn(move || std::io::copy(&mut drain, &mut std::io::sink()));
    thread::sleep(options.wait);
    let taken = control.screenshot(file);
    let _ = serial.shutdown(std::net::Shutdown::Both);
    let _ = reader.join();
    taken.map_err(|error| Error::new(format!("the emulator took no picture: {error}")))
}

/// Reads what the machine prints, up to the shell's prompt.
fn wait_for_prompt(serial: &mut UnixStream) -> Result<()> {
    let failed =
        |said: &[u8]| Error::new("the shell did not ask for a line").output(String::from_utf8_lossy(said).into_owned());
    let begun = Instant::now();
    let mut said = Vec::new();
    let mut byte = [0];
    let _ = serial.set_read_timeout(Some(PATIENCE));
    while !said.ends_with(PROMPT) {
        match serial.read(&mut byte) {
            Ok(1) if begun.elapsed() < PATIENCE => said.push(byte[0]),
            _ => return Err(failed(&said)),
        }
    }
    Ok(())
}
