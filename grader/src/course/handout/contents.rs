//! The files of the course that students get.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ignore::WalkBuilder;

use crate::course::lab_toml::Check;
use crate::course::workspace::{Lab, MISTAKES, POLICY, Workspace};
use crate::host::error::{Error, Result};
use crate::host::process;

/// Folders of a lab that hold answers, or files that depend on answers.
const ANSWERS: [&str; 5] = ["solution", "champion", "mistakes", "alternatives", "compiled"];

/// Files and folders for instructors and for developers of the course.
const NOT_FOR_STUDENTS: [&str; 7] =
    ["README.md", "CONTRIBUTING.md", "teaching", ".ci", ".gitattributes", ".github", POLICY];

/// The tests of the grader from end to end. Students do not change the grader, and the tests boot machines for an hour.
const END_TO_END: &str = "grader/tests/";

/// The student's README: its name in the course, and its name in the hand-out.
const README: (&str, &str) = ("README-student.md", "README.md");

/// A file of a hand-out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// A copy of this file of the course.
    Copied(PathBuf),
    /// These bytes, made for the hand-out.
    Made(Vec<u8>),
}

impl Content {
    /// The file's bytes.
    ///
    /// # Errors
    /// If the course's file cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        match self {
            Self::Copied(from) => fs::read(from).map_err(|error| Error::io("cannot read", from, &error)),
            Self::Made(bytes) => Ok(bytes.clone()),
        }
    }
}

/// The files of a hand-out, by their names.
pub type Contents = BTreeMap<String, Content>;

/// The course's files that students get. In a git repository, files that git does not track are
/// left out.
///
/// # Errors
/// If the course cannot be read, or a lab's file is missing.
pub fn contents(workspace: &Workspace) -> Result<Contents> {
    let root = &workspace.root;
    let names = match tracked(root) {
        Some(names) => names,
        None => found(root)?,
    };
    let mut contents = Contents::new();
    for name in names.into_iter().filter(|name| is_for_students(name)) {
        let from = root.join(&name);
        // A tracked file may have been removed since.
        if from.symlink_metadata().is_ok_and(|found| found.is_file()) {
            contents.insert(name, Content::Copied(from));
        }
    }
    for lab in &workspace.labs {
        let mistakes = mistakes(lab);
        if !mistakes.is_empty() {
            contents.insert(format!("labs/{}/{MISTAKES}", lab.id), Content::Made(mistakes.into_bytes()));
        }
    }
    let (from, to) = README;
    let readme = contents.remove(from).ok_or_else(|| {
        Error::new(format!("{from} is missing")).advise("it becomes the README of what students get: restore it")
    })?;
    contents.insert(to.to_owned(), readme);
    for name in workspace.labs.iter().flat_map(|lab| lab.files()) {
        if !contents.contains_key(&name) {
            return Err(
                Error::new(format!("git does not track {name}, which students are to get")).advise("`git add` it")
            );
        }
    }
    Ok(contents)
}

/// The known mistakes of a lab in words, a line each behind the name of its check: the hand-out lacks the mistakes
/// themselves.
fn mistakes(lab: &Lab) -> String {
    let of_check = |Check { name, .. }: &Check| -> String {
        lab.known_mistakes(name).iter().map(|mistake| format!("{name}: {mistake}\n")).collect()
    };
    lab.toml.checks.iter().map(of_check).collect()
}

/// The student's files that differ from their committed versions: if an instructor has tried a
/// lab, they contain an answer.
pub fn unfinished(workspace: &Workspace) -> Vec<String> {
    let files: Vec<String> = workspace.labs.iter().flat_map(|lab| lab.files()).collect();
    let mut command = git(&workspace.root);
    command.args(["diff", "--name-only", "--no-ext-diff", "--relative", "-z", "HEAD", "--"]).args(&files);
    let changed = names(&mut command).unwrap_or_default();
    files.into_iter().filter(|file| changed.contains(file)).collect()
}

fn is_for_students(name: &str) -> bool {
    let mut parts = name.split('/');
    let (first, _, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let answers = first == "labs" && third.is_some_and(|folder| ANSWERS.contains(&folder));
    !answers && !NOT_FOR_STUDENTS.contains(&first) && !name.starts_with(END_TO_END)
}

fn git(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(root);
    command
}

/// The names that git prints, each ended by a NUL.
fn names(command: &mut Command) -> Option<Vec<String>> {
    let output = process::output(command).ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// The files that git tracks, if it does.
fn tracked(root: &Path) -> Option<Vec<String>> {
    // A course within another project's folder may not be tracked at all.
    names(git(root).args(["ls-files", "-z"])).filter(|names| !names.is_empty())
}

/// The files that git would track.
fn found(root: &Path) -> Result<Vec<String>> {
    let walk = WalkBuilder::new(root)
        // Dotfiles belong to the course too; `.git` does not.
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    let mut names = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| Error::new(format!("cannot read the course: {error}")))?;
        if entry.file_type().is_some_and(|kind| kind.is_file())
            && let Some(name) = entry.path().strip_prefix(root).ok().and_then(Path::to_str)
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::lab_toml::LabToml;
    use crate::course::workspace::Reference;

    #[test]
    fn known_mistakes_are_told_without_the_mistakes() {
        let folder = tempfile::tempdir().unwrap();
        let text = "title = \"Frames\"\npackage = \"pmm\"\nfiles = [\"src/bitmap.rs\"]\nchapter = \"frames.html\"\n\n\
            [[check]]\nname = \"never-twice\"\npoints = 1\nrule = \"A rule.\"\nhint = \"A hint.\"\nchapter = \"frames.html\"\n";
        let toml = LabToml::parse(text, Path::new("lab.toml")).unwrap();
        let lab = Lab { id: "01-pmm".to_owned(), folder: folder.path().to_owned(), toml, reference: Reference::Source };
        assert_eq!(mistakes(&lab), "");
        fs::create_dir(folder.path().join("mistakes")).unwrap();
        let patch = "Mistake: The wrong bit is cleared.\nCaught-by: never-twice\n\n--- a/x\n";
        fs::write(folder.path().join("mistakes/a.patch"), patch).unwrap();
        let told = lab.known_mistakes("never-twice");
        assert_eq!(told, ["The wrong bit is cleared."]);

        fs::write(folder.path().join(MISTAKES), mistakes(&lab)).unwrap();
        fs::remove_dir_all(folder.path().join("mistakes")).unwrap();
        assert_eq!(lab.known_mistakes("never-twice"), told);
        assert!(lab.known_mistakes("never").is_empty());
    }

    #[test]
    fn answers_and_what_is_the_teacher_s_stay_behind() {
        for name in [
            "labs/01-pmm/solution/bitmap.rs",
            "labs/01-pmm/mistakes/a.patch",
            "labs/01-pmm/alternatives/part/x.rs",
            "labs/01-pmm/champion/bitmap.rs",
            "labs/01-pmm/compiled/libpmm.a",
            "README.md",
            "teaching/exam-questions.md",
            ".ci/run",
            "grader/tests/end_to_end/main.rs",
            "course.toml",
            ".github/workflows/book.yml",
        ] {
            assert!(!is_for_students(name), "{name}");
        }
        for name in
            ["labs/01-pmm/src/bitmap.rs", "labs/01-pmm/README.md", "kernel/checks/src/solution.rs", "Cargo.lock"]
        {
            assert!(is_for_students(name), "{name}");
        }
    }
}
