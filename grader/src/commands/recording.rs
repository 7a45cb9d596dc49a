//! What `debug` and `look --film` need before they record a check: gdb, an emulator, and the kernel.

use crate::debug::{Subject, Tools};
use crate::host::error::Result;
use crate::host::progress::Progress;
use crate::judge::Engine;

use super::arguments::CommonArgs;
use super::place::Place;
use super::setup::debugger;

/// A check to record.
pub struct Wanted<'a> {
    /// Its name.
    pub check: &'a str,
    /// Whether the references take the place of the student's files.
    pub solution: bool,
    /// For the checks that draw random numbers.
    pub seed: u64,
}

/// Builds the kernel for a check, and does with it what has to be done.
///
/// # Errors
/// If there is no such check, something is missing, the kernel does not build, or `what` fails.
pub fn with_subject<T>(
    place: Place,
    common: &CommonArgs,
    wanted: &Wanted<'_>,
    what: impl FnOnce(&Engine, &Subject<'_>, &Tools<'_>) -> Result<T>,
) -> Result<T> {
    // A wrong name is told before anything is looked for.
    place.workspace.check(wanted.check)?;
    let gdb = debugger::find()?;
    let recordings = place.target_dir.join("recordings");
    let engine = place.engine(common)?;
    let (lab, check) = engine.site.workspace.check(wanted.check)?;
    let mix = if wanted.solution { engine.site.mix(&[]) } else { engine.site.mix(&[lab]) };
    let progress = Progress::new();
    let image = engine.site.image_of(&mix, &progress)?;
    progress.finish();
    let subject = Subject { lab, check, image: &image.path, seed: wanted.seed };
    what(&engine, &subject, &Tools { gdb: &gdb, recordings: &recordings })
}
