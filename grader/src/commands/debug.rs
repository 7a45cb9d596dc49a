//! `cargo grade debug`: records a check, and opens the recording in gdb.

use crate::debug::{self, Subject, Tools};
use crate::host::error::Result;
use crate::host::exit::Exit;
use crate::host::progress::Progress;

use super::arguments::{CommonArgs, DebugArgs};
use super::place::Place;
use super::setup::debugger;

/// Records the named check, and becomes gdb.
///
/// # Errors
/// If there is no such check, something is missing, or the kernel does not build.
pub fn command(arguments: &DebugArgs, common: &CommonArgs) -> Result<Exit> {
    let place = Place::find()?;
    // A wrong name is reported before any tool is looked for.
    place.workspace.check(&arguments.check)?;
    let gdb = debugger::find()?;
    let recordings = place.target_dir.join("recordings");
    let engine = place.engine(common)?;
    let (lab, check) = engine.site.workspace.check(&arguments.check)?;
    let mix = if arguments.solution { engine.site.mix(&[]) } else { engine.site.mix(&[lab]) };
    let progress = Progress::new();
    let image = engine.site.image_of(&mix, &progress)?;
    progress.finish();
    let subject = Subject { lab, check, image: &image.path, seed: arguments.seed };
    let tools = Tools { gdb: &gdb, recordings: &recordings };
    Err(debug::debug(&engine, &subject, &tools, &arguments.commands))
}
