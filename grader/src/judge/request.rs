//! What to grade.

use std::thread;

/// The seed, if none is asked for: always the same, so that the same code gets the same verdict.
pub const DEFAULT_SEED: u64 = 1;

/// Whose files are graded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Whose {
    /// The student's, each lab with the references of all others.
    #[default]
    Student,
    /// The student's, all labs together.
    Own,
    /// The references.
    Solution,
    /// What has been laid in the place of the references of the labs that are graded: not the
    /// course's own code, so that it may fail to compile.
    Variant,
}

/// How a check comes by its machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Boots {
    /// Many checks on one machine, which is put back before each to what it was when the
    /// kernel had come up, where the emulator can do that.
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
    /// Whose files.
    pub whose: Whose,
    /// For the checks that draw random numbers.
    pub seed: u64,
    /// How many machines at a time.
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

/// How many machines to run at a time, if nothing else is asked for.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
