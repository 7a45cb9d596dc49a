//! `cargo grade batch`: grades a class.

use std::path::Path;

use crate::batch::{self, Batch, Computers, Older, Outcome, Walls};
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::judge::processors;

use super::arguments::{BatchArgs, BatchEngine, CommonArgs};
use super::output::print;
use super::place::Place;

/// How many copies of the course Slurm's tasks use, unless `--jobs` says otherwise. Each takes a few hundred MiB of disk.
const SLURM_TASKS: usize = 8;

/// Grades a class, or writes its reports once more.
///
/// # Errors
/// If the class could not be graded, or a report not be written.
pub fn batch(arguments: &BatchArgs, common: &CommonArgs) -> Result<Exit> {
    let place = Place::find()?;
    // A wrong name is reported before anything is installed.
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
    let (on, jobs): (_, fn() -> usize) = match arguments.engine {
        BatchEngine::Local => (Computers::This, processors),
        BatchEngine::Slurm => (Computers::Slurm(arguments.slurm_options.clone()), || SLURM_TASKS),
    };
    if arguments.engine == BatchEngine::Local && !arguments.slurm_options.is_empty() {
        return Err(Error::new("--slurm-option is for Slurm").advise("add --engine slurm"));
    }
    let batch = Batch {
        folder,
        out: arguments.out.clone(),
        labs: arguments.labs.clone(),
        seed: arguments.seed,
        jobs: arguments.jobs.map_or_else(jobs, usize::from),
        on,
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

/// Grades the submissions of one task of Slurm's array.
///
/// # Errors
/// If nothing can be graded on this node.
pub fn slice(folder: &Path, number: usize, common: &CommonArgs) -> Result<Exit> {
    batch::grade_slice(folder, number, &Place::find()?.engine(common)?)?;
    Ok(Exit::Passed)
}
