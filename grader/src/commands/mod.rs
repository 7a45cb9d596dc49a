//! The program: its command line, the work of each command, and its exit
//! status.

mod arguments;
mod audit;
mod batch;
mod book;
mod contest;
mod debug;
mod doctor;
mod grade;
mod gradescope;
mod handout;
mod look;
mod output;
mod place;
mod recording;
mod run;
mod setup;
mod submission;
mod tries;
mod watch;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::dev;
use crate::host::error::Result;
use crate::host::exit::Exit;
use crate::host::process;
use crate::report;

use arguments::{Cli, Color, Command};
use output::{complain, print, view};
use place::Place;
use setup::tools::Machines;

/// Runs `cargo grade`. `start` is when the program began.
pub fn main(start: Instant) -> ExitCode {
    if std::env::args_os().skip(1).eq(["-h"]) {
        // As below: nobody reads it.
        let _ = arguments::in_short().print_help();
        return Exit::Passed.into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::CouldNotRun } else { Exit::Passed };
            // Nobody reads standard error: nothing to do about it.
            let _ = error.print();
            return exit.into();
        }
    };
    match cli.common.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    process::listen();
    let exit = run(cli, start).unwrap_or_else(|error| {
        complain(&error);
        Exit::CouldNotRun
    });
    exit.into()
}

fn run(cli: Cli, start: Instant) -> Result<Exit> {
    let common = &cli.common;
    match cli.command {
        None => grade::grade(&cli.grade, common, start),
        Some(Command::Doctor) => doctor::doctor(common),
        Some(Command::Setup { bochs, debug }) => {
            let machines = if bochs { Machines::Both } else { Machines::Qemu };
            Place::find()?.engines(common, machines)?;
            if debug {
                setup::debugger::provide(common.permission())?;
            }
            print("Everything that grading needs is there.\n")?;
            Ok(Exit::Passed)
        }
        Some(Command::Run(arguments)) => {
            let place = Place::find()?;
            // A wrong name is reported before anything is installed.
            place.workspace.select(&arguments.labs)?;
            run::run(&arguments, &place.engine(common)?)
        }
        Some(Command::Look(arguments)) => look::command(&arguments, common),
        Some(Command::Contest(arguments)) => contest::command(&arguments, common),
        Some(Command::Debug(arguments)) => debug::command(&arguments, common),
        Some(Command::Watch(arguments)) => watch::command(&arguments, common),
        Some(Command::Explain { check, hint }) => {
            let hints = hint.map_or(1, usize::from);
            print(&report::explain(&Place::find()?.workspace, check.as_deref(), hints, &view(common))?)?;
            Ok(Exit::Passed)
        }
        Some(Command::Audit { labs }) => {
            print(&audit::audit(&Place::find()?.workspace, &labs, &view(common))?)?;
            Ok(Exit::Passed)
        }
        Some(Command::Batch(arguments)) => batch::batch(&arguments, common),
        Some(Command::Slice { folder, number }) => batch::slice(&folder, number, common),
        Some(Command::Submission(arguments)) => submission::submission(&arguments, common),
        Some(Command::Gradescope(arguments)) => {
            gradescope::gradescope(&arguments, common)?;
            Ok(Exit::Passed)
        }
        Some(Command::Handout(arguments)) => {
            handout::handout(&arguments, common)?;
            Ok(Exit::Passed)
        }
        Some(Command::Book(arguments)) => {
            book::book(&arguments, &Place::find()?.site(common)?, common)?;
            Ok(Exit::Passed)
        }
        Some(Command::Dev(command)) => {
            let engine = Place::find()?.engine(common)?;
            dev::run(&command, &engine, &view(common), common.permission()).map(Exit::of)
        }
    }
}
