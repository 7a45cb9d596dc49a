//! `cargo grade watch`: finds the tools, and watches.

use std::env;
use std::io::{self, IsTerminal};

use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::watch::{self, Means, Options};

use super::arguments::{CommonArgs, WatchArgs};
use super::output::view;
use super::place::Place;

/// The file with the results of the last run, in the folder of the kernels.
pub const DESK: &str = "desk.json";

/// Watches until the user quits.
///
/// # Errors
/// As [`watch::watch`], and if a tool for grading is missing.
pub fn command(arguments: &WatchArgs, common: &CommonArgs) -> Result<Exit> {
    let place = Place::find()?;
    if let Some(lab) = &arguments.lab {
        // A wrong name is reported before anything is installed.
        place.workspace.select(std::slice::from_ref(lab))?;
    }
    let kept = place.target_dir.join(DESK);
    let engine = place.engine(common)?;
    let program = env::current_exe()
        .map_err(|error| Error::new(format!("cannot tell where the grader's program is: {error}")))?;
    watch::watch(Options {
        course: engine.site.workspace,
        lab: arguments.lab.clone(),
        means: if arguments.poll { Means::Polled } else { Means::Told },
        program,
        kept,
        view: view(common),
        is_interactive: io::stdin().is_terminal() && io::stdout().is_terminal(),
    })
}
