//! Which labs a kernel takes from the student, and which from the course.

/// Which labs' references are used in the place of the student's files.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Mix {
    /// The cargo packages of the labs that are built with their reference, sorted.
    pub solutions: Vec<String>,
}
