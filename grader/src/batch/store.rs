//! The folder for results. Its files are always complete, whenever and however the grader ends.
//!
//! - `lock`: held by the batch that writes here, with its process's number;
//! - `graded/LAB-HASH.json`: the result for a lab's files, once for all submissions
//!   that have the same, or once for each seed; from it a batch continues where another one stopped;
//! - `submissions/NAME.json`: all facts about one submission;
//! - `results.csv` and `results.json`: the tables, written at the end;
//! - `slurm/`: while Slurm grades, a store for each task of its array;
//! - `html/` and the folders of other formats: the reports for people and for other programs.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::error::{Error, Result};
use crate::report::escaped;

/// The beginning of the names of unfinished files.
const UNFINISHED: &str = ".unfinished-";

/// A folder for results that only this process writes to.
pub struct Store {
    folder: PathBuf,
    /// Held for as long as the store is in use.
    _lock: File,
}

/// The result for a lab's files.
#[derive(Serialize, Deserialize)]
pub struct Graded {
    /// The circumstances: everything it depends on besides those files.
    pub circumstances: String,
    /// The lab, as the grader's JSON has it.
    pub report: Value,
    /// How long grading took.
    #[serde(flatten)]
    pub spent: Spent,
}

/// How long grading a lab's files took, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// From the files to the verdicts.
    pub took_ms: u64,
    /// Building kernels.
    pub building_ms: u64,
    /// Running machines.
    pub booting_ms: u64,
}

impl Store {
    /// Takes a folder, and creates it if necessary.
    ///
    /// # Errors
    /// If another process has it, or it cannot be written.
    pub fn open(folder: &Path) -> Result<Self> {
        for folder in [folder, &folder.join("graded"), &folder.join("submissions")] {
            fs::create_dir_all(folder).map_err(|error| Error::io("cannot create", folder, &error))?;
        }
        let path = folder.join("lock");
        let lock = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut lock = lock.map_err(|error| Error::io("cannot write", &path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut who = String::new();
                let _ = lock.read_to_string(&mut who);
                return Err(Error::new(format!("process {} writes its results to {}", who.trim(), folder.display()))
                    .advise("wait for its end, or name another folder"));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("cannot lock", &path, &error)),
        }
        let number = std::process::id();
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{number}"))
            .map_err(|error| Error::io("cannot write", &path, &error))?;
        let store = Self { folder: folder.to_owned(), _lock: lock };
        store.remove_unfinished();
        Ok(store)
    }

    /// Whether a batch has written here before.
    pub fn has_results(&self) -> bool {
        let has_file = |name: &str| fs::read_dir(self.folder.join(name)).is_ok_and(|mut files| files.next().is_some());
        has_file("graded") || has_file("submissions")
    }

    /// Removes the unfinished files of a batch that was killed.
    fn remove_unfinished(&self) {
        for folder in [self.folder.clone(), self.folder.join("graded"), self.folder.join("submissions")] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    // A leftover only takes room.
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    /// The result for a lab's files in these circumstances, if there is one.
    pub fn graded(&self, lab: &str, name: &str, circumstances: &str) -> Option<Graded> {
        graded_in(&self.folder, lab, name, circumstances)
    }

    /// The path of the file with this name.
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).map_err(|error| Error::io("cannot read", &path, &error))
    }

    /// The names of the files in a folder of it, sorted.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn list(&self, folder: &str) -> Result<Vec<String>> {
        let path = self.folder.join(folder);
        let failed = |error: io::Error| Error::io("cannot read", &path, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    /// Keeps the result for a lab's files.
    ///
    /// # Errors
    /// If it cannot be written. Then an earlier result stays as it was.
    pub fn keep(&self, lab: &str, name: &str, graded: &Graded) -> Result<()> {
        self.write(&graded_name(lab, name), &json(graded))
    }

    /// Writes a file completely or not at all.
    ///
    /// # Errors
    /// If it cannot be written. Then an older file stays as it was.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("cannot create", folder, &error))?;
        }
        write_whole(&path, text.as_bytes()).map_err(|error| Error::io("cannot write", &path, &error))
    }
}

/// The result for a lab's files in these circumstances that another process has written to its store in this folder.
pub fn graded_in(folder: &Path, lab: &str, name: &str, circumstances: &str) -> Option<Graded> {
    let path = folder.join(graded_name(lab, name));
    // A network file system may remember that a file does not exist until its folder is opened again.
    let _ = fs::read_dir(path.parent()?);
    let graded: Graded = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (graded.circumstances == circumstances).then_some(graded)
}

fn graded_name(lab: &str, name: &str) -> String {
    format!("graded/{lab}-{name}.json")
}

/// A value as JSON, with a newline at its end.
pub fn json(value: &impl Serialize) -> String {
    // It has text, numbers and lists only, which JSON can always represent.
    let mut text = escaped(&serde_json::to_string_pretty(value).unwrap_or_default());
    text.push('\n');
    text
}

/// Writes a file under another name, waits until the disk has it, and renames it in one step.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // So that the name survives a loss of power, too; not every file system supports this.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_one_batch_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let refused = Store::open(folder.path()).map(drop).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("process {} writes", std::process::id())), "{refused}");
        drop(store);
        Store::open(folder.path()).unwrap();
    }

    #[test]
    fn results_are_known_again_in_the_same_circumstances() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(!store.has_results());
        let graded = Graded { circumstances: "today".to_owned(), report: Value::from(7), spent: Spent::default() };
        store.keep("01-pmm", "ab", &graded).unwrap();
        fs::write(folder.path().join("graded/.unfinished-x"), "{").unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert!(store.has_results() && !folder.path().join("graded/.unfinished-x").exists());
        let report = |name, when| store.graded("01-pmm", name, when).map(|graded| graded.report);
        assert_eq!(report("ab", "today"), Some(Value::from(7)));
        assert_eq!(report("ab", "tomorrow"), None);
        assert_eq!(report("cd", "today"), None);
        fs::write(folder.path().join("graded/01-pmm-ab.json"), "{").unwrap();
        assert_eq!(report("ab", "today"), None);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_written() {
        assert_eq!(json(&"\u{1b}[2J\u{202E}"), "\"\\u001b[2J\\u202e\"\n");
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.write("results.csv", "old").unwrap();
        store.write("results.csv", "new").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("results.csv")).unwrap(), "new");
        store.write("html/students/a.html", "page").unwrap();
        assert_eq!(store.list("html/students").unwrap(), ["a.html"]);
        assert_eq!(store.read("html/students/a.html").unwrap(), "page");
        // There is a file in the place of the folder.
        assert!(store.write("results.csv/x", "x").is_err());
    }
}
