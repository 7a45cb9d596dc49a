//! The points that a late submission loses.

use jiff::Timestamp;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// The cost of lateness.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LateRule {
    /// For this many seconds after the deadline, a submission still counts as in time.
    pub grace: u64,
    /// The percentage of a lab's points that each begun day costs.
    pub per_day: u8,
    /// This many seconds after the deadline, a lab no longer counts. Without a value, it always counts.
    pub until: Option<u64>,
}

impl Default for LateRule {
    /// A late submission does not count.
    fn default() -> Self {
        Self { grace: 0, per_day: 100, until: None }
    }
}

/// When a lab was handed in, compared with its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lateness {
    /// In time, or there is no deadline.
    InTime,
    /// There is a deadline, but the time of handing in is not known. It counts as in time.
    Unknown,
    /// Late.
    Late {
        /// How many seconds late.
        seconds: u64,
        /// The percentage of the points that still counts.
        kept: u8,
    },
}

impl Lateness {
    /// How late a lab with this deadline is that was handed in at that time, under this rule.
    pub fn of(rule: &LateRule, deadline: Option<Timestamp>, at: Option<Timestamp>) -> Self {
        let Some(deadline) = deadline else { return Self::InTime };
        let Some(at) = at else { return Self::Unknown };
        let seconds = match u64::try_from(at.as_second() - deadline.as_second()) {
            Ok(seconds) if seconds > rule.grace => seconds,
            _ => return Self::InTime,
        };
        let is_over = rule.until.is_some_and(|until| seconds > until);
        let lost = if is_over { 100 } else { seconds.div_ceil(DAY).saturating_mul(u64::from(rule.per_day)) };
        Self::Late { seconds, kept: u8::try_from(100_u64.saturating_sub(lost)).unwrap_or_default() }
    }

    /// The percentage of the points that still counts.
    pub fn kept(self) -> u8 {
        match self {
            Self::InTime | Self::Unknown => 100,
            Self::Late { kept, .. } => kept,
        }
    }

    /// The lateness in words, unless the lab is in time.
    pub fn words(self) -> Option<String> {
        match self {
            Self::InTime => None,
            Self::Unknown => Some("time not known: counted as in time".to_owned()),
            Self::Late { seconds, kept } => Some(format!("{} late: {kept} % of the points count", span(seconds))),
        }
    }
}

/// `2 days 3 h`, `3 h 5 min`, `4 min`.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / DAY, seconds % DAY / 3600, seconds % 3600 / 60);
    match (days, hours) {
        (0, 0) if minutes == 0 => "less than a minute".to_owned(),
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {minutes} min"),
        (1, hours) => format!("1 day {hours} h"),
        (days, hours) => format!("{days} days {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: LateRule = LateRule { grace: 600, per_day: 10, until: Some(3 * DAY) };

    fn kept(rule: &LateRule, late: i64) -> u8 {
        let deadline = Timestamp::from_second(1_800_000_000).unwrap();
        let at = Timestamp::from_second(1_800_000_000 + late).unwrap();
        Lateness::of(rule, Some(deadline), Some(at)).kept()
    }

    #[test]
    fn each_begun_day_costs_its_percents() {
        let day = 24 * 3600;
        let cases = [(-day, 100), (0, 100), (600, 100), (601, 90), (day, 90), (day + 1, 80), (3 * day, 70)];
        for (late, expected) in cases {
            assert_eq!(kept(&RULE, late), expected, "{late} s late");
        }
        assert_eq!(kept(&RULE, 3 * day + 1), 0);
        assert_eq!(kept(&LateRule { until: None, ..RULE }, 1000 * day), 0);
        assert_eq!(kept(&LateRule::default(), 1), 0);
    }

    /// A student's or the teacher's clock may have been wrong by any time.
    #[test]
    fn no_time_is_too_early_or_too_late() {
        let deadline = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(Lateness::of(&RULE, Some(deadline), Some(Timestamp::MIN)), Lateness::InTime);
        assert_eq!(Lateness::of(&RULE, Some(Timestamp::MAX), Some(Timestamp::MIN)), Lateness::InTime);
        for rule in [RULE, LateRule { until: None, ..RULE }, LateRule { grace: u64::MAX, ..RULE }] {
            let late = Lateness::of(&rule, Some(Timestamp::MIN), Some(Timestamp::MAX));
            assert_eq!(late.kept(), if rule.grace == u64::MAX { 100 } else { 0 });
            assert!(late.words().is_none_or(|words| !words.contains('-')), "{late:?}");
        }
    }

    #[test]
    fn without_a_deadline_or_a_time_nothing_is_lost_and_it_is_told() {
        let some = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(Lateness::of(&RULE, None, None), Lateness::InTime);
        assert_eq!(Lateness::of(&RULE, None, some).words(), None);
        assert_eq!(Lateness::of(&RULE, some, None).kept(), 100);
        assert!(Lateness::Unknown.words().unwrap().contains("not known"));
        let late = Lateness::Late { seconds: 26 * 3600, kept: 80 };
        assert_eq!(late.words().unwrap(), "1 day 2 h late: 80 % of the points count");
        assert_eq!(span(59), "less than a minute");
    }
}
