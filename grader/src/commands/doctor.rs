//! `cargo grade doctor`: the tools that were found, and how to get those that are missing.

use std::path::Path;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

use crate::build::toolchain::{Lack, Toolchain, Unfit};
use crate::course::workspace::Workspace;
use crate::host::error::Result;
use crate::host::exit::Exit;
use crate::host::probe::Probes;
use crate::machine::bochs::{NoBochs, Part};
use crate::machine::qemu::{NoEmulator, Qemu};

use super::arguments::CommonArgs;
use super::output::{print, view};
use super::place::Place;
use super::setup::tools::{Machines, Tools};

/// The table's first column for a compiler that was tried and cannot be used.
const TRIED: &str = "  tried";

/// A row of the table: a tool or a folder that grading needs.
struct Row {
    what: &'static str,
    found: String,
    place: String,
    /// What the user can do, if it is missing or wrong.
    remedy: Option<String>,
    /// Whether grading works without it.
    optional: bool,
}

/// Reports the tools that were found.
///
/// # Errors
/// If there is no course.
pub fn doctor(common: &CommonArgs) -> Result<Exit> {
    let place = Place::find()?;
    let tools = Tools::find(&Probes::fresh(), Machines::Both);
    let view = view(common);
    let (text, fine) = report(&place.workspace, &tools, &place.target_dir, view.color, view.width);
    print(&text)?;
    Ok(if fine { Exit::Passed } else { Exit::CouldNotRun })
}

/// The report as a table, and whether grading can work.
fn report(workspace: &Workspace, tools: &Tools, target_dir: &Path, color: bool, width: usize) -> (String, bool) {
    let rows = rows(workspace, tools, target_dir);
    let fine = rows.iter().all(|row| row.remedy.is_none() || row.optional);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(80));
    for row in &rows {
        let (word, paint) = match (&row.remedy, row.optional) {
            _ if row.what == TRIED => ("", Color::Reset),
            (None, _) => ("ok", Color::Green),
            (Some(_), true) => ("note", Color::Yellow),
            (Some(_), false) => ("missing", Color::Red),
        };
        let word = if color { Cell::new(word).fg(paint) } else { Cell::new(word) };
        table.add_row(vec![word, Cell::new(row.what), Cell::new(&row.found), Cell::new(&row.place)]);
    }
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let remedies: Vec<String> =
        rows.iter().filter_map(|row| Some(format!("  {}: {}\n", row.what.trim(), row.remedy.as_ref()?))).collect();
    if !remedies.is_empty() {
        text.push('\n');
        text.extend(remedies);
    }
    (text, fine)
}

fn rows(workspace: &Workspace, tools: &Tools, target_dir: &Path) -> Vec<Row> {
    let mut rows = of_toolchain(&tools.toolchain);
    rows.extend(tools.emulator.iter().flat_map(of_qemu));
    match &tools.bochs {
        Some(Ok(bochs)) => rows.push(ok("second emulator", &bochs.version, bochs.program.display().to_string())),
        Some(Err(lacking)) => rows.push(without_bochs(lacking)),
        None => {}
    }
    rows.push(match is_writable(target_dir) {
        true => ok("build folder", "can be written", target_dir.display().to_string()),
        false => Row {
            what: "build folder",
            found: "cannot be written".to_owned(),
            place: target_dir.display().to_string(),
            remedy: Some("make it writable, or set CARGO_TARGET_DIR to a folder that is".to_owned()),
            optional: false,
        },
    });
    let labs: Vec<&str> = workspace.labs.iter().map(|lab| lab.id.as_str()).collect();
    let with = workspace.labs.iter().filter(|lab| lab.has_reference()).count();
    rows.push(ok("labs", &format!("{} ({with} with a reference)", labs.len()), labs.join(" ")));
    rows
}

fn ok(what: &'static str, found: &str, place: String) -> Row {
    Row { what, found: found.to_owned(), place, remedy: None, optional: false }
}

fn of_toolchain(found: &Result<Toolchain, Vec<Unfit>>) -> Vec<Row> {
    let unfit = match found {
        Ok(toolchain) => {
            let source = toolchain.sysroot.join("lib/rustlib/src/rust/library");
            return vec![
                ok("compiler", &toolchain.version, toolchain.rustc.display().to_string()),
                ok("library source", "found", source.display().to_string()),
                ok("cargo", "matches", toolchain.cargo.display().to_string()),
                ok("linker", "LLD", toolchain.linker.display().to_string()),
            ];
        }
        Err(unfit) => unfit,
    };
    let mut rows = vec![Row {
        what: "compiler",
        found: "none that can build the kernel".to_owned(),
        place: String::new(),
        remedy: Some("run `cargo grade setup`, which installs one or says how".to_owned()),
        optional: false,
    }];
    for compiler in unfit {
        let version = compiler.version.clone().unwrap_or_else(|| "rustc".to_owned());
        rows.push(Row {
            what: TRIED,
            found: format!("{version} {}", compiler.lack),
            place: compiler.rustc.display().to_string(),
            remedy: advice(&compiler.lack, &compiler.rustc),
            optional: true,
        });
    }
    rows
}

fn of_qemu(found: &Result<Qemu, NoEmulator>) -> Vec<Row> {
    let emulator = match found {
        Ok(emulator) => emulator,
        Err(problem) => {
            return vec![Row {
                what: "emulator",
                found: "none".to_owned(),
                place: String::new(),
                remedy: Some(match problem {
                    NoEmulator::Missing => "QEMU is missing: run `cargo grade setup`".to_owned(),
                    NoEmulator::Unfit(error) => error.to_string(),
                }),
                optional: false,
            }];
        }
    };
    let firmware = match &emulator.firmware {
        Some(firmware) => ok("firmware", firmware, String::new()),
        None => Row {
            what: "firmware",
            found: "default".to_owned(),
            place: String::new(),
            remedy: Some("qboot.rom is not there: boots take three times as long, and nothing else changes".into()),
            optional: true,
        },
    };
    vec![ok("emulator", &emulator.version, emulator.program.display().to_string()), firmware]
}

fn without_bochs(lacking: &NoBochs) -> Row {
    let names: Vec<&str> = lacking
        .lacks
        .iter()
        .map(|part| match part {
            Part::Bochs => "Bochs",
            Part::Grub => "GRUB for a PC with a BIOS",
            Part::Xorriso => "xorriso",
        })
        .collect();
    Row {
        what: "second emulator",
        found: format!("no {}", names.join(", no ")),
        place: lacking.why.clone().unwrap_or_default(),
        remedy: Some("only `--emulator bochs` and `--emulator both` need it: `cargo grade setup --bochs`".to_owned()),
        optional: true,
    }
}

fn advice(lack: &Lack, rustc: &Path) -> Option<String> {
    let of_rustup = rustc.components().any(|part| part.as_os_str() == ".rustup");
    match lack {
        Lack::LibrarySource if of_rustup => Some("`rustup component add rust-src` would complete this one".to_owned()),
        _ => None,
    }
}

/// Whether a folder can be written to.
fn is_writable(folder: &Path) -> bool {
    let existing = folder.ancestors().find(|folder| folder.exists());
    existing.is_some_and(|folder| tempfile::Builder::new().prefix(".folio-").tempfile_in(folder).is_ok())
}
