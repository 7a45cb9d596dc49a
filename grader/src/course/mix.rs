//! A mix: which labs of a kernel are the student's, and which are the course's.

/// The labs whose references take the place of the student's files in a kernel.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Mix {
    /// The cargo packages of the labs that are built with their reference, sorted.
    pub solutions: Vec<String>,
    /// The functions with which the kernel is linked where the compiler calls functions by name.
    pub symbols: Symbols,
}

/// The functions that the compiler's own calls reach (`memcpy` and the like), for labs whose `lab.toml` says
/// `symbols = true`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Symbols {
    /// The champion's, or if there is none, those of the compiler's library: so a wrong lab costs no other lab points.
    #[default]
    Course,
    /// The lab's own.
    Lab,
}
