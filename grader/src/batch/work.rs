//! Grades the submissions' files: each lab's files once, several at a time, each in a copy of the course.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::build::site::Site;
use crate::course::stage::Stage;
use crate::course::workspace::{Lab, Workspace};
use crate::host::error::{Error, Result};
use crate::host::exit::Exit;
use crate::host::progress::Progress;
use crate::host::{launcher, process, style};
use crate::judge::{DEFAULT_SEED, Engine};

use super::gather::Files;
use super::sandbox::Sandbox;
use super::store::{Graded, Spent, Store};

/// How often a lab's files are graded if the grader itself fails.
const TRIES: u32 = 2;

/// A lab's files, which one or more submissions have.
pub struct Task<'a> {
    /// The first submission that has them.
    pub whose: String,
    /// The lab.
    pub lab: &'a Lab,
    /// BLAKE3 of their names and bytes.
    pub hash: String,
    /// The seed of the random numbers.
    pub seed: Seed,
    /// The files.
    pub files: Files,
}

/// The seed of a submission's random numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Seed {
    /// The same for all students.
    Common(u64),
    /// The student's own.
    Own(u64),
}

impl Seed {
    /// The number.
    pub fn number(self) -> u64 {
        match self {
            Self::Common(seed) | Self::Own(seed) => seed,
        }
    }
}

/// A lab, and the key of its files and their seed: the key of a result.
pub type Key = (String, String);

impl<'a> Task<'a> {
    /// The key of the result.
    pub fn key(&self) -> Key {
        let name = match self.seed {
            Seed::Common(_) => self.hash.clone(),
            Seed::Own(seed) => format!("{}-{seed:016x}", self.hash),
        };
        (self.lab.id.clone(), name)
    }

    /// The task for a submission's lab, if the submission has files for it.
    pub fn of(whose: &str, lab: &'a Lab, files: &Files, seed: Seed) -> Option<Self> {
        let names = lab.files();
        let files: Files =
            files.iter().filter(|(name, _)| names.contains(name)).map(|(n, b)| (n.clone(), b.clone())).collect();
        (!files.is_empty()).then(|| Self { whose: whose.to_owned(), lab, hash: hash(&files), seed, files })
    }
}

/// BLAKE3 of files: of their names and bytes, each after its length.
pub fn hash(files: &Files) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]) {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().to_hex().to_string()
}

/// Copies of the course, one for each thread that grades.
pub struct Stages<'a> {
    engine: &'a Engine,
    stages: Vec<Stage>,
}

impl<'a> Stages<'a> {
    /// Makes the first copy.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn first(engine: &'a Engine, progress: &Progress) -> Result<Self> {
        Ok(Self { engine, stages: vec![Self::stage(engine, 0, progress)?] })
    }

    /// Only the copy with this number, which another process has prepared.
    ///
    /// # Errors
    /// If it cannot be updated.
    pub fn only(engine: &'a Engine, number: usize, progress: &Progress) -> Result<Self> {
        let stage = Self::stage(engine, number, progress)?;
        empty(&stage.scratch())?;
        Ok(Self { engine, stages: vec![stage] })
    }

    fn stage(engine: &Engine, number: usize, progress: &Progress) -> Result<Stage> {
        Stage::create_telling(&engine.site.workspace.root, &Self::folder(engine, number), progress)
    }

    /// Copies the grader's own program to the first of these copies of the course. From there it grades: the program
    /// that was started is replaced when another `cargo grade` builds the grader meanwhile.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn own_grader(&self) -> Result<PathBuf> {
        let folder =
            self.stages.first().map_or_else(|| Self::folder(self.engine, 0), |stage| stage.folder().to_owned());
        launcher::copy_self(&folder)
    }

    fn folder(engine: &Engine, number: usize) -> PathBuf {
        let target = engine.site.target_dir.parent().unwrap_or(&engine.site.target_dir);
        target.join("batch").join(number.to_string())
    }

    /// The course and the tools: the circumstances of results, besides the files and the seed.
    ///
    /// # Errors
    /// If a file of the course cannot be read.
    pub fn circumstances(&self) -> Result<String> {
        let course = self.stages.first().map_or(Ok(String::new()), |stage| Ok(hash(&stage.files()?)))?;
        let (compiler, emulator) = (&self.engine.site.toolchain.version, self.engine.emulator.version());
        Ok(format!("course {course}, {compiler}, {emulator}"))
    }

    /// The first copy's folder.
    pub fn place_in(engine: &Engine) -> PathBuf {
        Self::folder(engine, 0)
    }

    /// Makes as many copies as are used at a time, and builds the kernel in each: this compiles the references
    /// and fetches what is not on this computer. `circumstances` tells whether earlier builds
    /// can be used.
    ///
    /// # Errors
    /// If one cannot be made, or the course does not compile.
    pub fn prepare(&mut self, count: usize, circumstances: &str, progress: &Progress) -> Result<()> {
        for number in 0..count {
            if number == self.stages.len() {
                self.stages.push(Self::stage(self.engine, number, progress)?);
            }
            let stage = &self.stages[number];
            empty(&stage.scratch())?;
            if number == 0 {
                let workspace = Workspace::open(&stage.root())?;
                let toolchain = self.engine.site.toolchain.clone();
                let site = Site { workspace, toolchain, target_dir: stage.target_dir() };
                site.image_of(&site.mix(&[]), progress)?;
                continue;
            }
            let stamp = stage.folder().join("built-in");
            if fs::read_to_string(&stamp).is_ok_and(|built_in| built_in == circumstances) {
                continue;
            }
            progress.start("Copying what is built");
            empty(&stage.target_dir())?;
            copy(&self.stages[0].target_dir(), &stage.target_dir())?;
            fs::write(&stamp, circumstances).map_err(|error| Error::io("cannot write", &stamp, &error))?;
        }
        progress.finish();
        Ok(())
    }
}

/// Makes an empty folder.
fn empty(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("cannot remove", folder, &error)),
        _ => fs::create_dir_all(folder).map_err(|error| Error::io("cannot create", folder, &error)),
    }
}

/// Copies a folder's files with their times, which tell cargo that nothing has changed.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    command.args(["-R", "-p"]).arg(from.join(".")).arg(to);
    let output = process::output(&mut command).map_err(|error| Error::io("cannot start", Path::new("cp"), &error))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Error::new(format!("cannot copy {}", from.display())).output(words))
        }
    }
}

/// The work of a batch, and the store for its results.
pub struct Work<'a> {
    /// The sandbox that grades.
    pub sandbox: &'a Sandbox,
    /// The store for results.
    pub store: &'a Store,
    /// The circumstances of the results: everything besides the files and the seed.
    pub circumstances: &'a str,
    /// The progress on the terminal.
    pub progress: &'a Progress,
}

/// The result for a lab's files, or why there is none.
pub type Reports = BTreeMap<Key, Result<Graded, String>>;

/// The circumstances of a result, besides the files.
pub fn circumstances(of_batch: &str, seed: Seed) -> String {
    format!("{of_batch}, seed {}", seed.number())
}

impl Work<'_> {
    /// Grades everything. Each result is kept at once.
    ///
    /// # Errors
    /// If a result cannot be kept.
    pub fn grade(&self, tasks: Vec<Task<'_>>, stages: &Stages<'_>) -> Result<Reports> {
        let queue = Mutex::new(VecDeque::from(tasks));
        let reports = Mutex::new(Reports::new());
        let failure = Mutex::new(None);
        let is_stopped = AtomicBool::new(false);
        thread::scope(|scope| {
            for stage in &stages.stages {
                scope.spawn(|| {
                    while let Some(task) = next(&queue, &is_stopped) {
                        match self.graded(&task, stage) {
                            Ok(report) => {
                                self.progress.step(&format!("{} of {}", task.lab.id, style::printable(&task.whose)));
                                reports.lock().unwrap_or_else(PoisonError::into_inner).insert(task.key(), report);
                            }
                            Err(error) => {
                                is_stopped.store(true, Ordering::Relaxed);
                                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                            }
                        }
                    }
                });
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(reports.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Grades a lab's files, and keeps the result.
    fn graded(&self, task: &Task<'_>, stage: &Stage) -> Result<Result<Graded, String>> {
        let mut why = String::new();
        for _ in 0..TRIES {
            let start = Instant::now();
            match self.run(task, stage)? {
                Ok((report, spent)) => {
                    let took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                    let circumstances = circumstances(self.circumstances, task.seed);
                    let graded = Graded { circumstances, report, spent: Spent { took_ms, ..spent } };
                    let (lab, name) = task.key();
                    self.store.keep(&lab, &name, &graded)?;
                    return Ok(Ok(graded));
                }
                Err(words) => why = words,
            }
        }
        Ok(Err(why))
    }

    /// Grades the course itself in each copy: if a build fails later, that is the submission's fault.
    ///
    /// # Errors
    /// If the course cannot be graded.
    pub fn try_out(&self, stages: &Stages<'_>, lab: &Lab) -> Result<()> {
        for stage in &stages.stages {
            let seed = Seed::Common(DEFAULT_SEED);
            let task = Task { whose: String::new(), lab, hash: String::new(), seed, files: Files::new() };
            let what = match self.run(&task, stage)? {
                Ok((report, _)) => report["build_error"].as_str().map(str::to_owned),
                Err(words) => Some(words),
            };
            if let Some(words) = what {
                return Err(Error::new("the course as it is cannot be graded here")
                    .advise("restore the files that you have changed; this is what was said:")
                    .output(words));
            }
        }
        Ok(())
    }

    /// Lays the files over the course, and runs the grader on them. Returns the lab's part of the grader's JSON and the
    /// time spent, or why the grader failed.
    fn run(&self, task: &Task<'_>, stage: &Stage) -> Result<Result<(Value, Spent), String>> {
        let over = Over::lay(stage, &task.files)?;
        let mut command = self.sandbox.grader(stage, task.lab);
        command.args(["--seed", &task.seed.number().to_string()]);
        let output =
            process::output(&mut command).map_err(|error| Error::new(format!("cannot run the grader: {error}")))?;
        over.take_away()?;
        if output.status.code().is_some_and(Exit::is_verdict)
            && let Ok(mut run) = serde_json::from_slice::<Value>(&output.stdout)
            && run["labs"][0]["checks"].is_array()
        {
            let number = |name: &str| run[name].as_u64().unwrap_or_default();
            let (building_ms, booting_ms) = (number("building_ms"), number("booting_ms"));
            return Ok(Ok((run["labs"][0].take(), Spent { took_ms: 0, building_ms, booting_ms })));
        }
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = words.lines().find(|line| line.starts_with("error")).or(words.lines().next_back());
        Ok(Err(style::printable(line.unwrap_or("the grader ended without a message"))))
    }
}

fn next<'a>(queue: &Mutex<VecDeque<Task<'a>>>, is_stopped: &AtomicBool) -> Option<Task<'a>> {
    if is_stopped.load(Ordering::Relaxed) {
        return None;
    }
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// Puts a submission's files in the place of the course's.
struct Over<'a> {
    stage: &'a Stage,
    before: Files,
}

impl<'a> Over<'a> {
    fn lay(stage: &'a Stage, files: &Files) -> Result<Self> {
        let mut before = Files::new();
        for (name, bytes) in files {
            let path = stage.root().join(name);
            let old = fs::read(&path).map_err(|error| Error::io("cannot read", &path, &error))?;
            before.insert(name.clone(), old);
            stage.replace(name, bytes)?;
        }
        Ok(Self { stage, before })
    }

    fn take_away(self) -> Result<()> {
        self.before.iter().try_for_each(|(name, bytes)| self.stage.replace(name, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_seeds_of_their_own_the_same_files_are_graded_for_each() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = Workspace::open(root).unwrap();
        let lab = &workspace.labs[0];
        let files = Files::from([(lab.files()[0].clone(), b"fn".to_vec())]);
        let key = |seed| Task::of("alice", lab, &files, seed).unwrap().key();
        assert_eq!(key(Seed::Common(1)).1, hash(&files));
        assert_ne!(key(Seed::Own(1)), key(Seed::Own(2)));
        assert_ne!(circumstances("x", Seed::Own(1)), circumstances("x", Seed::Own(2)));
        assert!(Task::of("alice", lab, &Files::new(), Seed::Own(1)).is_none());
    }

    #[test]
    fn what_is_in_files_and_what_they_are_called_makes_their_hash() {
        let of = |files: &[(&str, &str)]| {
            hash(&files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_owned())).collect())
        };
        assert_eq!(of(&[("a", "1"), ("b", "2")]), of(&[("b", "2"), ("a", "1")]));
        let all = [of(&[("a", "1")]), of(&[("a", "2")]), of(&[("b", "1")]), of(&[("a", "1b")]), of(&[("a1", "b")])];
        assert!(all.iter().enumerate().all(|(at, hash)| !all[..at].contains(hash)));
    }
}
