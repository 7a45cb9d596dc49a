//! `cargo grade batch`: grades a class.

use crate::batch::{self, Batch, Older, Outcome, Walls};
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::judge::processors;

use super::arguments::{BatchArgs, CommonArgs};
use super::output::print;
use super::place::Place;

/// Grades a class, or writes its reports once more.
///
/// # Errors
/// If it could not be done.
pub fn batch(arguments: &BatchArgs, common: &CommonArgs) -> Result<Exit> {
    let place = Place::find()?;
    // A wrong name is told before anything is installed.
    place.workspace.select(&arguments.labs)?;
    let outcome = if arguments.report_only {
        let policy = arguments.policy.as_deref();
        batch::report(&arguments.out, &arguments.labs, policy, &arguments.formats, &place.workspace)?
    } else {
        graded(arguments, common, place)?
    };
    print(&outcome.text)?;
    Ok(if outcome.is_whole { Exit::Passed } else { Exit::CouldNotRun })
}

fn graded(arguments: &BatchArgs, common: &CommonArgs, place: Place) -> Result<Outcome> {
    let folder = arguments.folder.clone().ok_or_else(|| Error::new("name the folder that holds the submissions"))?;
    let batch = Batch {
        folder,
        out: arguments.out.clone(),
        labs: arguments.labs.clone(),
        seed: arguments.seed,
        jobs: arguments.jobs.map_or_else(processors, usize::from),
        older: match (&arguments.regrade[..], arguments.resume) {
            ([], false) => Older::Refused,
            ([], true) => Older::Kept,
            (names, _) => Older::Regraded(names.to_owned()),
        },
        walls: if arguments.unsafe_no_sandbox { Walls::None } else { Walls::Bubblewrap },
        policy: arguments.policy.clone(),
        formats: arguments.formats.clone(),
    };
    batch::run(&batch, &place.engine(common)?, &Progress::new())
}
