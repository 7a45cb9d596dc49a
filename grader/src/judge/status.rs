//! How a check ends: its named verdicts.

/// How one check ended.
///
/// The order is from the best status to the worst: of several boots of one check,
/// the greatest status is the check's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// The check ran to its end and holds.
    Passed,
    /// The machine lacks what the check is about.
    NotAvailable,
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
    /// The machine's reports contradict each other: a forged or doubled result.
    Tampered,
    /// The student's file does not compile.
    CouldNotBuild,
}

impl Status {
    /// The status as a text for JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotAvailable => "not_available",
            Self::NotStarted => "not_started",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Crashed => "crashed",
            Self::Hung => "hung",
            Self::Tampered => "tampered",
            Self::CouldNotBuild => "could_not_build",
        }
    }

    /// The status with this text in JSON.
    pub fn of_id(id: &str) -> Option<Self> {
        [
            Self::Passed,
            Self::NotAvailable,
            Self::NotStarted,
            Self::Failed,
            Self::Panicked,
            Self::Crashed,
            Self::Hung,
            Self::Tampered,
            Self::CouldNotBuild,
        ]
        .into_iter()
        .find(|status| status.id() == id)
    }

    /// Whether the check keeps its points: nothing is wrong with the student's code.
    pub fn is_fine(self) -> bool {
        matches!(self, Self::Passed | Self::NotAvailable)
    }

    /// The status in words for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotAvailable => "not available here",
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
