//! `cargo grade contest`: from the command line to a contest, and to its report.

use std::path::{Path, PathBuf};

use crate::contest::{self, Discipline, Drawing, Options};
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::report;

use super::arguments::{CommonArgs, ContestArgs, ContestCommand};
use super::output::{print, view};
use super::place::Place;

/// Holds a contest, and reports its result.
///
/// # Errors
/// If the contest could not be held, or its report cannot be written.
pub fn command(command: &ContestCommand, common: &CommonArgs) -> Result<Exit> {
    let options = options(command);
    let drawn = options.picture.as_ref().map(|drawing| drawing.file.as_path());
    let targets: Vec<&Path> = options.json.as_deref().into_iter().chain(drawn).collect();
    if let [json, picture] = targets[..]
        && json == picture
    {
        return Err(Error::new("--json and --picture have the same destination").advise("name a file for one of them"));
    }
    for target in targets {
        report::try_out(target).map_err(|error| Error::new(error.to_string()))?;
    }
    let engine = Place::find()?.engine(common)?;
    let outcome = contest::run(&engine, &options, &view(common), &Progress::new())?;
    if let Some(text) = &outcome.text {
        print(text)?;
    }
    Ok(Exit::of(outcome.is_sound))
}

fn options(command: &ContestCommand) -> Options {
    match command {
        ContestCommand::Heap { common, picture, of, trace } => {
            let drawing = |file: &PathBuf| Drawing { file: file.clone(), heap: of.clone(), trace: trace.clone() };
            with(Discipline::Heap, common, picture.as_ref().map(drawing))
        }
        ContestCommand::Frames { common } => with(Discipline::Frames, common, None),
    }
}

fn with(discipline: Discipline, common: &ContestArgs, picture: Option<Drawing>) -> Options {
    let place = if common.solution { contest::Place::Solution } else { contest::Place::Own };
    Options { discipline, place, seed: common.seed, json: common.json.clone(), picture }
}
