//! Points after weights and deductions: exact to the hundredth, so that sums are the same everywhere.

use std::fmt;
use std::iter::Sum;

use serde::{Serialize, Serializer};

/// A number of points, in hundredths of a point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Mark {
    hundredths: u64,
}

impl Mark {
    /// No points.
    pub const ZERO: Self = Self { hundredths: 0 };

    /// A whole number of points.
    pub fn whole(points: u64) -> Self {
        Self { hundredths: points.saturating_mul(100) }
    }

    /// A number of hundredths of a point.
    pub fn hundredths_of_a_point(hundredths: u64) -> Self {
        Self { hundredths }
    }

    /// The points for `score` of `most`, if `most` is worth `worth`: rounded to the nearest hundredth, and 0 if `most` is 0.
    pub fn share(score: u64, most: u64, worth: Self) -> Self {
        if most == 0 {
            return Self::ZERO;
        }
        let exact = u128::from(score.min(most)) * u128::from(worth.hundredths);
        let rounded = (exact + u128::from(most) / 2) / u128::from(most);
        Self { hundredths: u64::try_from(rounded).unwrap_or(u64::MAX) }
    }

    /// The points that are left if only this percentage counts.
    pub fn percent(self, percent: u8) -> Self {
        Self::share(u64::from(percent), 100, self)
    }

    /// As a number, for formats that have numbers.
    pub fn number(self) -> f64 {
        // Exact: nobody has 2⁵³ hundredths of points.
        self.hundredths as f64 / 100.0
    }

    /// The points as a whole number, if they are one.
    pub fn as_whole(self) -> Option<u64> {
        self.hundredths.is_multiple_of(100).then_some(self.hundredths / 100)
    }

    /// The share of `worth`, from 0 to 1.
    pub fn of(self, worth: Self) -> f64 {
        if worth == Self::ZERO { 0.0 } else { self.number() / worth.number() }
    }
}

/// `12`, `12.5` or `12.25`.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.hundredths / 100, self.hundredths % 100);
        match rest {
            0 => write!(f, "{whole}"),
            rest if rest.is_multiple_of(10) => write!(f, "{whole}.{}", rest / 10),
            rest => write!(f, "{whole}.{rest:02}"),
        }
    }
}

impl Sum for Mark {
    fn sum<I: Iterator<Item = Self>>(marks: I) -> Self {
        Self { hundredths: marks.map(|mark| mark.hundredths).fold(0, u64::saturating_add) }
    }
}

/// A whole number if possible, for formats that want integers.
impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.hundredths % 100 {
            0 => serializer.serialize_u64(self.hundredths / 100),
            _ => serializer.serialize_f64(self.number()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_to_the_nearest_hundredth() {
        let of = |score, most, worth| Mark::share(score, most, Mark::whole(worth)).to_string();
        assert_eq!([of(100, 100, 20), of(1, 3, 1), of(2, 3, 1), of(1, 8, 1)], ["20", "0.33", "0.67", "0.13"]);
        assert_eq!([of(0, 0, 20), of(7, 5, 20), of(91, 100, 15)], ["0", "20", "13.65"]);
        assert_eq!(Mark::share(u64::MAX, u64::MAX, Mark::whole(u64::MAX)), Mark { hundredths: u64::MAX });
    }

    #[test]
    fn percents_and_sums_are_exact() {
        assert_eq!(Mark::whole(15).percent(90).to_string(), "13.5");
        assert_eq!(Mark::whole(15).percent(0), Mark::ZERO);
        let third = Mark::share(1, 3, Mark::whole(1));
        assert_eq!([third; 3].into_iter().sum::<Mark>().to_string(), "0.99");
        assert_eq!(serde_json::to_string(&[Mark::whole(3), third]).unwrap(), "[3,0.33]");
    }
}
