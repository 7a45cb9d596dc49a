//! `cargo grade submission`: grades one submission for the autograder of another system.

use crate::batch::{self, Identity, Single, Walls};
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::report;

use super::arguments::{CommonArgs, SubmissionArgs};
use super::place::Place;

/// Grades the submission, and writes the result for the other system. Succeeds whatever its points are.
///
/// # Errors
/// If the submission cannot be graded at all. Then nothing is written.
pub fn submission(arguments: &SubmissionArgs, common: &CommonArgs) -> Result<Exit> {
    let place = Place::find()?;
    // A wrong name is reported before anything is installed.
    place.workspace.select(&arguments.labs)?;
    report::remove_older(&arguments.to).map_err(|error| Error::new(error.to_string()))?;
    let identity = match &arguments.metadata {
        Some(file) => Identity::of_metadata(file)?,
        None => Identity { name: arguments.name.clone(), handed_in: None },
    };
    let single = Single {
        path: arguments.path.clone(),
        identity,
        labs: arguments.labs.clone(),
        policy: arguments.policy.clone(),
        seed: arguments.seed,
        walls: if arguments.unsafe_no_sandbox { Walls::None } else { Walls::Bubblewrap },
        output: arguments.format,
    };
    let text = batch::single(&single, &place.engine(common)?, &Progress::new())?;
    report::write(&text, &arguments.to).map_err(|error| Error::new(error.to_string()))?;
    Ok(Exit::Passed)
}
