//! Grades the references repeatedly, and reports every verdict that is not always the same.
//!
//! The seed stays the same, so each machine executes the same instructions each time: a difference comes from outside,
//! for example from the load of the computer. A worst-case load can be generated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::host::error::Result;
use crate::host::progress::Progress;
use crate::host::style::{BAD, GOOD, View, plural, printable};
use crate::judge::results::Run;
use crate::judge::{Boots, Engine, Request, Whose, processors};

/// How many threads per processor keep it busy.
const THREADS: usize = 3;

/// The options of a series of runs.
pub struct Options {
    /// Labs by name; all if empty.
    pub labs: Vec<String>,
    /// How many runs.
    pub runs: u32,
    /// No run begins after this time.
    pub most: Option<Duration>,
    /// The load of the computer meanwhile.
    pub load: Load,
    /// How a check gets its machine.
    pub boots: Boots,
}

/// The load of the computer meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// Its ordinary load.
    None,
    /// Computations in bursts of all lengths, on more threads than there are processors.
    Busy,
}

/// Grades the references repeatedly; returns whether every verdict was always the same, and a pass.
///
/// # Errors
/// If a run could not be made.
pub fn run(engine: &Engine, options: &Options, view: &View, progress: &Progress) -> Result<bool> {
    let request =
        Request { labs: options.labs.clone(), whose: Whose::Solution, boots: options.boots, ..Request::default() };
    // Everything is built before the first run that counts.
    let mut tally = Tally::default();
    let (first, timings) = engine.grade(&request, progress)?;
    tally.add(&first, timings.booted);
    progress.start_rated("Grading the references", options.runs as usize);
    let start = Instant::now();
    under(options.load, || -> Result<()> {
        for number in 1..options.runs {
            if options.most.is_some_and(|most| start.elapsed() >= most) {
                break;
            }
            let (run, timings) = engine.grade(&request, &Progress::silent())?;
            tally.add(&run, timings.booted);
            progress.step(&format!("run {}", number + 1));
        }
        Ok(())
    })?;
    progress.finish();
    let (text, is_well) = tally.text(options, start.elapsed(), view);
    print(&text);
    Ok(is_well)
}

fn print(text: &str) {
    // If nobody reads it, the exit code still says it.
    let _ = crate::host::style::say(text);
}

/// Calls `work` under this load.
fn under<T>(load: Load, work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    let threads = if load == Load::Busy { THREADS * processors() } else { 0 };
    thread::scope(|scope| {
        for number in 0..threads {
            let is_over = &is_over;
            scope.spawn(move || burn(number as u64 + 1, is_over));
        }
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

/// Computes and sleeps by turns, for up to 60 and 15 milliseconds, until `is_over` is set.
fn burn(seed: u64, is_over: &AtomicBool) {
    let mut state = seed;
    // Splitmix: any lengths are fine, as long as the threads are never in step.
    let mut next = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 27)
    };
    while !is_over.load(Ordering::Relaxed) {
        let (until, pause) = (Duration::from_micros(next() % 60_000), Duration::from_micros(next() % 15_000));
        let start = Instant::now();
        let mut sum = 0_u64;
        while start.elapsed() < until {
            for number in 0..1000_u64 {
                sum = black_box(sum.wrapping_mul(31).wrapping_add(number));
            }
        }
        thread::sleep(pause);
    }
}

/// A lab and its check.
type Key = (String, String);

/// Verdicts, and how often each was given.
type Verdicts = BTreeMap<String, u32>;

/// The verdicts of each check, and how often each came.
#[derive(Default)]
struct Tally {
    runs: u32,
    boots: usize,
    verdicts: BTreeMap<Key, Verdicts>,
    /// The verdicts that leave a check its points.
    fine: BTreeMap<Key, u32>,
}

impl Tally {
    fn add(&mut self, run: &Run, boots: usize) {
        self.runs += 1;
        self.boots += boots;
        for lab in &run.labs {
            for check in &lab.checks {
                let verdict = match check.status.is_fine() {
                    true => check.status.words().to_owned(),
                    false => format!("{}: {}", check.status.words(), check.message),
                };
                let key = (lab.id.clone(), check.name.clone());
                *self.fine.entry(key.clone()).or_default() += u32::from(check.status.is_fine());
                *self.verdicts.entry(key).or_default().entry(verdict).or_default() += 1;
            }
        }
    }

    /// Checks whose verdict was not always the same, or not a pass.
    fn unsteady(&self) -> Vec<(&Key, &Verdicts)> {
        let is_steady = |key| self.fine.get(key) == Some(&self.runs);
        self.verdicts.iter().filter(|(key, said)| said.len() > 1 || !is_steady(*key)).collect()
    }

    /// The report, and whether all is well.
    fn text(&self, options: &Options, took: Duration, view: &View) -> (String, bool) {
        let unsteady = self.unsteady();
        let mut text = String::new();
        for ((lab, check), said) in &unsteady {
            let said: Vec<String> = said.iter().map(|(verdict, count)| format!("{count} × {verdict}")).collect();
            // Writing to a `String` does not fail.
            let _ = writeln!(text, "{} {lab} {check}: {}", view.paint(BAD, "unsteady"), printable(&said.join("; ")));
        }
        let _ = writeln!(
            text,
            "{}, {}, {}{}, {:.0} s after the first: {}",
            plural(self.runs as usize, "run"),
            plural(self.boots, "boot"),
            plural(self.verdicts.values().flat_map(BTreeMap::values).sum::<u32>() as usize, "verdict"),
            if options.load == Load::Busy {
                format!(" beside {} busy threads", THREADS * processors())
            } else {
                String::new()
            },
            took.as_secs_f64(),
            match unsteady.len() {
                0 => view.paint(GOOD, "every verdict was the same each time"),
                count => view.paint(BAD, &format!("{} changed or did not pass", plural(count, "check"))),
            }
        );
        (text, unsteady.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Status, samples};

    fn options(load: Load) -> Options {
        Options { labs: Vec::new(), runs: 2, most: None, load, boots: Boots::Shared }
    }

    /// A run in which all checks pass, unless `change` decides otherwise.
    fn run_with(change: impl Fn(&str) -> Option<Status>) -> Run {
        let mut run = samples::run();
        for check in run.labs.iter_mut().flat_map(|lab| &mut lab.checks) {
            check.status = change(&check.name).unwrap_or(Status::Passed);
        }
        run
    }

    #[test]
    fn a_verdict_that_changes_is_told_with_how_often_it_was_which() {
        let name = samples::run().labs[0].checks[1].name.clone();
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.add(&run_with(|_| None), 7);
        }
        let (text, is_well) = tally.text(&options(Load::None), Duration::ZERO, &View::default());
        assert!(is_well && text.starts_with("3 runs, 21 boots, ") && text.ends_with("the same each time\n"), "{text}");
        tally.add(&run_with(|check| (check == name).then_some(Status::Hung)), 7);
        let (text, is_well) = tally.text(&options(Load::Busy), Duration::ZERO, &View::default());
        assert!(!is_well && text.contains(&format!("{name}: 1 × hung: ")) && text.contains("3 × passed"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn what_never_passes_is_told_though_it_never_changes() {
        let mut tally = Tally::default();
        tally.add(&run_with(|_| Some(Status::Failed)), 1);
        tally.add(&run_with(|_| Some(Status::Failed)), 1);
        assert!(!tally.text(&options(Load::None), Duration::ZERO, &View::default()).1);
    }

    #[test]
    fn the_load_ends_with_the_work() {
        let count = under(Load::Busy, || 7);
        assert_eq!(count, 7);
    }
}
