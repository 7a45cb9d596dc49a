//! `cargo grade run`: the kernel as an operating system, with the terminal as its console.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::course::mix::{Mix, Symbols};
use crate::course::programs;
use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};
use crate::host::exit::{self, Exit};
use crate::host::process;
use crate::host::progress::Progress;
use crate::host::style::printable;
use crate::judge::Engine;
use crate::machine::qemu::Screen;
use crate::report;

use super::arguments::RunArgs;

/// The character that a terminal sends for the end of the input, ^D: once for each process that there can be. Each
/// process that reads after the end of a file meets the end again.
const END_OF_INPUT: &[u8] = &[0x04; 64];

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
        let labs = engine.site.workspace.select(&arguments.labs)?;
        Mix { symbols: symbols(arguments, &labs), ..engine.site.mix(&labs) }
    };
    let progress = Progress::new();
    let image = engine.site.image_of(&mix, &progress)?;
    progress.finish();
    let screen = if arguments.window { Screen::Window } else { Screen::None };
    let qemu = engine.emulator.qemu()?;
    let mut command = qemu.system(&image.path, arguments.memory, screen, &programs);
    // The kernel's output also goes to a file: its last lines may be for the grader.
    let heard = tempfile::NamedTempFile::new()
        .map_err(|error| Error::new(format!("cannot make a temporary file: {error}")).advise("is the disk full?"))?;
    // A comma ends an emulator's option, unless it is doubled.
    let file = heard.path().display().to_string().replace(',', ",,");
    command.args(["-chardev", &format!("stdio,id=console,mux=on,signal=off,logfile={file}")]);
    command.args(["-serial", "chardev:console", "-mon", "chardev=console,mode=readline"]);
    let leave = match &program {
        None => "`exit`, or Ctrl-A, then X",
        Some(word) => {
            // With time counted in instructions, every run is the same.
            command.args(["-icount", "shift=3,sleep=off", "-append", word]);
            "Ctrl-A, then X"
        }
    };
    // If nobody reads it, the machine boots all the same.
    let _ = writeln!(io::stderr(), "Booting. To leave: {leave}.");
    let ran = if io::stdin().is_terminal() {
        process::status(&mut command)
    } else {
        let input = OnceUp { says: heard.path().to_owned(), is_up: false, input: io::stdin() };
        process::status_with_input(&mut command, input, END_OF_INPUT)
    };
    let status = ran.map_err(|error| Error::io("cannot start", &qemu.program, &error))?;
    if status.code() == Some(exit::GUEST_NOT_WRITTEN) {
        let said = fs::read(heard.path()).unwrap_or_default();
        let missing = Missing::read(&String::from_utf8_lossy(&said));
        let text = missing.map(|missing| missing.told(&engine.site.workspace, arguments));
        // As above: nobody reads it.
        let _ = write!(anstream::stderr(), "{}", text.unwrap_or_default());
    }
    Ok(match status.code() {
        Some(exit::EMULATOR_NOT_STARTED) => Exit::CouldNotRun,
        Some(exit::GUEST_NOT_WRITTEN | exit::GUEST_CRASH) => Exit::Failed,
        // A person may leave the shell with any exit status.
        code if code == Some(exit::GUEST_OK) || program.is_none() => Exit::Passed,
        _ => Exit::Failed,
    })
}

/// Input that is held back until the machine's first output: until the serial port is set up, it loses input.
struct OnceUp<R> {
    /// The file with the machine's output.
    says: PathBuf,
    is_up: bool,
    input: R,
}

impl<R: Read> Read for OnceUp<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while !self.is_up {
            self.is_up = fs::metadata(&self.says)?.len() > 0;
            if !self.is_up {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.input.read(bytes)
    }
}

/// The lab's own functions are linked in only if the lab is named: everything else builds on them.
fn symbols(arguments: &RunArgs, labs: &[&Lab]) -> Symbols {
    let is_named = !arguments.labs.is_empty() && labs.iter().any(|lab| lab.toml.symbols);
    if is_named { Symbols::Lab } else { Symbols::Course }
}

/// A part that the kernel needed and that is not written yet.
#[derive(PartialEq, Eq, Debug)]
struct Missing {
    /// The text of the `todo!()`, such as `step 5: hand out a frame`; may be empty.
    what: String,
    /// The file, relative to the course.
    file: String,
    /// The line, from 1.
    line: u32,
}

impl Missing {
    /// Reads the kernel's last lines, which `grader/WIRE.md` describes under "An operating system".
    fn read(said: &str) -> Option<Self> {
        let last = |start: &str| said.lines().rev().find_map(|line| line.trim_end().strip_prefix(start));
        let what = last("warning: this part is still to be written")?;
        let mut place = last("warning: it belongs to ")?.rsplitn(3, ':');
        let (_, line, file) = (place.next()?, place.next()?.parse().ok()?, place.next()?);
        Some(Self { what: what.trim_start_matches(": ").to_owned(), file: file.to_owned(), line })
    }

    /// The function and the step that is missing, and how to go on.
    fn told(&self, course: &Workspace, arguments: &RunArgs) -> String {
        let mut text = "not written yet: ".to_owned();
        if let Some(function) = report::function_at(&course.root, &self.file, self.line) {
            let _ = write!(text, "`{function}` in ");
        }
        let _ = write!(text, "{}:{}", self.file, self.line);
        if !self.what.is_empty() {
            let _ = write!(text, ", {}", printable(&self.what));
        }
        text.push('\n');
        let whose = course.labs.iter().find(|lab| self.file.starts_with(&format!("labs/{}/", lab.id)));
        if let Some(lab) = whose {
            let _ = writeln!(text, "  `cargo grade {}` shows which checks of lab {} pass", lab.number(), lab.id);
            if lab.has_reference() {
                let chosen = course.select(&arguments.labs).unwrap_or_default();
                let others: Vec<&str> =
                    chosen.iter().filter(|other| other.id != lab.id).map(|other| other.number()).collect();
                let words = if others.is_empty() { "--solution".to_owned() } else { others.join(" ") };
                let _ = writeln!(text, "  `cargo grade run {words}` boots with the reference in its place");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_last_words_are_read() {
        let said = "Folio\r\nwarning: this part is still to be written: step 5: hand out a frame\r\n\
                    warning: it belongs to labs/01-pmm/src/bitmap.rs:142:9\r\n";
        let (file, line) = ("labs/01-pmm/src/bitmap.rs".to_owned(), 142);
        let what = "step 5: hand out a frame".to_owned();
        assert_eq!(Missing::read(said), Some(Missing { what, file: file.clone(), line }));
        let bare = said.replace(": step 5: hand out a frame", "");
        assert_eq!(Missing::read(&bare), Some(Missing { what: String::new(), file, line }));
        assert_eq!(Missing::read("warning: this part is still to be written\n"), None);
        assert_eq!(Missing::read("warning: this part is still to be written\nwarning: it belongs to x\n"), None);
    }
}
