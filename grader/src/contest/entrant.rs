//! The entrants of a contest, and their scores.

use std::fmt;

use serde::Serialize;

use super::{Discipline, Place};

/// The author of an allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The student's, or the one in its place.
    Own,
    Reference,
    Champion,
    /// A crate from crates.io.
    Peer,
}

/// How the benchmark's names become the table's.
#[derive(Clone, Copy)]
pub struct Names {
    pub discipline: Discipline,
    pub place: Place,
}

impl Names {
    /// The kind of an entrant of the benchmark, and its name in the table. `None` for one that is
    /// there only for scale: it does not keep an allocator's promises.
    pub fn of(self, name: &str) -> Option<(Kind, String)> {
        let own = match self.discipline {
            Discipline::Heap => "folio-heap",
            Discipline::Frames => "folio pmm",
        };
        if name.starts_with('(') {
            return None;
        }
        let Some(rest) = name.strip_prefix(own) else { return Some((Kind::Peer, name.to_owned())) };
        let rest = rest.trim_start_matches(['-', ' ']);
        Some(match (rest, self.place) {
            ("", Place::Own) => (Kind::Own, "yours".to_owned()),
            ("", Place::Solution) => (Kind::Own, "reference".to_owned()),
            ("reference", _) => (Kind::Reference, rest.to_owned()),
            _ => (Kind::Champion, rest.to_owned()),
        })
    }
}

/// An allocator that takes part.
#[derive(Clone, Debug)]
pub struct Entrant {
    pub name: String,
    pub kind: Kind,
    pub outcome: Result<Score, NoPoints>,
}

/// The score for two quantities.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Score {
    /// 100 000 divided by the product of the two: half as much of either doubles the points.
    pub points: f64,
    /// Wasted memory, in the contest's unit.
    pub waste: f64,
    /// Instructions per call, the mean over everything that is measured.
    pub instructions: f64,
    /// Instructions of the most expensive call, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<u32>,
}

/// The numerator of the points, such that most heaps have between ten and a hundred.
const SCALE: f64 = 100_000.0;

/// Replaces a product of zero, which no measurement has.
const LEAST: f64 = 1e-9;

impl Score {
    /// The points for this much waste and this many instructions. They have no upper bound: neither quantity
    /// can be zero, and the closer they come the more each step counts.
    pub fn new(waste: f64, instructions: f64, worst: Option<u32>) -> Self {
        let product = (waste * instructions).max(LEAST);
        Self { points: SCALE / product, waste, instructions, worst }
    }
}

/// Why an entrant has no points.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoPoints {
    /// It panicked or hung; these are its last words.
    Ended(String),
    /// It did something wrong in this trace or measurement.
    Wrong { place: String, what: String },
    /// It does not support everything that is measured.
    NotForAll,
}

impl NoPoints {
    /// Whether the allocator is to blame.
    pub fn is_fault(&self) -> bool {
        *self != Self::NotForAll
    }

    /// Whether a part of it is still to be written.
    pub fn is_unfinished(&self) -> bool {
        matches!(self, Self::Ended(said) if said.contains("not yet implemented"))
    }

    /// The reason in a word or two, for a table.
    pub fn in_short(&self) -> &str {
        match self {
            Self::Ended(_) if self.is_unfinished() => "unfinished",
            Self::Ended(said) if said.contains("hung") => "hangs",
            Self::Ended(_) => "panics",
            Self::Wrong { what, .. } => what,
            Self::NotForAll => "not for all sizes",
        }
    }
}

impl fmt::Display for NoPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(said) => f.write_str(said),
            Self::Wrong { place, what } => write!(f, "{place}: {what}"),
            Self::NotForAll => f.write_str("it is not made for all that is measured"),
        }
    }
}

/// The geometric mean of factors: half as much here and twice as much there cancel out. 0 if there are none.
pub fn geometric_mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let logarithms: Vec<f64> = numbers.map(f64::ln).collect();
    if logarithms.is_empty() { 0.0 } else { mean(logarithms.into_iter()).exp() }
}

/// The arithmetic mean; 0 if there are none.
pub fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = numbers.fold((0_u32, 0.0), |(count, sum), number| (count + 1, sum + number));
    sum / f64::from(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_either_is_twice_the_points_without_an_end() {
        let points = |waste, instructions| Score::new(waste, instructions, None).points;
        let first = points(10.0, 100.0);
        assert!((first - 100.0).abs() < 1e-9);
        assert!((points(5.0, 100.0) - 2.0 * first).abs() < 1e-9);
        assert!((points(10.0, 50.0) - 2.0 * first).abs() < 1e-9);
        assert!(points(0.001, 10.0) > 1e6 && points(0.0, 10.0).is_finite());
    }

    #[test]
    fn whoever_is_in_the_student_s_place_is_its_own() {
        let own = Names { discipline: Discipline::Heap, place: Place::Own };
        assert_eq!(own.of("folio-heap"), Some((Kind::Own, "yours".into())));
        assert_eq!(own.of("folio-heap-reference"), Some((Kind::Reference, "reference".into())));
        assert_eq!(own.of("folio-heap-champion"), Some((Kind::Champion, "champion".into())));
        assert_eq!(own.of("talc"), Some((Kind::Peer, "talc".into())));
        assert_eq!(own.of("(empty-call)"), None);
        let solution = Names { discipline: Discipline::Frames, place: Place::Solution };
        assert_eq!(solution.of("folio pmm"), Some((Kind::Own, "reference".into())));
        assert_eq!(solution.of("folio pmm champion"), Some((Kind::Champion, "champion".into())));
    }

    #[test]
    fn means() {
        assert!((geometric_mean([50.0, 200.0].into_iter()) - 100.0).abs() < 1e-9);
        assert!((mean([50.0, 200.0].into_iter()) - 125.0).abs() < 1e-9);
        assert!(mean([].into_iter()).abs() < 1e-9 && geometric_mean([].into_iter()).abs() < 1e-9);
    }

    #[test]
    fn what_is_unfinished_is_told_from_what_is_wrong() {
        let todo = NoPoints::Ended("it panicked at labs/03-heap/src/blocks.rs:9:5: not yet implemented".into());
        assert!(todo.is_unfinished() && todo.is_fault());
        let wrong = NoPoints::Wrong { place: "queue".into(), what: "overwritten".into() };
        assert!(!wrong.is_unfinished() && wrong.in_short() == "overwritten");
        assert!(!NoPoints::NotForAll.is_fault());
    }
}
