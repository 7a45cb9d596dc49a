//! Times that were measured repeatedly, and their medians.

use std::fs;
use std::time::Duration;

use serde::Serialize;

/// The measurements of one quantity.
#[derive(Serialize)]
pub struct Row {
    pub what: String,
    pub unit: &'static str,
    pub median: f64,
    pub least: f64,
    pub most: f64,
    /// Processor time of all processes that were started, where the system reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor_time: Option<f64>,
    pub runs: usize,
}

/// One measurement: wall time and, where the system reports it, processor time.
#[derive(Clone, Copy)]
pub struct Spent {
    pub wall: Duration,
    pub processor: Option<Duration>,
}

impl Spent {
    /// A measurement of the wall time only.
    pub fn wall(wall: Duration) -> Self {
        Self { wall, processor: None }
    }
}

/// The processor time of all processes that this one has started and waited for.
///
/// From fields 16 and 17 of `/proc/self/stat` (proc(5)), in hundredths of a second.
pub fn children_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may contain spaces.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(16)? + ticks(17)?)))
}

pub fn row(what: &str, spent: &[Spent]) -> Row {
    let mut walls: Vec<f64> = spent.iter().map(|spent| spent.wall.as_secs_f64()).collect();
    let processors: Option<Vec<f64>> =
        spent.iter().map(|spent| spent.processor.map(|time| time.as_secs_f64())).collect();
    Row {
        what: what.to_owned(),
        unit: "s",
        least: smallest(&walls),
        most: largest(&walls),
        median: median(&mut walls),
        processor_time: processors.map(|mut times| median(&mut times)),
        runs: spent.len(),
    }
}

pub fn smallest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

pub fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(0.0, f64::max)
}

/// The median: the middle one, or the mean of the two in the middle; 0 if there are none.
pub fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers {
        [] => 0.0,
        numbers if numbers.len() % 2 == 1 => numbers[half],
        numbers => f64::midpoint(numbers[half - 1], numbers[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&mut []).abs() < 1e-9);
    }

    #[test]
    fn a_row_has_processor_time_only_if_every_run_has() {
        let run = |wall, processor: Option<u64>| Spent {
            wall: Duration::from_millis(wall),
            processor: processor.map(Duration::from_millis),
        };
        let row_of = |spent: &[Spent]| row("x", spent).processor_time;
        assert!(row_of(&[run(10, Some(5)), run(20, Some(7))]).is_some());
        assert!(row_of(&[run(10, Some(5)), run(20, None)]).is_none());
    }
}
