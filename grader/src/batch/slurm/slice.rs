//! The work of one task of a job array, and the task itself: `grade __slice FOLDER NUMBER`, on some node.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::judge::Engine;

use crate::batch::gather::Files;
use crate::batch::sandbox::{Sandbox, Walls};
use crate::batch::store::{Store, json};
use crate::batch::work::{Key, Reports, Seed, Stages, Task, Work};

/// The file with a task's work.
const PLAN: &str = "slice.json";

/// The file with what a task could not grade, and why.
const FAILURES: &str = "failures.json";

/// The work of one task of an array.
#[derive(Serialize, Deserialize)]
pub struct Slice {
    /// The circumstances of the results: a node with other tools grades nothing.
    circumstances: String,
    walls: Walls,
    tasks: Vec<Planned>,
}

/// A [`Task`], in a form for another process.
#[derive(Serialize, Deserialize)]
struct Planned {
    whose: String,
    lab: String,
    seed: Seed,
    files: Files,
}

impl Slice {
    /// A slice of these tasks.
    pub fn new(circumstances: &str, walls: Walls, tasks: &[Task<'_>]) -> Self {
        let planned = |task: &Task<'_>| Planned {
            whose: task.whose.clone(),
            lab: task.lab.id.clone(),
            seed: task.seed,
            files: task.files.clone(),
        };
        Self { circumstances: circumstances.to_owned(), walls, tasks: tasks.iter().map(planned).collect() }
    }

    /// Writes the slice to the task's folder, which is created.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        Store::open(folder)?.write(PLAN, &json(self))
    }

    fn read(store: &Store) -> Result<Self> {
        serde_json::from_str(&store.read(PLAN)?).map_err(|error| {
            Error::new(format!("the list of work cannot be read: {error}")).advise("start the batch again")
        })
    }
}

/// Does the work of a task of the array, in the copy of the course that has its number.
///
/// # Errors
/// If nothing can be graded on this node, or a result cannot be kept.
pub fn grade(folder: &Path, number: usize, engine: &Engine) -> Result<()> {
    let store = Store::open(&folder.join(number.to_string()))?;
    let slice = Slice::read(&store)?;
    let progress = Progress::silent();
    let stages = Stages::only(engine, number, &progress)?;
    let here = stages.circumstances()?;
    if here != slice.circumstances {
        return Err(Error::new(format!(
            "this node has another course, compiler or emulator than the batch was begun with: {here}, not {}",
            slice.circumstances
        ))
        .advise("use nodes that have the same, such as with --slurm-option=--constraint=NAME"));
    }
    let emulator = engine.emulator.qemu()?;
    let place = Stages::place_in(engine);
    let sandbox = Sandbox::new(slice.walls, stages.own_grader()?, &engine.site.toolchain, &emulator.program, &place)?;
    let work = Work { sandbox: &sandbox, store: &store, circumstances: &slice.circumstances, progress: &progress };
    let labs = &engine.site.workspace.labs;
    let task = |planned: &Planned| {
        let lab = labs.iter().find(|lab| lab.id == planned.lab)?;
        Task::of(&planned.whose, lab, &planned.files, planned.seed)
    };
    let tasks: Vec<Task<'_>> = slice.tasks.iter().filter_map(task).collect();
    if let Some(task) = tasks.first() {
        work.try_out(&stages, task.lab)?;
    }
    let reports = work.grade(tasks, &stages)?;
    let failures: Vec<(Key, String)> =
        reports.into_iter().filter_map(|(key, report)| Some((key, report.err()?))).collect();
    // After the last result nothing is written: this task is no longer waited for.
    if failures.is_empty() { Ok(()) } else { store.write(FAILURES, &json(&failures)) }
}

/// Takes over the failures of an array that has ended: another array could not grade these either.
pub fn take_failures(folder: &Path, missing: &mut Vec<(usize, Task<'_>)>, reports: &mut Reports) {
    missing.retain(|(number, task)| {
        let bytes = fs::read(folder.join(number.to_string()).join(FAILURES)).unwrap_or_default();
        let failures: Vec<(Key, String)> = serde_json::from_slice(&bytes).unwrap_or_default();
        let key = task.key();
        let Some((key, why)) = failures.into_iter().find(|(failed, _)| *failed == key) else { return true };
        reports.insert(key, Err(why));
        false
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::workspace::Workspace;

    #[test]
    fn a_task_is_the_same_for_another_process() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = Workspace::open(root).unwrap();
        let lab = &workspace.labs[0];
        let files = Files::from([(lab.files()[0].clone(), vec![0xFF, 0, b'a'])]);
        let task = Task::of("J\u{fc}rgen", lab, &files, Seed::Own(u64::MAX)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Slice::new("today", Walls::None, std::slice::from_ref(&task)).write(folder.path()).unwrap();
        let slice = Slice::read(&Store::open(folder.path()).unwrap()).unwrap();
        let planned = &slice.tasks[0];
        let again = Task::of(&planned.whose, lab, &planned.files, planned.seed).unwrap();
        assert_eq!((again.key(), again.whose, again.files), (task.key(), task.whose, task.files));
        assert_eq!((slice.circumstances.as_str(), slice.walls), ("today", Walls::None));
    }

    #[test]
    fn what_could_not_be_graded_is_not_missing() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = Workspace::open(root).unwrap();
        let lab = &workspace.labs[0];
        let task = |byte| {
            let files = Files::from([(lab.files()[0].clone(), vec![byte])]);
            Task::of("alice", lab, &files, Seed::Common(1)).unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("4")).unwrap();
        store.write(FAILURES, &json(&vec![(task(1).key(), "no machine".to_owned())])).unwrap();
        let (mut missing, mut reports) = (vec![(4, task(1)), (4, task(2)), (5, task(1))], Reports::new());
        take_failures(folder.path(), &mut missing, &mut reports);
        assert_eq!(missing.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [4, 5]);
        assert!(matches!(&reports[&task(1).key()], Err(why) if why == "no machine"));
    }
}
