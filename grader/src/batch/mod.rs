//! A class's submissions, graded one by one: `cargo grade batch`.
//!
//! Each submission is read, and its files are compared with all others', lab by lab: files that several students have
//! are graded once. The rest is graded in copies of the course, in a sandbox. Whatever
//! happens to one submission, every other one gets its row.

mod bundle;
mod commit_time;
mod discover;
mod formats;
mod gather;
mod html;
mod policy;
mod publish;
mod read;
mod row;
mod sandbox;
mod sheet;
mod single;
mod slurm;
mod speed;
mod store;
mod tables;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::judge::Engine;

use discover::Source;
use gather::{Files, Trouble, Wanted};
use policy::Policy;
use row::{LabRow, Row, Standing};
use sheet::{Facts, GradedWith};
use slurm::Slurm;
use speed::Speed;
use store::Store;
use work::{Key, Reports, Seed, Stages, Task, Work, circumstances};

pub use publish::Format;
pub use sandbox::{Sandbox, Walls};
pub use single::{Identity, Output, Single, single};
pub use slurm::grade_slice;

/// The options of a batch.
pub struct Batch {
    /// The folder with a submission for each student.
    pub folder: PathBuf,
    /// The folder for the results.
    pub out: PathBuf,
    /// The labs; all if none is named.
    pub labs: Vec<String>,
    /// Seed of the checks that draw random numbers.
    pub seed: u64,
    /// How many submissions are graded at a time.
    pub jobs: usize,
    /// The computers that grade.
    pub on: Computers,
    /// What happens to existing results.
    pub older: Older,
    /// Whether a sandbox is used.
    pub walls: Walls,
    /// The teacher's policy, if it is not in the course.
    pub policy: Option<PathBuf>,
    /// The formats of the reports, besides the tables.
    pub formats: Vec<Format>,
}

/// The computers that grade.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Computers {
    /// This computer.
    This,
    /// The computers that Slurm assigns, with these options for `sbatch`.
    Slurm(Vec<String>),
}

/// What happens to existing results.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Older {
    /// There must be none.
    Refused,
    /// They are kept, and missing ones are graded.
    Kept,
    /// They are kept, except those named here: of a submission, of a lab, or `all`.
    Regraded(Vec<String>),
}

/// The outcome of a batch.
pub struct Outcome {
    /// The table, as text.
    pub text: String,
    /// Whether every submission got its own verdict.
    pub is_whole: bool,
}

/// A submission, and its files.
struct Submission {
    source: Source,
    contents: Result<Files, Trouble>,
    committed: Option<Timestamp>,
    seed: Seed,
}

impl Submission {
    /// Its files for a lab, if it has any.
    fn task<'a>(&self, lab: &'a Lab) -> Option<Task<'a>> {
        Task::of(&self.source.name, lab, self.contents.as_ref().ok()?, self.seed)
    }
}

/// Grades a class.
///
/// # Errors
/// If the class could not be graded. Results until then are kept.
pub fn run(batch: &Batch, engine: &Engine, progress: &Progress) -> Result<Outcome> {
    let policy = Policy::find(batch.policy.as_deref(), &engine.site.workspace)?;
    let labs = policy.labs(&engine.site.workspace, &batch.labs)?;
    if matches!(batch.on, Computers::Slurm(_)) {
        slurm::find()?;
    }
    discover::keep_apart(&batch.folder, &batch.out)?;
    let submissions = submissions(batch, &policy, &labs)?;
    let store = Store::open(&batch.out)?;
    if batch.older == Older::Refused && store.has_results() {
        return Err(Error::new(format!("there are results in {}", batch.out.display()))
            .advise("`--resume` continues the batch, `--regrade all` grades everything again"));
    }
    let again = regraded(&batch.older, &submissions, &labs)?;
    let how = How { jobs: batch.jobs, on: &batch.on, walls: batch.walls, again: &again };
    let (reports, speed) = graded(&how, engine, &submissions, &labs, &store, progress)?;
    let facts = facts(&submissions, &labs, &reports);
    let is_whole = facts.iter().all(|(_, facts)| facts.row.status != Standing::NotGraded);
    let with = GradedWith {
        emulator: engine.emulator.version().to_owned(),
        toolchain: engine.site.toolchain.version.clone(),
        seed: batch.seed,
    };
    let sheet = publish::write(&store, &policy, &labs, with, &facts, &batch.formats)?;
    Ok(Outcome { text: tables::text(&sheet) + &speed.text(submissions.len()), is_whole })
}

/// Writes the reports of a class once more, without grading anything.
///
/// # Errors
/// If the class was not graded before, or a report cannot be written.
pub fn report(
    out: &Path,
    labs: &[String],
    policy: Option<&Path>,
    formats: &[Format],
    workspace: &Workspace,
) -> Result<Outcome> {
    let policy = Policy::find(policy, workspace)?;
    if !out.join("results.json").is_file() {
        return Err(Error::new(format!("there are no results in {}", out.display()))
            .advise("`cargo grade batch DIR --out RESULTS` grades a class"));
    }
    let sheet = publish::again(&Store::open(out)?, &policy, workspace, labs, formats)?;
    Ok(Outcome { text: tables::text(&sheet), is_whole: true })
}

/// The files of a policy, if there is one, by their names, for a grader on another computer.
///
/// # Errors
/// If the policy is wrong, or one of these labs does not count.
pub fn policy_files(named: Option<&Path>, labs: &[String], workspace: &Workspace) -> Result<Vec<(String, Vec<u8>)>> {
    Policy::find(named, workspace)?.labs(workspace, labs)?;
    Policy::files(named, workspace)
}

/// How the grader runs.
struct How<'a> {
    /// How many submissions at a time.
    jobs: usize,
    /// On which computers.
    on: &'a Computers,
    /// Whether a sandbox is used.
    walls: Walls,
    /// Which results are graded again although they are known.
    again: &'a [Key],
}

/// The results for everything that was handed in, and the speed.
fn graded(
    how: &How<'_>,
    engine: &Engine,
    submissions: &[Submission],
    labs: &[&Lab],
    store: &Store,
    progress: &Progress,
) -> Result<(Reports, Speed)> {
    let stages = Stages::first(engine, progress)?;
    let of_batch = stages.circumstances()?;
    let (mut reports, left) = known(tasks(submissions, labs), store, &of_batch, how.again);
    let (new, took) = match how.on {
        Computers::This => {
            let emulator = engine.emulator.qemu()?;
            let place = Stages::place_in(engine);
            let sandbox =
                Sandbox::new(how.walls, stages.own_grader()?, &engine.site.toolchain, &emulator.program, &place)?;
            let work = Work { sandbox: &sandbox, store, circumstances: &of_batch, progress };
            here(&work, how.jobs, left, stages)?
        }
        Computers::Slurm(options) => {
            let (tasks, walls, circumstances) = (how.jobs, how.walls, of_batch.as_str());
            let slurm = Slurm { engine, options, tasks, walls, store, circumstances, progress };
            on_cluster(&slurm, left, stages)?
        }
    };
    let speed = Speed::new(new.values().flatten().map(|graded| graded.spent), took);
    reports.extend(new);
    progress.finish();
    Ok((reports, speed))
}

/// Grades on this computer. Returns the results and the time that they took.
fn here(work: &Work<'_>, jobs: usize, left: Vec<Task<'_>>, mut stages: Stages<'_>) -> Result<(Reports, Duration)> {
    if let Some(task) = left.first() {
        stages.prepare(jobs.min(left.len()), work.circumstances, work.progress)?;
        work.progress.start("Trying out the course as it is");
        work.try_out(&stages, task.lab)?;
    }
    work.progress.start_rated("Grading", left.len());
    let start = Instant::now();
    Ok((work.grade(left, &stages)?, start.elapsed()))
}

/// Lets Slurm grade.
fn on_cluster(slurm: &Slurm<'_>, left: Vec<Task<'_>>, mut stages: Stages<'_>) -> Result<(Reports, Duration)> {
    if left.is_empty() {
        return Ok((Reports::new(), Duration::ZERO));
    }
    stages.prepare(slurm.tasks.min(left.len()), slurm.circumstances, slurm.progress)?;
    // From here on, the array's tasks use the copies of the course.
    drop(stages);
    slurm.progress.start_rated("Grading on the cluster", left.len());
    let start = Instant::now();
    Ok((slurm.grade(left)?, start.elapsed()))
}

/// Reads all submissions.
fn submissions(batch: &Batch, policy: &Policy, labs: &[&Lab]) -> Result<Vec<Submission>> {
    let wanted = Wanted::of(labs);
    let sources = discover::find(&batch.folder, &wanted)?;
    Ok(sources.into_iter().map(|source| submission(source, policy, batch.seed, &wanted)).collect())
}

/// Reads one.
fn submission(source: Source, policy: &Policy, seed: u64, wanted: &Wanted) -> Submission {
    let contents = read::read(&source.path, source.form, wanted);
    let committed = contents.is_ok().then(|| commit_time::of(&source.path, source.form)).flatten();
    let seed = policy.seed(&source.name).map_or(Seed::Common(seed), Seed::Own);
    Submission { source, contents, committed, seed }
}

/// The tasks to grade, each once.
fn tasks<'a>(submissions: &[Submission], labs: &[&'a Lab]) -> Vec<Task<'a>> {
    let mut tasks = BTreeMap::new();
    for submission in submissions {
        for task in labs.iter().filter_map(|lab| submission.task(lab)) {
            tasks.entry(task.key()).or_insert(task);
        }
    }
    tasks.into_values().collect()
}

/// The names of submissions and labs to grade again.
fn regraded(older: &Older, submissions: &[Submission], labs: &[&Lab]) -> Result<Vec<Key>> {
    let Older::Regraded(names) = older else { return Ok(Vec::new()) };
    let mut again = Vec::new();
    for name in names {
        let mut is_known = name == "all";
        for submission in submissions {
            let is_named = submission.source.name == *name;
            for lab in labs {
                let is_lab = lab.is_called(name);
                is_known |= is_named || is_lab;
                if let Some(task) = submission.task(lab)
                    && (is_named || is_lab || name == "all")
                {
                    again.push(task.key());
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

/// The results that are known already, and the tasks that are left.
fn known<'a>(tasks: Vec<Task<'a>>, store: &Store, of_batch: &str, again: &[Key]) -> (Reports, Vec<Task<'a>>) {
    let mut reports = Reports::new();
    let mut left = Vec::new();
    for task in tasks {
        let key = task.key();
        let graded = store.graded(&key.0, &key.1, &circumstances(of_batch, task.seed));
        match graded.filter(|_| !again.contains(&key)) {
            Some(graded) => drop(reports.insert(key, Ok(graded))),
            None => left.push(task),
        }
    }
    (reports, left)
}

/// All facts about every submission, with its file's name.
fn facts(submissions: &[Submission], labs: &[&Lab], reports: &Reports) -> Vec<(String, Facts)> {
    let mut rows: Vec<Row> = submissions.iter().map(|submission| row(submission, labs, reports)).collect();
    row::note_same_files(&mut rows);
    submissions
        .iter()
        .zip(rows)
        .map(|(submission, row)| {
            let mut facts = Facts { row, reports: Vec::new(), took_ms: BTreeMap::new() };
            for task in labs.iter().filter_map(|lab| submission.task(lab)) {
                if let Some(Ok(graded)) = reports.get(&task.key()) {
                    facts.reports.push(graded.report.clone());
                    facts.took_ms.insert(task.lab.id.clone(), graded.spent.took_ms);
                }
            }
            (submission.source.key.clone(), facts)
        })
        .collect()
}

fn row(submission: &Submission, labs: &[&Lab], reports: &Reports) -> Row {
    let name = &submission.source.name;
    let row = match &submission.contents {
        Err(trouble) => Row::without(name, trouble, labs),
        Ok(_) => Row::of(name, labs.iter().map(|lab| lab_row(lab, submission, reports)).collect()),
    };
    let seed = match submission.seed {
        Seed::Common(_) => None,
        Seed::Own(seed) => Some(seed),
    };
    Row { committed: submission.committed, seed, ..row }
}

fn lab_row(lab: &Lab, submission: &Submission, reports: &Reports) -> LabRow {
    let Some(task) = submission.task(lab) else { return LabRow::without(lab, Standing::Empty, None) };
    match reports.get(&task.key()) {
        Some(Ok(graded)) => LabRow::graded(lab, &task.hash, &graded.report),
        Some(Err(why)) => LabRow::without(lab, Standing::NotGraded, Some(why.clone())),
        None => LabRow::without(lab, Standing::NotGraded, None),
    }
}
