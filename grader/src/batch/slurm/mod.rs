//! A class graded by Slurm, on many computers with a shared file system: `cargo grade batch --engine slurm`.
//!
//! The labs' files are dealt out to the tasks of a job array. Each task runs this program, with a copy of the
//! course and a store of its own below RESULTS. Only this process writes to RESULTS itself: it takes over the results that the
//! tasks have finished. Results that are missing when the array has ended were lost with a node, and are submitted again.

mod array;
mod slice;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::style;
use crate::judge::Engine;

use crate::batch::sandbox::Walls;
use crate::batch::store::{self, Store};
use crate::batch::work::{Reports, Task, circumstances};

use array::{Array, Script, State};
use slice::Slice;

pub use slice::grade as grade_slice;

/// How many arrays are submitted before missing results are given up.
const ARRAYS: u32 = 3;

/// How often this process looks for new results.
const LOOK: Duration = Duration::from_secs(1);

/// How many such looks pass between two questions to Slurm, which serves other users, too.
const LOOKS_PER_QUESTION: u32 = 3;

/// A class that Slurm grades.
pub struct Slurm<'a> {
    /// The course, and the tools that the batch was begun with.
    pub engine: &'a Engine,
    /// The options for `sbatch`.
    pub options: &'a [String],
    /// The most tasks of the array: this many copies of the course are prepared.
    pub tasks: usize,
    /// Whether a sandbox is used.
    pub walls: Walls,
    /// The store for results.
    pub store: &'a Store,
    /// The circumstances of the results: everything they depend on besides the files and the seed.
    pub circumstances: &'a str,
    /// The progress on the terminal.
    pub progress: &'a Progress,
}

/// Finds `sbatch`.
///
/// # Errors
/// If it is not there.
pub fn find() -> Result<PathBuf> {
    array::program("sbatch")
}

impl Slurm<'_> {
    /// Grades everything. Each result is kept as soon as it arrives.
    ///
    /// # Errors
    /// If Slurm takes no array, or a result cannot be kept.
    pub fn grade(&self, mut tasks: Vec<Task<'_>>) -> Result<Reports> {
        let top = self.store.place("slurm");
        remove(&top)?;
        let mut reports = Reports::new();
        for number in 1..=ARRAYS {
            let folder = top.join(number.to_string());
            let dealt = deal(tasks, self.tasks);
            self.write(&folder, &dealt)?;
            let array = Array::submit(&self.script(&folder)?, dealt.len(), self.options)?;
            let missing = self.collect(&folder, dealt, &array, &mut reports)?;
            array.finish();
            if missing.is_empty() {
                // The next batch grades what a task has left open.
                let _ = remove(&top);
                return Ok(reports);
            }
            if number < ARRAYS {
                let words = style::plural(missing.len(), "result");
                self.progress.note(&format!("{words} did not arrive from Slurm: submitted again"));
                tasks = missing.into_iter().map(|(_, task)| task).collect();
                continue;
            }
            for (slice, task) in missing {
                let why = words_of(&folder, slice).unwrap_or_else(|| {
                    format!("Slurm lost it {ARRAYS} times: a node died, or a limit of the cluster ended the task")
                });
                reports.insert(task.key(), Err(why));
            }
            // The nodes' output stays, for a person who looks for the reason.
            return Ok(reports);
        }
        Ok(reports)
    }

    /// Writes the work of each task of the array.
    fn write(&self, folder: &Path, dealt: &[Vec<Task<'_>>]) -> Result<()> {
        for (number, tasks) in dealt.iter().enumerate() {
            Slice::new(self.circumstances, self.walls, tasks).write(&folder.join(number.to_string()))?;
        }
        Ok(())
    }

    /// The script that a node runs.
    fn script(&self, folder: &Path) -> Result<Script> {
        let grader = std::env::current_exe().map_err(|error| Error::new(format!("cannot find the grader: {error}")))?;
        let site = &self.engine.site;
        let target = site.target_dir.parent().unwrap_or(&site.target_dir);
        Script::write(folder, &grader, &site.workspace.root, target)
    }

    /// Takes over results until the array has ended. Returns the missing ones, with the numbers of their tasks.
    fn collect<'t>(
        &self,
        folder: &Path,
        dealt: Vec<Vec<Task<'t>>>,
        array: &Array,
        reports: &mut Reports,
    ) -> Result<Vec<(usize, Task<'t>)>> {
        let numbered = dealt.into_iter().enumerate();
        let mut missing: Vec<(usize, Task<'t>)> =
            numbered.flat_map(|(number, tasks)| tasks.into_iter().map(move |task| (number, task))).collect();
        for look in 1_u32.. {
            let is_time = look % LOOKS_PER_QUESTION == 0;
            // Slurm is asked before the last look, so that everything that a task wrote before it ended is found.
            let state = if is_time { array.state(self.progress)? } else { State::Runs };
            missing = self.take_over(folder, missing, reports)?;
            if state == State::HasEnded {
                slice::take_failures(folder, &mut missing, reports);
                break;
            }
            if missing.is_empty() {
                break;
            }
            thread::sleep(LOOK);
        }
        Ok(missing)
    }

    /// Takes over the results that have arrived; returns the missing ones.
    fn take_over<'t>(
        &self,
        folder: &Path,
        waited_for: Vec<(usize, Task<'t>)>,
        reports: &mut Reports,
    ) -> Result<Vec<(usize, Task<'t>)>> {
        let mut missing = Vec::new();
        for (number, task) in waited_for {
            let of_task = folder.join(number.to_string());
            let (lab, name) = task.key();
            let Some(graded) = store::graded_in(&of_task, &lab, &name, &circumstances(self.circumstances, task.seed))
            else {
                missing.push((number, task));
                continue;
            };
            self.store.keep(&lab, &name, &graded)?;
            self.progress.step(&format!("{lab} of {}", style::printable(&task.whose)));
            reports.insert((lab, name), Ok(graded));
        }
        Ok(missing)
    }
}

/// Deals out the work to at most `hands` tasks, each of which gets some.
fn deal(tasks: Vec<Task<'_>>, hands: usize) -> Vec<Vec<Task<'_>>> {
    let hands = hands.min(tasks.len()).max(1);
    let mut dealt: Vec<Vec<Task<'_>>> = (0..hands).map(|_| Vec::new()).collect();
    for (number, task) in tasks.into_iter().enumerate() {
        dealt[number % hands].push(task);
    }
    dealt
}

/// Why a task of the array ended without its results, if its grader reported that.
fn words_of(folder: &Path, number: usize) -> Option<String> {
    let text = fs::read(folder.join(array::log_name(number))).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().find(|line| line.starts_with("error")).map(style::printable)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("cannot remove", folder, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::gather::Files;
    use crate::batch::work::Seed;
    use crate::course::workspace::Workspace;

    #[test]
    fn every_hand_gets_something_and_nothing_is_dealt_twice() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = Workspace::open(root).unwrap();
        let lab = &workspace.labs[0];
        let task = |number: u8| {
            let files = Files::from([(lab.files()[0].clone(), vec![number])]);
            Task::of("alice", lab, &files, Seed::Common(1)).unwrap()
        };
        for (count, hands, expected) in [(5, 2, vec![3, 2]), (2, 8, vec![1, 1]), (0, 3, vec![0])] {
            let dealt = deal((0..count).map(task).collect(), hands);
            assert_eq!(dealt.iter().map(Vec::len).collect::<Vec<_>>(), expected);
            let mut keys: Vec<_> = dealt.iter().flatten().map(Task::key).collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), usize::from(count));
        }
    }

    #[test]
    fn the_words_of_a_node_are_its_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(words_of(folder.path(), 3), None);
        fs::write(folder.path().join(array::log_name(3)), "slurmstepd: x\nerror: no\u{1b} bubblewrap\nmore\n").unwrap();
        let words = words_of(folder.path(), 3).unwrap();
        assert!(words.starts_with("error: no") && !words.contains('\u{1b}'), "{words}");
    }
}
