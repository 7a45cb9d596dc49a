//! `cargo grade run`: the kernel as an operating system, with the terminal as its console.

use std::io::{self, Write};

use crate::course::programs;
use crate::host::error::{Error, Result};
use crate::host::exit::{self, Exit};
use crate::host::process;
use crate::host::progress::Progress;
use crate::judge::Engine;
use crate::machine::qemu::Screen;

use super::arguments::RunArgs;

/// Builds the kernel and its programs, and boots it.
///
/// # Errors
/// If the kernel does not build, there is no such program, or the emulator cannot
/// be started.
pub fn run(arguments: &RunArgs, engine: &Engine) -> Result<Exit> {
    let programs = engine.site.programs()?;
    let program = arguments.program.as_deref().map(|words| programs::word(words, &programs)).transpose()?;
    let mix = if arguments.solution {
        engine.site.mix(&[])
    } else {
        engine.site.mix(&engine.site.workspace.select(&arguments.labs)?)
    };
    let progress = Progress::new();
    let image = engine.site.image_of(&mix, &progress)?;
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
    let status = process::status(&mut command).map_err(|error| Error::io("cannot start", &qemu.program, &error))?;
    Ok(match status.code() {
        Some(exit::EMULATOR_NOT_STARTED) => Exit::CouldNotRun,
        // Whoever uses the shell may leave it as they like.
        code if code == Some(exit::GUEST_OK) || program.is_none() => Exit::Passed,
        _ => Exit::Failed,
    })
}
