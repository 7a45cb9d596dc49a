//! `cargo grade batch`: grades a class.

use crate::batch::{self, Batch, Older, Walls};
use crate::host::error::Result;
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::judge::{Engine, processors};

use super::arguments::BatchArgs;
use super::output::print;

/// Grades a class.
///
/// # Errors
/// If it could not be done.
pub fn batch(arguments: &BatchArgs, engine: &Engine) -> Result<Exit> {
    let batch = Batch {
        folder: arguments.folder.clone(),
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
    };
    let outcome = batch::run(&batch, engine, &Progress::new())?;
    print(&outcome.text)?;
    Ok(if outcome.is_whole { Exit::Passed } else { Exit::CouldNotRun })
}
