//! A recorded run of a check in gdb, from its failure backwards.

mod film;
mod stops;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::course::lab_toml::{Check, Memory};
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::launcher::SHELL_S_PARENT;
use crate::host::process;
use crate::judge::verdict::Verdict;
use crate::judge::wire::Transcript;
use crate::judge::{Engine, Findings, Status, nonce, verdict};
use crate::machine::Boot;
use crate::machine::qemu::Recording;

use stops::{Fine, Stops};

pub use film::{Call, Choice, Film, Moment, Pace, Shown, film};

/// The Python modules that add the course's commands to gdb.
const MODULES: [(&str, &str); 6] = [
    ("calls.py", include_str!("gdb/calls.py")),
    ("lab.py", include_str!("gdb/lab.py")),
    ("replay.py", include_str!("gdb/replay.py")),
    ("film.py", include_str!("gdb/film.py")),
    ("tables.py", include_str!("gdb/tables.py")),
    ("commands.py", include_str!("gdb/commands.py")),
];

/// Settings before gdb connects. A breakpoint costs a message to the emulator when it is
/// set, and none at each stop. Some versions of gdb find an error of their own when they show memory
/// that holds no value of its type yet; that value cannot be told then, and gdb goes on.
const SETTINGS: [&str; 8] = [
    "maintenance set target-async off",
    "set remotetimeout 600",
    "set pagination off",
    "set confirm off",
    "set stack-cache off",
    "set breakpoint always-inserted on",
    "maintenance set internal-error quit no",
    "maintenance set internal-error corefile no",
];

/// The subject of a debugging session.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// Its check.
    pub check: &'a Check,
    /// The kernel.
    pub image: &'a Path,
    /// The seed for checks that draw random numbers.
    pub seed: u64,
}

/// The tools of a debugging session.
pub struct Tools<'a> {
    /// gdb.
    pub gdb: &'a Path,
    /// The folder for recordings.
    pub recordings: &'a Path,
}

/// Records a check, and becomes gdb. With `commands`, gdb runs these and ends.
///
/// Returns only if one of them fails: with the error.
pub fn debug(engine: &Engine, subject: &Subject<'_>, tools: &Tools<'_>, commands: &[String]) -> Error {
    match prepared(engine, subject, tools, Fine::Start) {
        Ok(prepared) => {
            let mut gdb = gdb(engine, &prepared, tools, commands);
            Error::io("cannot start", tools.gdb, &process::become_program(&mut gdb))
        }
        Err(error) => error,
    }
}

/// The file with the number of the emulator's process.
const PROCESS: &str = "process";

/// A recording, and the files that gdb needs for it.
struct Prepared {
    folder: PathBuf,
    /// The kernel that was recorded.
    image: PathBuf,
    /// The check's outcome.
    sentence: String,
}

/// Records a check, and writes the files that gdb needs for it.
fn prepared(engine: &Engine, subject: &Subject<'_>, tools: &Tools<'_>, fine: Fine) -> Result<Prepared> {
    let programs = if subject.check.programs { engine.site.programs()? } else { Vec::new() };
    let recording = Recording::create(tools.recordings)?;
    let (folder, image) = (recording.folder().to_owned(), recording.keep(subject.image)?);
    let subject = &Subject { image: &image, ..*subject };
    let Recorded { boot, verdict, findings } = recorded(engine, subject, &programs, &recording)?;
    let name = &subject.check.name;
    let sentence = match (verdict.status, fine) {
        (Status::Passed | Status::NotAvailable, Fine::Start) => {
            format!("{name} does not fail here: this is its start.")
        }
        (Status::Passed | Status::NotAvailable, Fine::End) => format!("{name} does not fail here."),
        (status, _) => format!("{name}: {} ({}).", status.words(), verdict.message),
    };
    let stops = Stops::find(subject, verdict.status, &findings, fine)?;
    let connect = connect(&engine.emulator.qemu()?.replay(&boot, &recording), subject, &folder);
    let process = folder.join(PROCESS).display().to_string();
    write(&folder.join("given.py"), &stops.given(&subject.lab.id, &sentence, &connect, &process)?)?;
    for (name, text) in MODULES {
        write(&folder.join(name), text)?;
    }
    Ok(Prepared { folder, image, sentence })
}

/// A recorded boot, and its verdict.
struct Recorded<'a> {
    boot: Boot<'a>,
    verdict: Verdict,
    findings: Findings,
}

/// Records a check on a machine on which it does not pass, or on the last of its machines.
fn recorded<'a>(
    engine: &Engine,
    subject: &Subject<'a>,
    programs: &'a [String],
    recording: &Recording,
) -> Result<Recorded<'a>> {
    let (check, qemu, nonce) = (subject.check, engine.emulator.qemu()?, nonce()?);
    let (last, others) = check.memory.split_last().unwrap_or((&Memory::DEFAULT, &[]));
    let on_machine = |memory: Memory| -> Result<Recorded<'a>> {
        let boot = Boot {
            image: subject.image,
            memory,
            programs,
            words: vec![
                format!("nonce={nonce}"),
                format!("check={}", check.name),
                format!("seed={}", subject.seed),
                format!("budget={}", check.budget),
            ],
            budget: check.budget,
            look: false,
            challenge: None,
        };
        let outcome = qemu.record(&boot, recording)?;
        let transcript = Transcript::parse(&outcome.serial, &nonce, &nonce);
        let verdict = verdict::judge(&check.name, &transcript, &outcome.end, check.budget)
            .map_err(|trouble| Error::new(trouble.what).output(outcome.complaints))?;
        Ok(Recorded { boot, verdict, findings: transcript.findings })
    };
    for memory in others {
        let recorded = on_machine(*memory)?;
        if !recorded.verdict.status.is_fine() {
            return Ok(recorded);
        }
    }
    on_machine(*last)
}

/// The command by which gdb starts the emulator that it talks to: through a shell, which writes down its process number.
fn connect(replay: &Command, subject: &Subject<'_>, recording: &Path) -> String {
    let file = |name: &str| quoted(&recording.join(name).display().to_string());
    let folder = folder_of(subject.image);
    let replay = shell_words(replay);
    format!("echo $$ >{}; cd {folder} && exec {replay} 2>{}", file(PROCESS), file("complaints.txt"))
}

/// The command that opens the recording.
fn gdb(engine: &Engine, prepared: &Prepared, tools: &Tools<'_>, commands: &[String]) -> Command {
    let mut gdb = Command::new(tools.gdb);
    gdb.args(["-nx", "-q"]).args(if commands.is_empty() { &[][..] } else { &["-batch"] });
    for setting in SETTINGS {
        gdb.args(["-ex", setting]);
    }
    let folder = serde_json::Value::from(prepared.folder.display().to_string());
    gdb.arg("-ex").arg(format!("python sys.dont_write_bytecode = True; sys.path.insert(0, {folder})"));
    gdb.arg("-x").arg(prepared.folder.join("commands.py"));
    for command in commands {
        gdb.arg("-ex").arg(command);
    }
    if !commands.is_empty() {
        gdb.args(["-ex", "quit"]);
    }
    gdb.arg(&prepared.image);
    // Paths of source files are relative to the course.
    gdb.current_dir(&engine.site.workspace.root);
    gdb
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(|error| Error::io("cannot write", file, &error))
}

/// The folder in which the emulator finds the kernel and the programs, quoted for a shell.
fn folder_of(image: &Path) -> String {
    quoted(&image.parent().unwrap_or(Path::new(".")).display().to_string())
}

/// A command for a shell, in which one number is that of the shell's parent.
fn shell_words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let for_shell = |word: &OsStr| match word.to_string_lossy() {
        parent if parent == SHELL_S_PARENT => parent.into_owned(),
        word => quoted(&word),
    };
    words.map(for_shell).collect::<Vec<_>>().join(" ")
}

/// A word that a shell takes literally.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_every_word_as_it_is() {
        let mut command = Command::new("a b");
        command.args(["$PPID", "-append", "x=$y", "it's"]);
        assert_eq!(shell_words(&command), r"'a b' $PPID '-append' 'x=$y' 'it'\''s'");
    }
}
