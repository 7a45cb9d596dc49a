//! Grades one submission for the autograder of another system, which has collected it and shows the result.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Deserialize;

use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::judge::Engine;

use super::discover::Source;
use super::formats::{autolab, classroom50, gradescope};
use super::gather::Wanted;
use super::policy::Policy;
use super::row::Standing;
use super::sheet::{GradedWith, Sheet};
use super::store::Store;
use super::{Computers, How, Submission, Walls, facts, graded, html, submission};

/// The format of the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Output {
    /// Gradescope's `results.json`
    Gradescope,
    /// Classroom 50's `result.json`
    Classroom50,
    /// Autolab's last line
    Autolab,
    /// The student's page
    Html,
}

/// The options for one submission.
pub struct Single {
    /// A folder, zip, tar or git bundle.
    pub path: PathBuf,
    /// The student's name, and when it was handed in.
    pub identity: Identity,
    /// The labs; if none is named, those that count.
    pub labs: Vec<String>,
    /// The teacher's policy, if it is not in the course.
    pub policy: Option<PathBuf>,
    /// Seed of the checks that draw random numbers, if the student has none of their own.
    pub seed: u64,
    /// Whether a sandbox is used.
    pub walls: Walls,
    /// The format of the result.
    pub output: Output,
}

/// Whose submission it is, and from when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The student's name: the seed depends on it.
    pub name: String,
    /// When it was handed in, if the system says so.
    pub handed_in: Option<Timestamp>,
}

/// The fields of Gradescope's metadata:
/// <https://gradescope-autograders.readthedocs.io/en/latest/submission_metadata/>.
#[derive(Deserialize)]
struct Metadata {
    created_at: Timestamp,
    users: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    email: String,
    id: u64,
}

impl Identity {
    /// Reads Gradescope's `submission_metadata.json`: a group's name is made of all of its members.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_metadata(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|error| Error::io("cannot read", file, &error))?;
        let metadata: Metadata = serde_json::from_str(&text)
            .map_err(|error| Error::new(format!("{} is not Gradescope's: {error}", file.display())))?;
        let name = |user: &User| if user.email.is_empty() { user.id.to_string() } else { user.email.clone() };
        let mut names: Vec<String> = metadata.users.iter().map(name).collect();
        names.sort();
        Ok(Self { name: names.join(", "), handed_in: Some(metadata.created_at) })
    }
}

/// Grades the submission, and returns the text for the autograder.
///
/// # Errors
/// If the submission cannot be graded at all.
pub fn single(single: &Single, engine: &Engine, progress: &Progress) -> Result<String> {
    // Missing information is reported before anything is graded.
    let assignment = match single.output {
        Output::Classroom50 => Some(classroom50::Identity::from_environment()?),
        Output::Gradescope | Output::Autolab | Output::Html => None,
    };
    let policy = Policy::find(single.policy.as_deref(), &engine.site.workspace)?;
    let labs = policy.labs(&engine.site.workspace, &single.labs)?;
    if fs::symlink_metadata(&single.path).is_err() {
        return Err(Error::new(format!("there is no {}", single.path.display())));
    }
    let source = Source::named(&single.identity.name, &single.path);
    let read = submission(source, &policy, single.seed, &Wanted::of(&labs));
    let committed = single.identity.handed_in.or(read.committed);
    let submissions = [Submission { committed, ..read }];
    let folder = tempfile::tempdir().map_err(|error| Error::new(format!("cannot create a folder: {error}")))?;
    let store = Store::open(folder.path())?;
    let how = How { jobs: 1, on: &Computers::This, walls: single.walls, again: &[] };
    let (reports, _) = graded(&how, engine, &submissions, &labs, &store, progress)?;
    let facts = facts(&submissions, &labs, &reports);
    let with = GradedWith {
        emulator: engine.emulator.version().to_owned(),
        toolchain: engine.site.toolchain.version.clone(),
        seed: single.seed,
    };
    let sheet = Sheet::new(&policy, &labs, with, &facts);
    let Some(student) = sheet.students.first() else { return Err(Error::new("nothing was graded")) };
    if student.status == Standing::NotGraded {
        return Err(Error::new(student.message.clone().unwrap_or_else(|| "it could not be graded".to_owned())));
    }
    match (single.output, assignment) {
        (Output::Gradescope, _) => Ok(gradescope::results(&sheet, student)),
        (Output::Autolab, _) => Ok(autolab::line(&sheet, student)),
        (Output::Html, _) => Ok(html::of_student(&sheet, student)),
        (Output::Classroom50, assignment) => {
            let assignment = assignment.ok_or_else(|| Error::new("it is unknown which assignment this is"))?;
            let at = committed.ok_or_else(|| {
                Error::new("it is unknown when this was committed")
                    .advise("name the student's checkout, with its `.git`")
            })?;
            classroom50::result(&sheet, student, &assignment, at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradescope_says_whose_it_is_and_when_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("submission_metadata.json");
        // The fields that Gradescope documents, as its page shows them.
        let text = r#"{
            "id": 123456, "created_at": "2018-07-01T14:22:32.365935-07:00",
            "assignment": { "due_date": "2018-07-31T23:00:00.000000-07:00", "id": 25828, "total_points": "20.0" },
            "submission_method": "upload",
            "users": [{ "email": "student@example.com", "id": 1234, "name": "Student User" }, { "email": "", "id": 7 }],
            "previous_submissions": []
        }"#;
        fs::write(&file, text).unwrap();
        let identity = Identity::of_metadata(&file).unwrap();
        assert_eq!(identity.name, "7, student@example.com");
        assert_eq!(identity.handed_in, Some("2018-07-01T21:22:32.365935Z".parse().unwrap()));
        fs::write(&file, "{}").unwrap();
        assert!(Identity::of_metadata(&file).unwrap_err().to_string().contains("is not Gradescope's"));
    }
}
