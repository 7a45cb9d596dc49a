//! `cargo grade dev …`: for those who write the course.

mod bench;
mod chapters;
mod check;
mod clippy;
mod host_tests;
mod layout;
mod miri;
mod patch;
mod peers;
mod rows;
mod screenshot;
pub mod stage;
mod variant;

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use crate::error::Result;
use crate::grade::{Engine, processors};
use crate::lab_toml::Memory;
use crate::progress::Progress;
use crate::report::View;

/// `cargo grade dev …`.
#[derive(Subcommand, Debug)]
pub enum DevCommand {
    /// Prove that the checks are right: skeletons score nothing, references everything, every mistake is caught
    Check {
        /// Labs, such as `01`; all if none is named
        labs: Vec<String>,
        /// Run every check on every mistake, and show which ones catch it
        #[arg(long)]
        full: bool,
        /// Try only N mistakes of each lab, spread over all of them
        #[arg(long, value_name = "N")]
        mistakes: Option<u16>,
        /// Leave out the skeletons, where you have worked on your files
        #[arg(long)]
        no_skeleton: bool,
    },
    /// Measure: from save to score, boots a second, and what allocators cost in instructions and in memory
    Bench {
        /// What to measure; everything if nothing is named
        #[arg(value_enum)]
        what: Vec<bench::What>,
        /// How often each thing is measured; the median counts
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
        runs: u16,
        /// Leave out what builds everything anew, which takes minutes
        #[arg(long)]
        warm: bool,
        /// Write the figures as JSON; `-` is standard output
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Run the tests of labs with unsafe code under Miri, if one is installed
    Miri {
        /// Labs, such as `03`; all if none is named
        labs: Vec<String>,
    },
    /// Boot the references, type lines into the shell, and take a picture of the screen
    Screenshot {
        /// Where the picture goes, a PNG file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A line to type, once the shell waits for one (may be given several times)
        #[arg(long = "type", value_name = "LINE")]
        lines: Vec<String>,
        /// How long to wait after the last line, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 5)]
        wait: u64,
        /// How much memory the machine has
        #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = Memory::parse)]
        memory: Memory,
    },
    /// Run clippy on everything, the kernel included, with warnings denied
    Clippy,
}

/// Runs one of these commands; returns whether all is well.
///
/// # Errors
/// If it could not be done.
pub fn run(command: &DevCommand, engine: &Engine, view: &View, no_install: bool) -> Result<bool> {
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
        DevCommand::Clippy => clippy::run(engine, view, no_install),
    }
}
