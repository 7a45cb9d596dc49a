//! The command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::batch::{Format, Output};
use crate::course::lab_toml::Memory;
use crate::dev::DevCommand;
use crate::host::apt::Permission;
use crate::judge::DEFAULT_SEED;

use super::setup::tools::Machines;

/// Boots each lab's kernel in an emulator, and says which of its rules hold.
#[derive(Parser, Debug)]
#[command(
    name = "cargo grade",
    bin_name = "cargo grade",
    version,
    args_conflicts_with_subcommands = true,
    help_template = TEMPLATE,
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub struct Cli {
    /// A command other than grading.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Which labs to grade, and how.
    #[command(flatten)]
    pub grade: GradeArgs,
    /// Options of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// The whole help: clap itself knows no groups of commands.
const TEMPLATE: &str = "\
{about-with-newline}
{usage-heading} {usage}

Your labs:
  watch       Grade a lab at each save, and show what to work on next
  explain     Explain a check: its rule, its hints, where to read more
  look        Show the page tables at the end of a check, or its run as a film
  debug       Open a check in gdb where it failed, and go backwards from there
  run         Boot the operating system, with your labs, in this terminal
  contest     Measure your heap or frame allocator beside others
  audit       List the places in your files that a person should read
  doctor      Show what was found on this machine, and what is missing
  setup       Install what is missing

Grading a class:
  batch       Grade a folder with a submission of each student
  submission  Grade one submission inside another system's autograder
  gradescope  Make the zip that Gradescope takes as an autograder
  handout     Write the course as students get it

The course itself:
  book        Build the book, and the kernel that boots in its pages
  dev         Test and measure the course: for those who write it

`cargo grade help COMMAND` tells more about a command.

Arguments:
{positionals}

Options:
{options}{after-help}";

const EXAMPLES: &str = "\
Examples:
  cargo grade                      grade all of your labs
  cargo grade 01                   grade lab 01 (also: 1, pmm, 01-pmm)
  cargo grade --check never-twice  run one check

Environment:
  FOLIO_QEMU        the emulator, in place of the qemu-system-i386 on PATH
  FOLIO_BOCHS       the same for the bochs on PATH
  FOLIO_TIMINGS     if set, show how long each part took
  CARGO_TARGET_DIR  where to build, in place of target/
  NO_COLOR          if set, use no colour

Exit codes: 0 all checks passed, 1 a check did not pass, 2 could not run.";

/// Options of `cargo grade` that its short help has as well.
const SHORT: [&str; 4] = ["labs", "checks", "solution", "verbose"];

/// The command line's description, as it is for `cargo grade -h`: with fewer options, and without examples.
pub fn in_short() -> clap::Command {
    let all = "`cargo grade --help` has all options, and examples.";
    Cli::command()
        .mut_args(|one| if SHORT.contains(&one.get_id().as_str()) { one } else { one.hide(true) })
        .after_help(all)
}

/// Which labs to grade, and how.
#[derive(Args, Debug, Default)]
pub struct GradeArgs {
    /// Labs to grade, such as `01` or `pmm`; all if none is named
    pub labs: Vec<String>,
    /// Grade the references in place of your files
    #[arg(long, conflicts_with = "own")]
    pub solution: bool,
    /// Grade all of your labs together, without a reference for any
    #[arg(long)]
    pub own: bool,
    /// Run only this check (may be given several times)
    #[arg(long = "check", value_name = "NAME")]
    pub checks: Vec<String>,
    /// Write the result as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the result as JUnit XML; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Which machines to grade on: qemu, bochs, or both to compare them
    #[arg(long, value_name = "NAME", default_value = "qemu", hide_possible_values = true)]
    pub emulator: Machines,
    /// Seed of the checks that draw random numbers
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub seed: u64,
    /// How many machines to run at a time; by default one for each processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Boot a machine of its own for every check, in place of a few for all
    #[arg(long)]
    pub fresh: bool,
    /// Boot this check before all others
    #[arg(long, value_name = "NAME", hide = true)]
    pub first: Option<String>,
    /// Report progress and results line by line, in JSON, with texts of that many columns: for `watch`
    #[arg(long, value_name = "COLUMNS", hide = true, conflicts_with_all = ["json", "junit"])]
    pub tell: Option<u16>,
}

/// Options of every command.
#[derive(Args, Debug, Clone)]
pub struct CommonArgs {
    /// Show logs, measurements, warnings and timings too
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Never install anything
    #[arg(long, global = true)]
    pub no_install: bool,
    /// When to use colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: Color,
}

impl CommonArgs {
    /// Whether the grader may install packages.
    pub fn permission(&self) -> Permission {
        if self.no_install { Permission::Refused } else { Permission::Granted }
    }
}

/// When to use colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Color {
    // Plain comments: clap would show a help text for each value, and make the help twice as long.
    // In colour on a terminal, unless NO_COLOR is set.
    #[allow(missing_docs)]
    Auto,
    #[allow(missing_docs)]
    Always,
    #[allow(missing_docs)]
    Never,
}

/// A command other than grading.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show which compiler and emulator were found, and what is missing
    Doctor,
    /// Install what is missing, and do nothing else
    #[command(
        after_help = "Example:\n  cargo grade setup --debug  gdb, too, for `cargo grade debug` and `look --film`"
    )]
    Setup {
        /// Also install what grading in Bochs needs
        #[arg(long)]
        bochs: bool,
        /// Also install what `cargo grade debug` needs
        #[arg(long)]
        debug: bool,
    },
    /// Boot the kernel as an operating system in this terminal
    #[command(
        after_help = "Examples:\n  cargo grade run                      with all of your labs\n  cargo grade run --solution --window  the references, with the screen in a window\n  cargo grade run --program \"fuzz 7\"   one program in place of the shell"
    )]
    Run(RunArgs),
    /// Show the address space as it is at the end of a check, or at its crash
    #[command(
        after_help = "Examples:\n  cargo grade look map-twice              the page tables, as a tree and a picture\n  cargo grade look map-twice --film       a page with the last 200 calls into the lab\n  cargo grade look 02 --solution          the references, a check of lab 02"
    )]
    Look(LookArgs),
    /// Record a check, and open it in gdb where it failed or crashed: from there, go backwards
    #[command(
        after_help = "Examples:\n  cargo grade debug map-twice\n  cargo grade debug map-twice --execute \"last-calls 3\" --execute failure"
    )]
    Debug(DebugArgs),
    /// Grade a lab at each save, and show what to work on next
    #[command(
        after_help = "Examples:\n  cargo grade watch     begin with the first lab that is not done\n  cargo grade watch 02  begin with lab 02"
    )]
    Watch(WatchArgs),
    /// Measure your heap or frame allocator beside others, for points without an upper bound
    #[command(subcommand)]
    Contest(ContestCommand),
    /// Explain a check, or each check of a lab: its rule, its hints, where to read more
    #[command(
        after_help = "Examples:\n  cargo grade explain 02                  a line about each check of lab 02\n  cargo grade explain map-twice --hint 2  one check, with its first two hints"
    )]
    Explain {
        /// A check; or a lab, for a line about each of its checks; all checks if none is named
        check: Option<String>,
        /// How many of the check's hints to show; by default the first one
        #[arg(long, value_name = "N", requires = "check", value_parser = clap::value_parser!(u8).range(1..=9))]
        hint: Option<u8>,
    },
    /// List the places in your files that a person should read, though nothing forbids them
    Audit {
        /// Labs, such as `01` or `pmm`; all if none is named
        labs: Vec<String>,
    },
    /// Grade a class: a folder, zip, tar.gz or git bundle for each student
    #[command(
        after_help = "Examples:\n  cargo grade batch submissions --out results               grade, or with --resume go on\n  cargo grade batch --out results --report-only --formats html,gradescope"
    )]
    Batch(BatchArgs),
    /// A task of a job array: see `batch --engine slurm`
    #[command(name = "__slice", hide = true)]
    Slice {
        /// The array's folder
        folder: PathBuf,
        /// The task's number
        number: usize,
    },
    /// Grade one submission for the autograder of another system, and write the result in its format
    Submission(SubmissionArgs),
    /// Make the zip that Gradescope takes as an autograder
    Gradescope(GradescopeArgs),
    /// Write the course as students get it: with the references compiled, and without their source
    Handout(HandoutArgs),
    /// Build the book, and the kernel that boots in its pages
    Book(BookArgs),
    /// For those who write the course
    #[command(subcommand)]
    Dev(DevCommand),
}

/// `cargo grade run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Your labs to use, such as `01` or `pmm`, with the references for all others; all if none is named
    #[arg(value_name = "LAB")]
    pub labs: Vec<String>,
    /// Use the references in place of all of your files
    #[arg(long, conflicts_with = "labs")]
    pub solution: bool,
    /// Show the machine's screen, with a live map of memory, in a window
    #[arg(long)]
    pub window: bool,
    /// Run this program in place of the shell, such as `fuzz 7`, the same way every time; exit with 1 if it fails
    #[arg(long, value_name = "PROGRAM WORDS")]
    pub program: Option<String>,
    /// How much memory the machine has
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = Memory::parse)]
    pub memory: Memory,
}

/// `cargo grade debug`.
#[derive(Args, Debug)]
pub struct DebugArgs {
    /// The check
    #[arg(value_name = "CHECK")]
    pub check: String,
    /// Take the references in place of your files
    #[arg(long)]
    pub solution: bool,
    /// Run this command of gdb in place of asking for commands, such as `walk 0x1000` (may be given several times)
    #[arg(long = "execute", value_name = "COMMAND")]
    pub commands: Vec<String>,
    /// Seed of the checks that draw random numbers
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub seed: u64,
}

/// `cargo grade watch`.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// The lab to begin with, such as `01` or `pmm`; the first one that is not done, if none is named
    #[arg(value_name = "LAB")]
    pub lab: Option<String>,
    /// Read the files five times a second, where the system reports no saves: on network drives, in containers
    #[arg(long)]
    pub poll: bool,
}

/// `cargo grade batch`.
#[derive(Args, Debug)]
pub struct BatchArgs {
    /// The folder that holds the submissions
    #[arg(value_name = "DIR", required_unless_present = "report_only")]
    pub folder: Option<PathBuf>,
    /// The folder for the results, which is created if needed
    #[arg(long, value_name = "RESULTS")]
    pub out: PathBuf,
    /// Grade this lab only, such as `01` or `pmm` (may be given several times)
    #[arg(long = "lab", value_name = "LAB")]
    pub labs: Vec<String>,
    /// Continue a batch into the same folder that stopped
    #[arg(long)]
    pub resume: bool,
    /// Continue, and grade a submission, a lab or `all` again (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub regrade: Vec<String>,
    /// Seed of the checks that draw random numbers
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub seed: u64,
    /// Who grades
    #[arg(long, value_enum, default_value = "local")]
    pub engine: BatchEngine,
    /// Pass an option on to `sbatch`, such as `--slurm-option=--partition=short` (may be given several times)
    #[arg(long = "slurm-option", value_name = "OPTION", allow_hyphen_values = true)]
    pub slurm_options: Vec<String>,
    /// How many to grade at a time; by default one for each processor, and 8 with Slurm
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Grade without bubblewrap: only for code that you would run yourself
    #[arg(long)]
    pub unsafe_no_sandbox: bool,
    /// What counts, until when, and what students see: a file like `course.toml`, which the course may have itself
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// What is written besides the tables
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', default_value = "html")]
    pub formats: Vec<Format>,
    /// Write the reports once more, from what was graded before: with another policy, or in another format
    #[arg(long, conflicts_with_all = ["folder", "resume", "regrade", "seed", "engine", "jobs", "unsafe_no_sandbox"])]
    pub report_only: bool,
}

/// Where a class is graded.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchEngine {
    /// This computer
    Local,
    /// A job array of Slurm, on the computers of a cluster that share this folder and RESULTS
    Slurm,
}

/// `cargo grade submission`.
#[derive(Args, Debug)]
pub struct SubmissionArgs {
    /// The submission: a folder, zip, tar.gz or git bundle
    #[arg(value_name = "SUBMISSION")]
    pub path: PathBuf,
    /// What is written
    #[arg(long, value_name = "FORMAT")]
    pub format: Output,
    /// Where it goes; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub to: PathBuf,
    /// What the student is called
    #[arg(long, value_name = "NAME", default_value = "student", conflicts_with = "metadata")]
    pub name: String,
    /// Gradescope's `submission_metadata.json`, which says whose it is and when it was handed in
    #[arg(long, value_name = "FILE")]
    pub metadata: Option<PathBuf>,
    /// Grade this lab only, such as `01` or `pmm` (may be given several times)
    #[arg(long = "lab", value_name = "LAB")]
    pub labs: Vec<String>,
    /// What counts, until when, and what students see: a file like `course.toml`
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Seed of the checks that draw random numbers
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub seed: u64,
    /// Grade without bubblewrap: only in a machine that is thrown away
    #[arg(long)]
    pub unsafe_no_sandbox: bool,
}

/// `cargo grade gradescope`.
#[derive(Args, Debug)]
pub struct GradescopeArgs {
    /// The zip
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Grade this lab only, such as `01` or `pmm` (may be given several times)
    #[arg(long = "lab", value_name = "LAB")]
    pub labs: Vec<String>,
    /// What counts, until when, and what students see: a file like `course.toml`, which the course may have itself
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

/// `cargo grade handout`.
#[derive(Args, Debug)]
pub struct HandoutArgs {
    /// Where it goes: a new or an empty folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Update the hand-out in this folder, and leave the student's files in it alone
    #[arg(long)]
    pub update: bool,
}

/// `cargo grade book`.
#[derive(Args, Debug)]
pub struct BookArgs {
    /// Show it in the browser, and build it anew whenever a page changes
    #[arg(long)]
    pub open: bool,
}

/// `cargo grade look`.
#[derive(Args, Debug)]
pub struct LookArgs {
    /// A check, or a lab: then the first of its checks that is proved from outside
    #[arg(value_name = "CHECK|LAB")]
    pub what: String,
    /// Take the references in place of your files
    #[arg(long)]
    pub solution: bool,
    /// Where the picture goes; `-` for nowhere
    #[arg(long, value_name = "FILE", conflicts_with = "film")]
    pub svg: Option<PathBuf>,
    /// A film in the place of a picture: a page with a picture at each call into the lab. Needs gdb
    #[arg(long)]
    pub film: bool,
    /// In a film: the last N pictures, up to 1000 [default: 200]
    #[arg(long, value_name = "N", requires = "film", conflicts_with = "from", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub last: Option<u16>,
    /// In a film: 200 pictures from the Nth one of the run on
    #[arg(long, value_name = "N", requires = "film", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub from: Option<u64>,
    /// In a film: a picture after every N instructions, in place of one at each call
    #[arg(long, value_name = "N", requires = "film", value_parser = clap::value_parser!(u64).range(1..))]
    pub every: Option<u64>,
    /// Seed of the checks that draw random numbers
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
    pub seed: u64,
}

/// `cargo grade contest …`.
#[derive(Subcommand, Debug)]
pub enum ContestCommand {
    /// Heaps: how little memory is lost, and how few instructions a call takes
    Heap {
        /// Options of every contest.
        #[command(flatten)]
        common: ContestArgs,
        /// Draw a heap over time into this file, as SVG: where blocks lie, how large and how old they are
        #[arg(long, value_name = "FILE")]
        picture: Option<PathBuf>,
        /// The heap to draw, as the table calls it, or one of `dev bench policies`; by default yours
        #[arg(long, value_name = "HEAP", requires = "picture")]
        of: Option<String>,
        /// The trace to draw; by default the one on which the heap loses most
        #[arg(long, value_name = "TRACE", requires = "picture")]
        trace: Option<String>,
    },
    /// Frame allocators: how small their records are, and how few instructions a call takes
    Frames {
        /// Options of every contest.
        #[command(flatten)]
        common: ContestArgs,
    },
}

/// Options of every contest.
#[derive(Args, Debug)]
pub struct ContestArgs {
    /// Take the reference in place of your file
    #[arg(long)]
    pub solution: bool,
    /// Draw other traces of the same kinds, against tuning; 0 are those of the book
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u32,
    /// Write the result as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_ascii_whitespace())
    }

    #[test]
    fn the_description_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_has_each_command_in_its_group_and_fits_a_terminal() {
        let help = Cli::command().term_width(80).render_help().to_string();
        let short = in_short().term_width(80).render_help().to_string();
        let listed = |text: &str| {
            let commands = text.split("Your labs:").nth(1).and_then(|rest| rest.split("`cargo grade help").next());
            let lines = commands.unwrap_or_default().lines().filter(|line| line.starts_with("  "));
            let mut names: Vec<String> =
                lines.filter_map(|line| line.split_whitespace().next()).map(Into::into).collect();
            names.sort_unstable();
            names
        };
        let command = Cli::command();
        let visible = command.get_subcommands().filter(|one| !one.is_hide_set());
        let mut names: Vec<String> = visible.map(|one| one.get_name().to_owned()).collect();
        names.sort_unstable();
        for text in [&help, &short] {
            assert_eq!(listed(text), names, "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        assert!(short.lines().count() <= 40 && help.lines().count() > short.lines().count(), "{short}");
    }

    #[test]
    fn labs_and_subcommands_live_together() {
        let cli = parse("grade 01 pmm --check a --check b -v").unwrap();
        assert!(cli.command.is_none() && cli.common.verbose);
        assert_eq!((cli.grade.labs, cli.grade.checks), (vec!["01".into(), "pmm".into()], vec!["a".into(), "b".into()]));
        assert!(matches!(parse("grade doctor --color never").unwrap().command, Some(Command::Doctor)));
        assert!(
            matches!(parse("grade explain x").unwrap().command, Some(Command::Explain { check: Some(check), .. }) if check == "x")
        );
        assert!(matches!(parse("grade dev check 01").unwrap().command, Some(Command::Dev(DevCommand::Check { .. }))));
    }

    #[test]
    fn only_a_heap_is_drawn() {
        let cli = parse("grade contest heap --seed 7 --picture x.svg --trace holes").unwrap();
        let Some(Command::Contest(ContestCommand::Heap { common, picture, of, trace })) = cli.command else {
            panic!("{:?}", cli.command)
        };
        assert_eq!((common.seed, picture, of, trace), (7, Some("x.svg".into()), None, Some("holes".into())));
        for line in ["grade contest", "grade contest frames --picture x.svg", "grade contest heap --trace holes"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for line in ["grade --own --solution", "grade --jobs 0", "grade --color sometimes", "grade run --memory 1K"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
