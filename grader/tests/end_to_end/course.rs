//! The program itself, run like a user runs it, and a copy of the course whose
//! files tests can change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;

use grader::Stage;
use serde_json::Value;

/// The course that these tests belong to.
pub fn course() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the grader lies in the course")
}

/// Cargo's target folder, which contains the folder of this test's own program.
pub fn target_dir() -> PathBuf {
    // target/debug/deps/TEST or target/TRIPLE/debug/deps/TEST: the grader's program is in …/debug.
    let profile = Path::new(env!("CARGO_BIN_EXE_grade")).parent().expect("a program is in a folder");
    let above = profile.parent().expect("the profile's folder is in the target folder");
    let is_target = |folder: &Path| folder.join("CACHEDIR.TAG").exists();
    above.ancestors().find(|folder| is_target(folder)).unwrap_or(above).to_owned()
}

/// Whether the references are here. A hand-out does not have them.
pub fn has_solutions() -> bool {
    course().join("labs/01-pmm/solution").is_dir()
}

/// The outcome of a run of the grader.
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the grader starts");
        Self {
            // A signal counts as an exit code that no program has.
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test, with everything that was printed, unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless one of the outputs has `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let found = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(found, "`{text}` is missing\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test if one of the outputs has `text`.
    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Self {
        let found = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!found, "`{text}` was printed\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("not JSON: {error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
        })
    }
}

/// A copy of the course that a test may change, with a build folder of its own.
///
/// There is one copy, which one test at a time holds; other tests wait. So the kernel's core
/// library is built once for all of them.
pub struct Copy {
    stage: Stage,
}

impl Copy {
    /// The course without changes.
    pub fn new() -> Self {
        let stage = Stage::create(course(), &target_dir().join("staged")).expect("the target folder can be written");
        Self { stage }
    }

    /// The course with this text in place of the student's file of lab 01.
    pub fn with_student(text: &str) -> Self {
        let copy = Self::new();
        copy.write("labs/01-pmm/src/bitmap.rs", text);
        copy
    }

    /// The course with these checks in place of lab 01's.
    pub fn with_checks(names: &[&str]) -> Self {
        let copy = Self::new();
        let mut toml = String::from(
            "title = \"Harness\"\npackage = \"pmm\"\nfiles = [\"src/bitmap.rs\"]\nchapter = \"lab-01-frames.html\"\n",
        );
        for name in names {
            toml.push_str(&format!(
                "[[check]]\nname = \"{name}\"\npoints = 1\nbudget = 100\nrule = \"r\"\nhint = \"h\"\nchapter = \"c\"\n"
            ));
        }
        copy.write("labs/01-pmm/lab.toml", &toml);
        copy
    }

    /// Its folder.
    pub fn root(&self) -> PathBuf {
        self.stage.root()
    }

    /// Writes a file of the copy, named relative to it.
    pub fn write(&self, name: &str, text: &str) {
        self.stage.replace(name, text).expect("the copy can be written");
    }

    /// Reads a file of the copy.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root().join(name)).expect("the file is in the copy")
    }

    /// The names of the files in a folder of the copy.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root().join(folder)).expect("the folder is in the copy");
        entries.map(|entry| entry.expect("it can be read").file_name().into_string().expect("it is a text")).collect()
    }

    /// The grader as a command in the copy.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = command(&self.root(), words);
        command.env("CARGO_TARGET_DIR", target_dir().join("staged"));
        command
    }

    /// Runs the grader in the copy.
    pub fn grade(&self, words: &[&str]) -> Ran {
        Ran::of(&mut self.command(words))
    }
}

/// The grader, run in a folder like a user runs it.
pub fn grade(folder: &Path, words: &[&str]) -> Ran {
    Ran::of(&mut command(folder, words))
}

/// Installs missing tools on this computer, once for all tests, as the grader does.
fn set_up() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        Ran::of(&mut bare_command(course(), &["setup"])).expect_code(0);
    });
}

/// The command that [`grade`] runs.
pub fn command(folder: &Path, words: &[&str]) -> Command {
    set_up();
    bare_command(folder, words)
}

fn bare_command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grade"));
    command
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", target_dir())
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("FOLIO_QEMU")
        .env_remove("FOLIO_BOCHS");
    command
}

/// A lab's part of a run's JSON.
pub fn lab<'a>(run: &'a Value, id: &str) -> &'a Value {
    let labs = run["labs"].as_array().expect("a run has labs");
    labs.iter().find(|lab| lab["id"] == id).unwrap_or_else(|| panic!("no lab {id} in {run:#}"))
}

/// A check's part of a run's JSON.
pub fn check<'a>(run: &'a Value, id: &str) -> &'a Value {
    let labs = run["labs"].as_array().expect("a run has labs");
    labs.iter()
        .flat_map(|lab| lab["checks"].as_array().expect("a lab has checks"))
        .find(|check| check["id"] == id)
        .unwrap_or_else(|| panic!("no check {id} in {run:#}"))
}
