//! Which labs a kernel takes from the student, and which from the course.

/// Which labs' references are used in the place of the student's files.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Mix {
    /// The cargo packages of the labs that are built with their reference, sorted.
    pub solutions: Vec<String>,
    /// What the kernel is linked with where the compiler calls functions by their names.
    pub symbols: Symbols,
}

/// Whose functions the compiler's own calls come to (`memcpy` and its neighbours), for labs whose `lab.toml` says
/// `symbols = true`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Symbols {
    /// The champion's, or the compiler's library's where there is none: a lab that is wrong costs no other one.
    #[default]
    Course,
    /// The lab's own.
    Lab,
}
