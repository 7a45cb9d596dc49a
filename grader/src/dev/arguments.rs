//! The command line of `cargo grade dev …`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::course::lab_toml::Memory;

/// `cargo grade dev …`.
#[derive(Subcommand, Debug)]
pub enum DevCommand {
    /// Test the checks: skeletons score nothing, references everything, every mistake is caught
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
    /// Measure: from save to score, boots a second, submissions a minute, and what allocators and the system cost in
    /// instructions
    Bench {
        /// What to measure; by default everything but `class` and `smoke`
        #[arg(value_enum)]
        what: Vec<What>,
        /// How often each thing is measured; the median counts
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
        runs: u16,
        /// Skip the builds from scratch, which take minutes
        #[arg(long)]
        warm: bool,
        /// Write the figures as JSON; `-` is standard output
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Write a class to try `cargo grade batch` on: references, mistakes, alternatives, files that do not compile
    Class {
        /// Where it goes: a new folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Labs, such as `03`; all if none is named
        labs: Vec<String>,
        /// How many submissions
        #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        submissions: u32,
        /// Put one lab into each submission, in turn, and not all
        #[arg(long)]
        one_lab: bool,
    },
    /// Grade the references again and again, and report every verdict that is not always the same
    Flaky {
        /// Labs, such as `03`; all if none is named
        labs: Vec<String>,
        /// How often
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..))]
        runs: u32,
        /// Stop earlier, after so many minutes
        #[arg(long, value_name = "N")]
        minutes: Option<u32>,
        /// Keep the computer busy meanwhile
        #[arg(long)]
        load: bool,
        /// Boot each check's machine for itself
        #[arg(long)]
        fresh: bool,
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
    /// Build the code behind the book's pictures that a reader can change
    Pictures,
    /// Boot the references, and write the page tables at the shell's prompt as text
    Tables {
        /// Where the text goes: `book/pictures-live/tables.txt` is what the book shows
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How much memory the machine has
        #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = Memory::parse)]
        memory: Memory,
    },
    /// Read the book in headless Chromium: pages, kernels, search, layout
    Browser,
    /// Grade a small class on this computer and by Slurm, on a cluster that is made for it and loses a node, and compare
    Slurm {
        /// Labs, such as `04`; all if none is named
        labs: Vec<String>,
        /// How many submissions
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        submissions: u32,
        /// How many nodes the cluster has: of several, one dies while it grades
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
        nodes: u8,
    },
    /// Run clippy on everything, the kernel included, with warnings denied
    Clippy,
}

/// One of the measurements.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// From save to score, and boots a second
    Time,
    /// The time of memcpy and its kin, in the emulator and natively: the lab's beside their peers
    Memory,
    /// The cost of frame allocators in guest instructions: the lab's compared with its peers
    Frames,
    /// The cost of heaps in guest instructions and in memory: the lab's compared with its peers
    Heap,
    /// The effect of each policy of a heap, in guest instructions and in memory
    Policies,
    /// The cost of the operating system in guest instructions: forks and exits, system calls, page tables
    System,
    /// The submissions that a batch grades in a minute, with one job and with one for each processor
    Class,
    /// Check that the benchmark builds and runs, without figures
    Smoke,
}
