//! How fast a class was graded, and how the time was spent.

use std::time::Duration;

use crate::host::style::plural;

use super::store::Spent;

/// The speed of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speed {
    /// How many labs' files were graded, each once.
    graded: usize,
    /// The elapsed time, with several at a time.
    took: Duration,
    /// The sum of the time spent on each.
    spent: Spent,
}

impl Speed {
    /// The speed, from the time spent on each and the elapsed time.
    pub fn new(each: impl Iterator<Item = Spent>, took: Duration) -> Self {
        let mut speed = Self { graded: 0, took, spent: Spent::default() };
        for spent in each {
            speed.graded += 1;
            speed.spent.took_ms += spent.took_ms;
            speed.spent.building_ms += spent.building_ms;
            speed.spent.booting_ms += spent.booting_ms;
        }
        speed
    }

    /// A line about the speed for this many submissions; `None` if nothing was graded.
    pub fn text(&self, submissions: usize) -> String {
        let Spent { took_ms, building_ms, booting_ms } = self.spent;
        if self.graded == 0 || took_ms == 0 {
            return String::new();
        }
        let a_minute = |count: usize| count as f64 * 60.0 / self.took.as_secs_f64().max(0.001);
        let percent = |part: u64| (part as f64 * 100.0 / took_ms as f64).round();
        format!(
            "{} of {} graded in {:.0} s: {:.1} a minute, {:.1} submissions a minute; {} % compiling, {} % booting, {} % \
             the rest\n",
            plural(self.graded, "lab"),
            plural(submissions, "submission"),
            self.took.as_secs_f64(),
            a_minute(self.graded),
            a_minute(submissions),
            percent(building_ms),
            percent(booting_ms),
            percent(took_ms.saturating_sub(building_ms).saturating_sub(booting_ms)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_those_of_the_whole() {
        let spent = Spent { took_ms: 2000, building_ms: 1000, booting_ms: 600 };
        let speed = Speed::new([spent; 3].into_iter(), Duration::from_secs(3));
        let expected = "3 labs of 6 submissions graded in 3 s: 60.0 a minute, 120.0 submissions a minute; 50 % compiling, \
                        30 % booting, 20 % the rest\n";
        assert_eq!(speed.text(6), expected);
        assert_eq!(Speed::new([].into_iter(), Duration::ZERO).text(6), "");
    }
}
