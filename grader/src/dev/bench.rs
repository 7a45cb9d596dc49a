//! `cargo grade dev bench`: how long a student waits from save to score, and
//! for what; and how many instructions allocators take.
//!
//! Time is measured in a copy of the course, on the program as it is: build it
//! with `--release` or not, as you mean to use it. The median of several runs
//! counts; a busy machine shows in the spread. Instructions are always the same.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use comfy_table::{CellAlignment, LineStyle, Table, presets};
use serde::Serialize;

use crate::compile::Built;
use crate::error::{Error, Result};
use crate::grade::{DEFAULT_SEED, Engine, Request, Whose, processors};
use crate::model::Mix;
use crate::progress::Progress;
use crate::report;
use crate::report::style::{BAD, FAINT, STRONG, View, wrap};
use crate::workspace::Lab;

use super::peers::{Kernel, frames, heaps};
use super::rows;
use super::stage::Stage;

/// Boots to count how many there are in a second.
const BOOTS: usize = 40;

/// One of the things that can be measured.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// From save to score, and boots a second
    Time,
    /// What frame allocators cost in guest instructions: the lab's beside its peers
    Frames,
    /// What heaps cost in guest instructions and in memory: the lab's beside its peers
    Heap,
    /// Only see whether what counts instructions builds and runs: no figures
    Smoke,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// These things only; everything if there are none.
    pub what: Vec<What>,
    /// How often.
    pub runs: usize,
    /// Without what builds everything anew.
    pub warm: bool,
    /// Where to write the figures as JSON.
    pub json: Option<PathBuf>,
}

/// All figures.
#[derive(Serialize)]
struct Figures {
    /// Where time was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    processors: Option<usize>,
    emulator: String,
    toolchain: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<CheckRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    frames: Vec<frames::Cost>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    heaps: Option<heaps::Figures>,
}

/// One thing that was measured several times.
#[derive(Serialize)]
struct Row {
    what: String,
    unit: &'static str,
    median: f64,
    least: f64,
    most: f64,
    /// Processor time of everything that was started, where the system tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_time: Option<f64>,
    runs: usize,
}

/// What one check's machines take.
#[derive(Serialize)]
struct CheckRow {
    lab: String,
    check: String,
    boots: usize,
    /// All of its machines one after the other, in seconds.
    seconds: f64,
}

/// Measures, and prints what came of it. Always true: figures are neither right nor wrong.
///
/// # Errors
/// If it could not be done.
pub fn run(engine: &Engine, options: &Options, view: &View, progress: &Progress) -> Result<bool> {
    let mut figures = Figures {
        processors: None,
        emulator: engine.emulator.version().to_owned(),
        toolchain: engine.toolchain.version.clone(),
        rows: Vec::new(),
        checks: Vec::new(),
        frames: Vec::new(),
        heaps: None,
    };
    let is_wanted = |what| match what {
        What::Smoke => options.what.contains(&what),
        _ => options.what.is_empty() || options.what.contains(&what),
    };
    if is_wanted(What::Time) {
        figures.processors = Some(processors());
        time(engine, options, progress, &mut figures)?;
    }
    if is_wanted(What::Frames) || is_wanted(What::Heap) {
        instructions(engine, is_wanted, progress, &mut figures)?;
    }
    if is_wanted(What::Smoke) {
        let well = smoke(engine, progress)?;
        if options.what.iter().all(|what| *what == What::Smoke) {
            return Ok(well);
        }
    }
    progress.finish();

    if let Some(file) = &options.json {
        let text = rows::json(&figures).map_err(|error| Error::new(error.to_string()))?;
        report::write(&text, file).map_err(|error| Error::new(error.to_string()))?;
    }
    if options.json.as_deref() != Some(Path::new("-")) {
        print!("{}", tables(&figures, view));
    }
    Ok(true)
}

/// From save to score, and boots a second.
fn time(engine: &Engine, options: &Options, progress: &Progress, figures: &mut Figures) -> Result<()> {
    let (stage, staged) = Stage::with_engine(engine)?;
    let bench = Bench { staged: &staged, stage: &stage, runs: options.runs, progress };
    for lab in &staged.workspace.labs {
        bench.lab(lab, options.warm, figures)?;
    }
    bench.boots(figures)
}

/// What allocators cost.
fn instructions(
    engine: &Engine,
    is_wanted: impl Fn(What) -> bool,
    progress: &Progress,
    figures: &mut Figures,
) -> Result<()> {
    let Some(kernel) = Kernel::build(engine, progress)? else { return Ok(()) };
    if is_wanted(What::Frames) {
        figures.frames = frames::measure(&kernel, progress)?;
    }
    if is_wanted(What::Heap) {
        figures.heaps = Some(heaps::measure(&kernel, progress)?);
    }
    Ok(())
}

/// Sees whether all heaps run; returns whether they do.
fn smoke(engine: &Engine, progress: &Progress) -> Result<bool> {
    let Some(kernel) = Kernel::build_quickly(engine, progress)? else { return Ok(true) };
    let (heaps, wrong) = heaps::smoke(&kernel, progress)?;
    progress.finish();
    for heap in &wrong {
        println!("{heap}");
    }
    println!("{} of {heaps} heaps ran a trace without a fault", heaps - wrong.len());
    Ok(wrong.is_empty())
}

/// Everything that is needed to measure.
struct Bench<'a> {
    staged: &'a Engine,
    stage: &'a Stage,
    runs: usize,
    progress: &'a Progress,
}

/// One measurement: wall time and, where the system tells it, processor time.
#[derive(Clone, Copy)]
struct Spent {
    wall: Duration,
    processor: Option<Duration>,
}

impl Bench<'_> {
    /// From save to score for one lab.
    fn lab(&self, lab: &Lab, warm_only: bool, figures: &mut Figures) -> Result<()> {
        let file = lab.toml.files.first().map(|file| format!("labs/{}/{file}", lab.id)).unwrap_or_default();
        // The reference in the student's place, so that every check runs to its end.
        let source = match lab.toml.files.first().and_then(|file| file.strip_prefix("src/")) {
            Some(name) if lab.has_solution => lab.folder.join("solution").join(name),
            _ => self.stage.root().join(&file),
        };
        let text = fs::read_to_string(&source).map_err(|error| Error::io("cannot read", &source, &error))?;
        for other in lab.toml.files.iter().skip(1).filter(|_| lab.has_solution) {
            let source = lab.folder.join("solution").join(other.strip_prefix("src/").unwrap_or(other));
            let text = fs::read_to_string(&source).map_err(|error| Error::io("cannot read", &source, &error))?;
            self.stage.replace(&format!("labs/{}/{other}", lab.id), &text)?;
        }
        let mut edits = 0;
        let mut save = || {
            edits += 1;
            self.stage.replace(&file, &format!("{text}\n// Edit {edits}.\n"))
        };

        if !warm_only {
            self.progress.start("Building everything anew");
            save()?;
            let cold = self.stage.target_dir();
            fs::remove_dir_all(&cold).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(Error::io("cannot remove", &cold, &error)),
            })?;
            let spent = self.child(&[&lab.id])?;
            figures.rows.push(row(&format!("{}: save to score, nothing built before", lab.id), &[spent]));
        }
        // What an earlier run built may be of another time.
        save()?;
        self.child(&[&lab.id])?;

        let (mut whole, mut idle) = (Vec::new(), Vec::new());
        let (mut compile, mut boot) = (Vec::new(), Vec::new());
        for run in 1..=self.runs {
            self.progress.start(&format!("{}: run {run} of {}", lab.id, self.runs));
            save()?;
            whole.push(self.child(&[&lab.id])?);
            idle.push(self.child(&[&lab.id])?);
            save()?;
            let (_, timings) = self.staged.grade(&request(lab, &[]), &Progress::silent())?;
            compile.push(wall(timings.builds.iter().map(|(_, time)| *time).sum()));
            boot.push(wall(timings.boots));
        }
        let boots: usize = lab.toml.checks.iter().map(|check| check.memory.len()).sum();
        figures.rows.push(row(&format!("{}: save to score, warm", lab.id), &whole));
        figures.rows.push(row(&format!("{}: of that, compile and link", lab.id), &compile));
        figures.rows.push(row(&format!("{}: of that, {boots} boots and verdicts", lab.id), &boot));
        figures.rows.push(row(&format!("{}: score again, nothing changed", lab.id), &idle));

        self.progress.start(&format!("{}: check by check", lab.id));
        for check in &lab.toml.checks {
            let mut times: Vec<f64> = Vec::new();
            for _ in 0..self.runs {
                let mut request = request(lab, &[check.name.as_str()]);
                request.jobs = 1;
                let (_, timings) = self.staged.grade(&request, &Progress::silent())?;
                times.push(timings.machines.as_secs_f64());
            }
            figures.checks.push(CheckRow {
                lab: lab.id.clone(),
                check: check.name.clone(),
                boots: check.memory.len(),
                seconds: median(&mut times),
            });
        }
        Ok(())
    }

    /// How many machines start, speak and end in a second.
    fn boots(&self, figures: &mut Figures) -> Result<()> {
        let built = self.staged.build(&Mix::default(), &Progress::silent(), &mut Vec::new())?;
        let Built::Image(image) = built else {
            return Err(Error::new("the kernel does not compile with the skeletons"));
        };
        for jobs in [1, processors()] {
            self.progress.start(&format!("Booting, {jobs} at a time"));
            let mut rates = Vec::new();
            for _ in 0..self.runs {
                let start = Instant::now();
                self.boot_all(&image.path, jobs)?;
                rates.push(BOOTS as f64 / start.elapsed().as_secs_f64());
            }
            let (least, most) = (smallest(&rates), largest(&rates));
            figures.rows.push(Row {
                what: format!("boots, {jobs} at a time"),
                unit: "/s",
                median: median(&mut rates),
                least,
                most,
                processor_time: None,
                runs: self.runs,
            });
            if processors() == 1 {
                break;
            }
        }
        Ok(())
    }

    fn boot_all(&self, image: &Path, jobs: usize) -> Result<()> {
        let left = AtomicUsize::new(BOOTS);
        let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs)
                .map(|_| {
                    scope.spawn(|| {
                        while take() {
                            self.staged.list(image)?;
                        }
                        Ok(())
                    })
                })
                .collect();
            let failed = || Err(Error::new("a boot could not be measured"));
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| failed()))
        })
    }

    /// Runs this program as a user does.
    fn child(&self, words: &[&str]) -> Result<Spent> {
        let program = env::current_exe().map_err(|error| Error::new(format!("cannot find this program: {error}")))?;
        let target = self.stage.target_dir();
        let mut command = Command::new(&program);
        command
            .args(words)
            .current_dir(self.stage.root())
            .env("CARGO_TARGET_DIR", target.parent().unwrap_or(&target))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let (start, before) = (Instant::now(), children_time());
        let output = command.output().map_err(|error| Error::io("cannot start", &program, &error))?;
        let spent =
            Spent { wall: start.elapsed(), processor: before.and_then(|before| children_time()?.checked_sub(before)) };
        match output.status.code() {
            Some(0 | 1) => Ok(spent),
            _ => Err(Error::new("grading failed").output(String::from_utf8_lossy(&output.stderr))),
        }
    }
}

fn request(lab: &Lab, checks: &[&str]) -> Request {
    Request {
        labs: vec![lab.id.clone()],
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        whose: Whose::Student,
        seed: DEFAULT_SEED,
        jobs: processors(),
    }
}

fn wall(time: Duration) -> Spent {
    Spent { wall: time, processor: None }
}

/// The processor time of all processes that this one has started and waited for.
///
/// From fields 16 and 17 of `/proc/self/stat` (proc(5)), in hundredths of a second.
fn children_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in brackets, which may hold blanks.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(16)? + ticks(17)?)))
}

fn row(what: &str, spent: &[Spent]) -> Row {
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

fn smallest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(0.0, f64::max)
}

/// The middle one, or the mean of the two in the middle; 0 of none.
fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers {
        [] => 0.0,
        numbers if numbers.len() % 2 == 1 => numbers[half],
        numbers => f64::midpoint(numbers[half - 1], numbers[half]),
    }
}

fn tables(figures: &Figures, view: &View) -> String {
    let mut out = String::new();
    let processors = figures.processors.map(|count| format!("{count} processors, ")).unwrap_or_default();
    let machine = format!("{processors}{}, {}", figures.emulator, figures.toolchain);
    let _ = writeln!(out, "{}", view.paint(FAINT, &machine));
    if !figures.rows.is_empty() {
        let mut table = plain_table(&["", "median", "least", "most", "processor time", "runs"]);
        for row in &figures.rows {
            let number = |number: f64| match row.unit {
                "s" => format!("{number:.2} s"),
                unit => format!("{number:.0} {unit}"),
            };
            table.add_row([
                row.what.clone(),
                number(row.median),
                number(row.least),
                number(row.most),
                row.processor_time.map(|time| format!("{time:.2} s")).unwrap_or_default(),
                row.runs.to_string(),
            ]);
        }
        align(&mut table, 5);
        let _ = writeln!(out, "{table}");
        let note = "`cargo grade` adds what cargo takes to see that the grader itself is up to date.";
        for line in wrap(note, view.columns()) {
            let _ = writeln!(out, "{}", view.paint(FAINT, &line));
        }
    }
    if !figures.checks.is_empty() {
        let title = "Each check's machines, one after the other";
        let _ = writeln!(out, "\n{}", view.paint(STRONG, title));
        let mut table = plain_table(&["check", "boots", "time"]);
        for row in &figures.checks {
            let name = format!("{} {}", row.lab, row.check);
            table.add_row([name, row.boots.to_string(), format!("{:.0} ms", 1000.0 * row.seconds)]);
        }
        align(&mut table, 2);
        let _ = writeln!(out, "{table}");
    }
    let of_frames = frames::tables(&figures.frames);
    let of_heaps = figures.heaps.as_ref().map(heaps::tables).unwrap_or_default();
    for (title, table) in of_frames.into_iter().chain(of_heaps) {
        let _ = writeln!(out, "\n{}\n{table}", view.paint(STRONG, &title));
    }
    for heap in figures.heaps.iter().flat_map(heaps::Figures::not_measured) {
        let _ = writeln!(out, "\n{}\n{}", view.paint(BAD, "Not measured"), report::style::printable(heap));
    }
    out
}

/// A table with a line under its header.
pub fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).force_no_tty().set_header(header.to_vec());
    table.style_mut().row_separator = LineStyle::none();
    table
}

/// Numbers to the right: the columns after the first.
pub fn align(table: &mut Table, numbers: usize) {
    for column in 1..=numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
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
