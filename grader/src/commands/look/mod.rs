//! `cargo grade look`: the address space and a process's regions as they are at
//! the end of a check, or at the moment of its crash, read from the machine's
//! memory; or, as a film, what the lab does call by call.

mod blocks;
mod drawing;
mod film;
mod frames;
mod held;
mod picture;
mod regions;
mod seen;
mod tree;

use std::fs;
use std::path::Path;

use crate::course::lab_toml::{Check, Memory};
use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::judge::wire::Transcript;
use crate::judge::{Engine, nonce, verdict};
use crate::machine::Boot;

use super::arguments::{CommonArgs, LookArgs};
use super::output::{print, view};
use super::place::Place;
use picture::picture;
use seen::{Seen, text};

/// Runs the named check, and shows and draws the address space at its end.
///
/// # Errors
/// If there is no such check, it cannot be run, or the picture cannot be written.
pub fn command(arguments: &LookArgs, common: &CommonArgs) -> Result<Exit> {
    let place = Place::find()?;
    // A wrong name is reported before anything is installed.
    choose(&place.workspace, &arguments.what)?;
    let pictures = place.target_dir.join("look");
    if arguments.film {
        return film::command(arguments, common, place, &pictures);
    }
    let engine = place.engine(common)?;
    let (lab, check) = choose(&engine.site.workspace, &arguments.what)?;
    let progress = Progress::new();
    let seen = look(&engine, lab, check, arguments, &progress)?;
    progress.finish();
    print(&text(&seen, &view(common)))?;
    let file = match arguments.svg.as_deref() {
        Some(file) if file == Path::new("-") => return Ok(Exit::Passed),
        Some(file) => file.to_owned(),
        None => pictures.join(format!("{}.svg", check.name)),
    };
    write(&file, &picture(&seen))?;
    print(&format!("picture: {}\nfilm, call by call: cargo grade look {} --film\n", file.display(), check.name))?;
    Ok(Exit::Passed)
}

/// Writes a file, and makes its folder if there is none.
fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("cannot make", folder, &error))?;
    }
    fs::write(file, text).map_err(|error| Error::io("cannot write", file, &error))
}

/// The check that `what` names: by its own name, or by its lab's.
fn choose<'a>(workspace: &'a Workspace, what: &str) -> Result<(&'a Lab, &'a Check)> {
    if let Ok(found) = workspace.check(what) {
        return Ok(found);
    }
    let lab = match workspace.labs.iter().find(|lab| lab.is_called(what)) {
        Some(lab) => lab,
        // The error lists the names of the labs.
        None => return workspace.check(what),
    };
    let checks = &lab.toml.checks;
    let check = checks.iter().find(|check| check.checkpoints > 0).or(checks.last());
    check.map(|check| (lab, check)).ok_or_else(|| Error::new(format!("labs/{} has no checks", lab.id)))
}

/// Runs a check, and reads the machine's memory when the check ends.
fn look(engine: &Engine, lab: &Lab, check: &Check, arguments: &LookArgs, progress: &Progress) -> Result<Seen> {
    let mix = if arguments.solution { engine.site.mix(&[]) } else { engine.site.mix(&[lab]) };
    let image = engine.site.image_of(&mix, progress)?;
    let nonce = nonce()?;
    let words = vec![
        format!("nonce={nonce}"),
        format!("check={}", check.name),
        format!("seed={}", arguments.seed),
        format!("budget={}", check.budget),
        "look".to_owned(),
    ];
    let memory = check.memory.first().copied().unwrap_or(Memory::DEFAULT);
    let programs = if check.programs { engine.site.programs()? } else { Vec::new() };
    let (image, budget) = (&image.path, check.budget);
    let outcome = engine.emulator.boot(&Boot {
        image,
        memory,
        programs: &programs,
        words,
        budget,
        look: true,
        challenge: None,
    })?;
    let transcript = Transcript::parse(&outcome.serial, &nonce, &nonce);
    let ended = match verdict::judge(&check.name, &transcript, &outcome.end, check.budget) {
        Ok(verdict) => verdict.message,
        Err(trouble) => return Err(Error::new(trouble.what)),
    };
    let Some(mut snapshot) = outcome.snapshots.into_iter().next_back() else {
        return Err(Error::new("the machine ended before its memory could be read").advise(format!("it says: {ended}")));
    };
    Ok(Seen::new(format!("The address space at the end of {}", check.name), ended, &mut snapshot, &[]))
}
