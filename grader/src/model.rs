//! What the grader finds out: plain data, made by the runner, shown by the reports.

use std::path::PathBuf;
use std::time::Duration;

/// How one check ended.
///
/// The order is that of how much the verdict says against the student's code:
/// of several boots of one check, the greatest status is the check's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// The check ran to its end and holds.
    Passed,
    /// A `todo!()` was reached.
    NotStarted,
    /// The check ran to its end and does not hold.
    Failed,
    /// The kernel panicked, other than by `todo!()`.
    Panicked,
    /// An exception, a stack overflow, or a triple fault.
    Crashed,
    /// The machine did not come to an end within the budget.
    Hung,
    /// What the machine said does not fit together: a forged or doubled result.
    Tampered,
    /// The student's file does not compile.
    CouldNotBuild,
}

impl Status {
    /// The status as it stands in JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotStarted => "not_started",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Crashed => "crashed",
            Self::Hung => "hung",
            Self::Tampered => "tampered",
            Self::CouldNotBuild => "could_not_build",
        }
    }

    /// The status as a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotStarted => "not started",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Crashed => "crashed",
            Self::Hung => "hung",
            Self::Tampered => "tampered",
            Self::CouldNotBuild => "could not build",
        }
    }
}

/// Which labs' references are used in the place of the student's files.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Mix {
    /// The cargo packages of the labs that are built with their reference, sorted.
    pub solutions: Vec<String>,
}

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
    /// Whose files were graded.
    pub graded: Graded,
    /// The student's files, relative to the workspace, such as `labs/01-pmm/src/bitmap.rs`.
    pub files: Vec<String>,
    /// What rustc said, as it said it (with colour), if the lab did not build.
    pub build_error: Option<String>,
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
    /// What it counts if passed.
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
    /// The boot that decided: the first one with the check's status. `None` if nothing was booted.
    pub evidence: Option<Evidence>,
}

impl CheckReport {
    /// The points that were earned: all or none.
    pub fn points(&self) -> u32 {
        if self.status == Status::Passed { self.max_points } else { 0 }
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
    /// What the check expected, if it failed.
    pub expected: Option<String>,
    /// What it saw, if it failed.
    pub saw: Option<String>,
    /// Further circumstances that the check reported.
    pub context: Vec<String>,
    /// What the check measured: name, value, unit.
    pub measures: Vec<(String, u64, String)>,
    /// What the student's code logged, line by line.
    pub log: Vec<String>,
    /// How it crashed, if it did.
    pub crash: Option<Crash>,
    /// Everything that came over the serial port, cut if it was too much.
    pub serial: String,
    /// The emulator's command line, for a person to repeat.
    pub command: Vec<String>,
    /// The image, with its line tables.
    pub kernel: PathBuf,
}

/// A crash as the kernel reported it.
#[derive(Debug, Default)]
pub struct Crash {
    /// `panic`, `exception`, `stack-overflow`; or, seen by the emulator where the kernel
    /// cannot report it, `triple-fault` or `hang`.
    pub kind: String,
    /// Where and why it panicked.
    pub panic: Option<Panic>,
    /// Which exception it was.
    pub exception: Option<Exception>,
    /// The registers, by name, in the kernel's order.
    pub registers: Vec<(String, u32)>,
    /// Return addresses, innermost first; the first is the instruction that failed.
    pub backtrace: Vec<u32>,
}

/// Where and why the kernel panicked.
#[derive(Debug)]
pub struct Panic {
    /// The source file as the compiler names it, relative to the workspace.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The message; it may have several lines.
    pub message: String,
}

/// A processor exception.
#[derive(Debug)]
pub struct Exception {
    /// The vector, 0 to 31.
    pub vector: u8,
    /// The error code; 0 where the exception has none.
    pub error_code: u32,
    /// The name, such as `page fault`.
    pub name: String,
    /// The address that could not be reached, for a page fault.
    pub cr2: Option<u32>,
    /// What the page tables have for that address.
    pub walk: Option<PageWalk>,
}

/// The entries that the processor reads to translate an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageWalk {
    /// The register that names the page directory.
    pub cr3: u32,
    /// The directory's entry.
    pub directory_entry: u32,
    /// The table's entry; `None` if there is no table, or it cannot be read.
    pub table_entry: Option<u32>,
}
