//! A request: what to grade, and how.

use std::thread;

/// The default seed: always the same, so that the same code gets the same verdict.
pub const DEFAULT_SEED: u64 = 1;

/// Whose files are graded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Whose {
    /// The student's, each lab with the references of all other labs.
    #[default]
    Student,
    /// The student's, all labs together.
    Own,
    /// The references.
    Solution,
    /// Variants, which have taken the place of the graded labs' references: they are not the course's
    /// own code, so they may fail to compile.
    Variant,
}

/// How a check comes by its machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Boots {
    /// Many checks share one machine, if the emulator can do that: before each check, the machine
    /// is put back to its state when the kernel had come up.
    #[default]
    Shared,
    /// Each check boots a machine of its own.
    PerCheck,
}

/// What to grade.
#[derive(Clone, Debug)]
pub struct Request {
    /// Labs by name; all if empty.
    pub labs: Vec<String>,
    /// Checks by name; all if empty.
    pub checks: Vec<String>,
    /// Whose files are graded.
    pub whose: Whose,
    /// The seed for the checks that draw random numbers.
    pub seed: u64,
    /// How many machines run at a time.
    pub jobs: usize,
    /// How a check comes by its machine.
    pub boots: Boots,
    /// The check that is booted before all others.
    pub first: Option<String>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            labs: vec![],
            checks: vec![],
            whose: Whose::Student,
            seed: DEFAULT_SEED,
            jobs: processors(),
            boots: Boots::Shared,
            first: None,
        }
    }
}

/// The default for how many machines run at a time.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
