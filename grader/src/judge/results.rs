//! What the grader finds out: plain data, made by a run, shown by the reports.

use std::path::PathBuf;
use std::time::Duration;

use super::findings::Findings;
use super::status::Status;

/// A run of the grader: everything that a report shows.
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
    /// What building kernels took of that.
    pub building: Duration,
    /// What took machines of it, from the first one's start to the last one's end, without what was built meanwhile.
    pub booting: Duration,
    /// What has to stand after `cargo grade` to grade the same files again,
    /// such as `--solution`; a report adds `--check NAME` to it.
    pub repeat: Vec<String>,
}

/// One lab's checks, all of them or those that were asked for.
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
    /// What rustc said, as it said it (with colour), if the lab did not build.
    pub build_error: Option<String>,
    /// If the lab was refused before it was built: where, what and why, in a sentence without colour.
    pub refused: Option<String>,
    /// If it is another lab that did not build, and no reference takes its
    /// place: that lab's files, relative to the workspace.
    pub blocked_by: Vec<String>,
    /// What rustc warns about in the student's files, as it said it (with colour).
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
    /// What it counts if passed, or if this machine cannot tell.
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
    /// How many runs in a row it has ended this way, this one among them: 1 where nobody counts.
    pub times: u32,
    /// The boot that decided: the first one with the check's status. `None` if nothing was booted.
    pub evidence: Option<Evidence>,
}

impl CheckReport {
    /// The points that were earned: all or none.
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

/// What one boot showed.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The machine's memory as `lab.toml` writes it, such as `64M`.
    pub memory: String,
    /// What the check and the kernel told.
    pub findings: Findings,
    /// Everything that came over the serial port, cut if it was too much.
    pub serial: String,
    /// The emulator's command line, for a person to repeat.
    pub command: Vec<String>,
    /// The image, with its line tables.
    pub kernel: PathBuf,
}
