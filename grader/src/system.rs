//! `cargo grade run`: the kernel as an operating system, with the terminal as its console.

use std::io::{self, Write};

use rustix::process::Signal;

use crate::cli::RunArgs;
use crate::compile::{Built, Image};
use crate::emulator::Screen;
use crate::error::{Error, Result};
use crate::grade::Engine;
use crate::interrupt::Process;
use crate::model::Mix;
use crate::progress::Progress;

/// Builds the kernel and its programs, and boots it. Returns whether the emulator
/// could start the machine.
///
/// # Errors
/// If the kernel does not build, or the emulator cannot be started.
pub fn run(arguments: &RunArgs, engine: &Engine) -> Result<bool> {
    let mix = if arguments.solution { engine.mix(&[]) } else { engine.mix(&engine.workspace.select(&arguments.labs)?) };
    let progress = Progress::new();
    let image = build(engine, &mix, &progress)?;
    progress.finish();
    let screen = if arguments.window { Screen::Window } else { Screen::None };
    let qemu = engine.emulator.qemu()?;
    let mut command = qemu.system(&image.path, arguments.memory, screen, &engine.programs()?);
    command.args(["-serial", "mon:stdio"]);
    // If nobody reads it, that is no reason not to boot.
    let _ = writeln!(io::stderr(), "Booting. To leave: `exit`, or Ctrl-A, then X.");
    let status = Process::spawn(&mut command, Signal::TERM)
        .and_then(|mut process| process.wait())
        .map_err(|error| Error::io("cannot start", &qemu.program, &error))?;
    Ok(status.code() != Some(1))
}

/// The kernel's image, which has to compile.
///
/// # Errors
/// If it does not.
pub fn build(engine: &Engine, mix: &Mix, progress: &Progress) -> Result<Image> {
    match engine.build(mix, progress, &mut Vec::new())? {
        Built::Image(image) => Ok(image),
        Built::Broken(broken) => {
            let text: String = broken.errors.into_values().collect();
            Err(Error::new("the kernel does not compile").advise("this is what rustc said:").output(text))
        }
    }
}
