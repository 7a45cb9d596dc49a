//! `cargo grade debug`: records a check, and opens the recording in gdb.

use crate::debug;
use crate::host::error::Result;
use crate::host::exit::Exit;

use super::arguments::{CommonArgs, DebugArgs};
use super::place::Place;
use super::recording::{Wanted, with_subject};

/// Records the named check, and becomes gdb.
///
/// # Errors
/// If there is no such check, something is missing, or the kernel does not build.
pub fn command(arguments: &DebugArgs, common: &CommonArgs) -> Result<Exit> {
    let wanted = Wanted { check: &arguments.check, solution: arguments.solution, seed: arguments.seed };
    with_subject(Place::find()?, common, &wanted, |engine, subject, tools| {
        Err(debug::debug(engine, subject, tools, &arguments.commands))
    })
}
