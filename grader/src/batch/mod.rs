//! A class's submissions, graded one by one: `cargo grade batch`.
//!
//! Each submission is read, and its files by lab are compared with all others': the same files
//! are graded once. What is left is graded in copies of the course, in a sandbox. Whatever
//! happens to one submission, every other one gets its row.

mod bundle;
mod discover;
mod gather;
mod read;
mod row;
mod sandbox;
mod store;
mod tables;
mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::judge::Engine;

use discover::Source;
use gather::{Files, Trouble, Wanted};
use row::{LabRow, Row, Standing};
use store::Store;
use work::{Reports, Stages, Task, Work};

pub use sandbox::{Sandbox, Walls};

/// What is to be graded.
pub struct Batch {
    /// The folder with a submission for each student.
    pub folder: PathBuf,
    /// Where results go.
    pub out: PathBuf,
    /// The labs; all if none is named.
    pub labs: Vec<String>,
    /// Seed of the checks that draw random numbers.
    pub seed: u64,
    /// How many submissions are graded at a time.
    pub jobs: usize,
    /// What becomes of results that are there.
    pub older: Older,
    /// Whether a sandbox is used.
    pub walls: Walls,
}

/// What becomes of results that are there already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Older {
    /// There must be none.
    Refused,
    /// They are kept, and what is missing is graded.
    Kept,
    /// The same, but for what is named: a submission, a lab, or `all`.
    Regraded(Vec<String>),
}

/// What came of it.
pub struct Outcome {
    /// The table.
    pub text: String,
    /// Whether every submission got its own verdict.
    pub is_whole: bool,
}

/// A submission, and what is in it.
struct Submission {
    source: Source,
    contents: Result<Files, Trouble>,
}

/// Grades a class.
///
/// # Errors
/// If it could not be done. What was graded until then is kept.
pub fn run(batch: &Batch, engine: &Engine, progress: &Progress) -> Result<Outcome> {
    let labs = engine.site.workspace.select(&batch.labs)?;
    let submissions = submissions(batch, &labs)?;
    let store = Store::open(&batch.out)?;
    if batch.older == Older::Refused && store.has_results() {
        return Err(Error::new(format!("there are results in {}", batch.out.display()))
            .advise("--resume goes on with them, --regrade all grades everything again"));
    }
    let mut stages = Stages::first(engine)?;
    let emulator = engine.emulator.qemu()?;
    let sandbox = Sandbox::new(batch.walls, &engine.site.toolchain, &emulator.program, stages.place())?;
    let (compiler, version) = (&engine.site.toolchain.version, engine.emulator.version());
    let circumstances = format!("course {}, {compiler}, {version}, seed {}", stages.hash()?, batch.seed);
    let again = regraded(batch, &submissions, &labs)?;
    let (mut reports, left) = known(tasks(&submissions, &labs), &store, &circumstances, &again);
    let work = Work { sandbox: &sandbox, store: &store, circumstances: &circumstances, seed: batch.seed, progress };
    if let Some(task) = left.first() {
        stages.prepare(batch.jobs.min(left.len()), &circumstances, progress)?;
        progress.start("Trying out the course as it is");
        work.try_out(&stages, task.lab)?;
    }
    progress.start_rated("Grading", left.len());
    reports.extend(work.grade(left, &stages)?);
    progress.finish();
    let rows = rows(&submissions, &labs, &reports);
    write(&store, engine, batch, &submissions, &rows, &reports, &labs)?;
    Ok(Outcome { text: tables::text(&rows, &labs), is_whole: rows.iter().all(|row| row.status != Standing::NotGraded) })
}

/// Reads all submissions.
fn submissions(batch: &Batch, labs: &[&Lab]) -> Result<Vec<Submission>> {
    let wanted = Wanted::of(labs);
    let sources = discover::find(&batch.folder, &wanted)?;
    let read = |source: Source| {
        let contents = read::read(&source.path, source.form, &wanted);
        Submission { source, contents }
    };
    Ok(sources.into_iter().map(read).collect())
}

/// What there is to grade, each once.
fn tasks<'a>(submissions: &[Submission], labs: &[&'a Lab]) -> Vec<Task<'a>> {
    let mut tasks = BTreeMap::new();
    for submission in submissions {
        let task = |lab: &&'a Lab| Task::of(&submission.source.name, lab, submission.contents.as_ref().ok()?);
        for task in labs.iter().filter_map(task) {
            tasks.entry((task.lab.id.clone(), task.hash.clone())).or_insert(task);
        }
    }
    tasks.into_values().collect()
}

/// The labs and hashes that are to be graded again.
fn regraded(batch: &Batch, submissions: &[Submission], labs: &[&Lab]) -> Result<Vec<(String, String)>> {
    let Older::Regraded(names) = &batch.older else { return Ok(Vec::new()) };
    let mut again = Vec::new();
    for name in names {
        let mut is_known = name == "all";
        for submission in submissions {
            let is_named = submission.source.name == *name;
            for lab in labs {
                let is_lab = lab.is_called(name);
                is_known |= is_named || is_lab;
                if let Some(task) = submission.contents.as_ref().ok().and_then(|files| Task::of(name, lab, files))
                    && (is_named || is_lab || name == "all")
                {
                    again.push((lab.id.clone(), task.hash));
                }
            }
        }
        if !is_known {
            return Err(Error::new(format!("there is no submission or lab `{name}`"))
                .advise("name one as the table does, or `all`"));
        }
    }
    Ok(again)
}

/// What is known already, and what is left to grade.
fn known<'a>(
    tasks: Vec<Task<'a>>,
    store: &Store,
    circumstances: &str,
    again: &[(String, String)],
) -> (Reports, Vec<Task<'a>>) {
    let mut reports = Reports::new();
    let mut left = Vec::new();
    for task in tasks {
        let key = (task.lab.id.clone(), task.hash.clone());
        match store.graded(&key.0, &key.1, circumstances).filter(|_| !again.contains(&key)) {
            Some(report) => drop(reports.insert(key, Ok(report))),
            None => left.push(task),
        }
    }
    (reports, left)
}

/// A row for every submission.
fn rows(submissions: &[Submission], labs: &[&Lab], reports: &Reports) -> Vec<Row> {
    let mut rows: Vec<Row> = submissions
        .iter()
        .map(|submission| match &submission.contents {
            Err(trouble) => Row::without(&submission.source.name, trouble, labs),
            Ok(files) => {
                Row::of(&submission.source.name, labs.iter().map(|lab| lab_row(lab, files, reports)).collect())
            }
        })
        .collect();
    row::note_same_files(&mut rows);
    rows
}

fn lab_row(lab: &Lab, files: &Files, reports: &Reports) -> LabRow {
    let Some(task) = Task::of("", lab, files) else { return LabRow::without(lab, Standing::Empty, None) };
    match reports.get(&(lab.id.clone(), task.hash.clone())) {
        Some(Ok(report)) => LabRow::graded(lab, &task.hash, report),
        Some(Err(why)) => LabRow::without(lab, Standing::NotGraded, Some(why.clone())),
        None => LabRow::without(lab, Standing::NotGraded, None),
    }
}

/// Everything about one submission.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    row: &'a Row,
    /// The labs' reports, as the grader's JSON has them.
    reports: Vec<&'a Value>,
}

/// Writes the file of each submission, and the tables.
fn write(
    store: &Store,
    engine: &Engine,
    batch: &Batch,
    submissions: &[Submission],
    rows: &[Row],
    reports: &Reports,
    labs: &[&Lab],
) -> Result<()> {
    for (submission, row) in submissions.iter().zip(rows) {
        let of = |lab: &LabRow| reports.get(&(lab.id.clone(), lab.hash.clone()?))?.as_ref().ok();
        let whole = Whole { row, reports: row.labs.iter().filter_map(of).collect() };
        store.write(&format!("submissions/{}.json", submission.source.key), &store::json(&whole))?;
    }
    let results = tables::Results::new(engine.emulator.version(), &engine.site.toolchain.version, batch.seed, rows);
    store.write("results.json", &store::json(&results))?;
    store.write("results.csv", &tables::csv(rows, labs)?)
}
