//! The results of a run: plain data, made by a run, shown by the reports.

use std::path::PathBuf;
use std::time::Duration;

use super::findings::Findings;
use super::status::Status;

/// The results of a run: everything that a report shows.
#[derive(Debug)]
pub struct Run {
    /// The labs, in the course's order.
    pub labs: Vec<LabReport>,
    /// The emulator, such as `QEMU 7.2.22`, or both of them.
    pub emulator: String,
    /// The compiler, such as `rustc 1.95.0`.
    pub toolchain: String,
    /// The seed of the checks that draw random numbers.
    pub seed: u64,
    /// From the start of the program to the last verdict.
    pub elapsed: Duration,
    /// The part of `elapsed` that building kernels took.
    pub building: Duration,
    /// The part of `elapsed` that machines took, from the first start to the last end, without the builds meanwhile.
    pub booting: Duration,
    /// The options after `cargo grade` that grade the same files again, such as
    /// `--solution`; a report adds `--check NAME` to them.
    pub repeat: Vec<String>,
}

/// One lab's checks: all of them, or the requested ones.
#[derive(Debug)]
pub struct LabReport {
    /// The folder's name, such as `01-pmm`.
    pub id: String,
    /// The title in `lab.toml`.
    pub title: String,
    /// The cargo package, such as `pmm`.
    pub package: String,
    /// Whose files were graded.
    pub graded: Graded,
    /// The student's files, relative to the workspace, such as `labs/01-pmm/src/bitmap.rs`.
    pub files: Vec<String>,
    /// The errors of rustc with its colours, if the lab did not build.
    pub build_error: Option<String>,
    /// If the lab was refused before it was built: where, what and why, in a sentence without colour.
    pub refused: Option<String>,
    /// If another lab did not build, and no reference takes its place: that
    /// lab's files, relative to the workspace.
    pub blocked_by: Vec<String>,
    /// The warnings of rustc about the student's files, with its colours.
    pub warnings: Option<String>,
    /// The checks in `lab.toml`'s order.
    pub checks: Vec<CheckReport>,
}

/// Whose files were graded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Graded {
    /// The student's.
    Student,
    /// The reference.
    Solution,
}

/// One check's verdict.
#[derive(Debug)]
pub struct CheckReport {
    /// The check's name, unique in the course.
    pub name: String,
    /// The verdict.
    pub status: Status,
    /// The points for the check if it passes, or if this machine lacks what the check is about.
    pub max_points: u32,
    /// The verdict in one sentence, without colour.
    pub message: String,
    /// The rule of the contract.
    pub rule: String,
    /// Where to look.
    pub hint: String,
    /// The page of the book, with the anchor.
    pub chapter: String,
    /// The verdict on each emulator, if they differ.
    pub machines: Vec<MachineVerdict>,
    /// How many runs in a row the check has ended this way, with this run; 1 if runs are not counted.
    pub times: u32,
    /// The boot that decided: the first one with the check's status. `None` if nothing was booted.
    pub evidence: Option<Evidence>,
}

impl CheckReport {
    /// The earned points: all or none.
    pub fn points(&self) -> u32 {
        if self.status.is_fine() { self.max_points } else { 0 }
    }
}

/// How a check ended on one of several emulators.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MachineVerdict {
    /// The emulator, such as `Bochs 2.7`.
    pub emulator: String,
    /// The verdict.
    pub status: Status,
    /// The verdict in one sentence, without colour.
    pub message: String,
}

/// The evidence of one boot.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The machine's memory as `lab.toml` writes it, such as `64M`.
    pub memory: String,
    /// The reports of the check and of the kernel.
    pub findings: Findings,
    /// The serial port's output, cut if it was too long.
    pub serial: String,
    /// The emulator's command line, for a person to repeat.
    pub command: Vec<String>,
    /// The image, with its line tables.
    pub kernel: PathBuf,
}
