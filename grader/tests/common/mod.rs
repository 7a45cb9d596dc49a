//! What the tests of the grader share: the program itself, run as a user runs
//! it, and copies of the course in which files can be changed.
#![allow(dead_code, reason = "every test program uses a part of it")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;

/// The course that these tests belong to.
pub fn course() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the grader lies in the course")
}

/// Where cargo builds: the folder that holds this test's own program's folder.
pub fn target_dir() -> PathBuf {
    // target/debug/deps/TEST or target/TRIPLE/debug/deps/TEST: the grader's program is in …/debug.
    let profile = Path::new(env!("CARGO_BIN_EXE_grade")).parent().expect("a program is in a folder");
    let above = profile.parent().expect("the profile's folder is in the target folder");
    let is_target = |folder: &Path| folder.join("CACHEDIR.TAG").exists();
    above.ancestors().find(|folder| is_target(folder)).unwrap_or(above).to_owned()
}

/// Whether the references are here. They are not in what students get.
pub fn has_solutions() -> bool {
    course().join("labs/01-pmm/solution").is_dir()
}

/// One kernel is built at a time: a second build in the same folder would only
/// wait for the first, and two images would take each other's place.
pub fn kernel_folder() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a run of the grader came to.
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    fn new(output: &Output) -> Self {
        Self {
            // A signal counts as a code that nothing else has.
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test with all that was printed if the exit code is another one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test if `text` is on neither output.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let found = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(found, "`{text}` is missing\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test if `text` is on one of the outputs.
    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Self {
        let found = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!found, "`{text}` was printed\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON: {error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr))
    }
}

/// The grader, to be run in a copy of the course.
pub fn grade<S: AsRef<OsStr>>(folder: &Path, words: &[S]) -> Ran {
    let output = command(folder, words).output().expect("the grader starts");
    Ran::new(&output)
}

/// The command that [`grade`] runs.
pub fn command<S: AsRef<OsStr>>(folder: &Path, words: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grade"));
    command
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", target_dir())
        .env("CARGO_MANIFEST_DIR", folder.join("grader"))
        .env_remove("CARGO_TERM_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("FOLIO_QEMU");
    command
}

/// A copy of the course that a test may change.
pub struct Copy {
    root: PathBuf,
}

impl Copy {
    /// A fresh copy, under a name that only this test program uses.
    pub fn new(name: &str) -> Self {
        // Within the target folder, so that nothing of it is left behind elsewhere,
        // and under the same path each time, so that cargo builds less.
        let root = target_dir().join("test-courses").join(name);
        let _ = fs::remove_dir_all(&root);
        copy(course(), &root);
        Self { root }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file of the copy, named relative to it.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the copy can be written");
        fs::write(&path, text).expect("the copy can be written");
    }

    /// Reads a file of the copy.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root.join(name)).expect("the file is in the copy")
    }

    /// Runs the grader there.
    pub fn grade(&self, words: &[&str]) -> Ran {
        grade(&self.root, words)
    }
}

/// Copies what belongs to the course.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the target folder can be written");
    for entry in fs::read_dir(from).expect("the course can be read") {
        let path = entry.expect("the course can be read").path();
        let name = path.file_name().expect("an entry has a name");
        if name == "target" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("the target folder can be written");
        }
    }
}

/// The lab's JSON of a run's JSON.
pub fn lab<'a>(run: &'a Value, id: &str) -> &'a Value {
    let labs = run["labs"].as_array().expect("a run has labs");
    labs.iter().find(|lab| lab["id"] == id).unwrap_or_else(|| panic!("no lab {id} in {run:#}"))
}

/// The check's JSON of a run's JSON.
pub fn check<'a>(run: &'a Value, id: &str) -> &'a Value {
    let labs = run["labs"].as_array().expect("a run has labs");
    labs.iter()
        .flat_map(|lab| lab["checks"].as_array().expect("a lab has checks"))
        .find(|check| check["id"] == id)
        .unwrap_or_else(|| panic!("no check {id} in {run:#}"))
}

/// A run in which the reference is graded, made once for all tests of a program.
pub fn reference() -> &'static Value {
    static RUN: OnceLock<Value> = OnceLock::new();
    RUN.get_or_init(|| {
        let _alone = kernel_folder();
        grade(course(), &["--solution", "--json", "-"]).expect_code(0).json()
    })
}
