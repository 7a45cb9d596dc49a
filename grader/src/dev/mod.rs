//! `cargo grade dev …`: commands for the course's authors.

mod arguments;
mod batches;
mod bench;
mod browser;
mod check;
mod class;
mod clippy;
mod flaky;
mod screenshot;
mod shell;
mod slurm;
mod staged;
mod tables;

use std::time::Duration;

use crate::build::pictures;
use crate::host::apt::Permission;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::style::{View, plural, say};
use crate::judge::{Boots, Engine, processors};

pub use arguments::DevCommand;

/// Runs one of these commands; returns whether all is well.
///
/// # Errors
/// If the command could not be carried out.
pub fn run(command: &DevCommand, engine: &Engine, view: &View, permission: Permission) -> Result<bool> {
    let progress = Progress::new();
    match command {
        DevCommand::Check { labs, full, mistakes, no_skeleton } => {
            let options = check::Options {
                labs: labs.clone(),
                full: *full,
                mistakes: *mistakes,
                no_skeleton: *no_skeleton,
                jobs: processors(),
            };
            check::run(engine, &options, view, &progress)
        }
        DevCommand::Bench { what, runs, warm, json } => {
            let options =
                bench::Options { what: what.clone(), runs: usize::from(*runs), warm: *warm, json: json.clone() };
            bench::run(engine, &options, view, &progress)
        }
        DevCommand::Class { folder, labs, submissions, one_lab } => {
            let options = class::Options {
                folder: folder.clone(),
                labs: labs.clone(),
                submissions: *submissions,
                each: if *one_lab { class::Each::OneLab } else { class::Each::AllLabs },
            };
            let files = class::write(&engine.site.workspace, &options)?;
            let (submissions, files) = (plural(*submissions as usize, "submission"), plural(files, "file"));
            // Nobody listens: the class is there all the same.
            let _ = say(&format!("{} has {submissions} with {files}.\n", folder.display()));
            Ok(true)
        }
        DevCommand::Flaky { labs, runs, minutes, load, fresh } => {
            let options = flaky::Options {
                labs: labs.clone(),
                runs: *runs,
                most: minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes))),
                load: if *load { flaky::Load::Busy } else { flaky::Load::None },
                boots: if *fresh { Boots::PerCheck } else { Boots::Shared },
            };
            flaky::run(engine, &options, view, &progress)
        }
        DevCommand::Miri { labs } => check::miri_alone(engine, labs, view, &progress),
        DevCommand::Screenshot { file, lines, wait, memory } => {
            let options = screenshot::Options {
                file: file.clone(),
                lines: lines.clone(),
                wait: Duration::from_secs(*wait),
                memory: *memory,
            };
            screenshot::run(engine, &options, &progress)
        }
        DevCommand::Pictures => match pictures::build(&engine.site, &progress)? {
            Some(file) => {
                progress.finish();
                println!("{}", file.display());
                Ok(true)
            }
            None => Err(Error::new("the pictures show the references at work, whose source is not in this copy")
                .advise("the book shows their first states without it; a hand-out carries them compiled")),
        },
        DevCommand::Tables { file, memory } => {
            tables::run(engine, &tables::Options { file: file.clone(), memory: *memory }, &progress)
        }
        DevCommand::Browser => browser::run(&engine.site, permission, &progress),
        DevCommand::Slurm { labs, submissions, nodes } => {
            let nodes = usize::from(*nodes);
            let options = slurm::Options { labs: labs.clone(), submissions: *submissions, nodes };
            slurm::run(&engine.site.workspace, &options, &progress)
        }
        DevCommand::Clippy => clippy::run(engine, view, permission),
    }
}
