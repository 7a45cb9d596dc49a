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
use crate::programs;
use crate::progress::Progress;

/// The emulator's exit status if it could not start the machine.
const NOT_STARTED: i32 = 1;
/// The emulator's exit status if the kernel says that all went well.
const WELL: i32 = 33;

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The emulator could not start the machine.
    NotStarted,
    /// A program was to be run, and it failed, or took the kernel with it.
    Failed,
    /// In any other way.
    Well,
}

/// Builds the kernel and its programs, and boots it.
///
/// # Errors
/// If the kernel does not build, there is no such program, or the emulator cannot
/// be started.
pub fn run(arguments: &RunArgs, engine: &Engine) -> Result<Ended> {
    let programs = engine.programs()?;
    let program = arguments.program.as_deref().map(|words| programs::word(words, &programs)).transpose()?;
    let mix = if arguments.solution { engine.mix(&[]) } else { engine.mix(&engine.workspace.select(&arguments.labs)?) };
    let progress = Progress::new();
    let image = build(engine, &mix, &progress)?;
    progress.finish();
    let screen = if arguments.window { Screen::Window } else { Screen::None };
    let qemu = engine.emulator.qemu()?;
    let mut command = qemu.system(&image.path, arguments.memory, screen, &programs);
    command.args(["-serial", "mon:stdio"]);
    let leave = match &program {
        None => "`exit`, or Ctrl-A, then X",
        Some(word) => {
            // With time that is counted in instructions, it is the same every time.
            command.args(["-icount", "shift=3,sleep=off", "-append", word]);
            "Ctrl-A, then X"
        }
    };
    // If nobody reads it, that is no reason not to boot.
    let _ = writeln!(io::stderr(), "Booting. To leave: {leave}.");
    let status = Process::spawn(&mut command, Signal::TERM)
        .and_then(|mut process| process.wait())
        .map_err(|error| Error::io("cannot start", &qemu.program, &error))?;
    Ok(match status.code() {
        Some(NOT_STARTED) => Ended::NotStarted,
        // Whoever uses the shell may leave it as they like.
        code if code == Some(WELL) || program.is_none() => Ended::Well,
        _ => Ended::Failed,
    })
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
