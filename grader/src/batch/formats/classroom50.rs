//! Classroom 50's `result.json`:
//! <https://github.com/foundation50/classroom50/wiki/Advanced-Autograding#the-resultjson-contract>.
//!
//! Its runner names the submission in environment variables. It adds `owner` and `assignment_type`
//! itself.

use std::env;

use jiff::Timestamp;
use serde::Serialize;

use crate::batch::policy::Mark;
use crate::batch::sheet::{Sheet, Student};
use crate::batch::store::json;
use crate::host::error::{Error, Result};

use super::{Ending, all_lines};

/// Which submission of which assignment the result is for.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    classroom: String,
    assignment: String,
    submission: String,
    commit: String,
    release: String,
    review: String,
}

impl Identity {
    /// Reads the runner's variables.
    ///
    /// # Errors
    /// If one of them is not set.
    pub fn from_environment() -> Result<Self> {
        let variable = |name: &str| {
            env::var(name).ok().filter(|value| !value.is_empty()).ok_or_else(|| {
                Error::new(format!("{name} is not set"))
                    .advise("Classroom 50's runner sets it: run this in its autograder")
            })
        };
        let commit = variable("COMMIT_URL")?;
        Ok(Self {
            classroom: variable("CLASSROOM")?,
            assignment: variable("ASSIGNMENT")?,
            submission: variable("SUBMISSION_TAG")?,
            release: variable("RELEASE_URL")?,
            review: variable("REVIEW_URL").unwrap_or_else(|_| commit.clone()),
            commit,
        })
    }
}

#[derive(Serialize)]
struct ResultFile<'a> {
    schema: &'static str,
    #[serde(flatten)]
    identity: &'a Identity,
    datetime: String,
    score: u64,
    #[serde(rename = "max-score")]
    max_score: u64,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    #[serde(rename = "test-name")]
    name: String,
    passed: bool,
    score: u64,
    #[serde(rename = "max-score")]
    max_score: u64,
    output: String,
}

/// A student's file. Scores are whole numbers in this format, and are the sums of the tests': Classroom 50 has its own
/// rules for late submissions, and hidden checks are left out.
///
/// # Errors
/// If a policy gives fractions of points, which the format does not have.
pub fn result(sheet: &Sheet, student: &Student, identity: &Identity, at: Timestamp) -> Result<String> {
    let mut tests = Vec::new();
    for (lab, lines) in all_lines(sheet, student) {
        for line in lines.into_iter().filter(|line| !line.is_hidden) {
            tests.push(Test {
                name: format!("{}/{}", lab.id, line.name),
                passed: matches!(line.ending, Ending::Passed | Ending::Skipped),
                score: whole(line.score)?,
                max_score: whole(line.max)?,
                output: line.text,
            });
        }
    }
    Ok(json(&ResultFile {
        schema: "classroom50/result/v1",
        identity,
        datetime: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        score: tests.iter().map(|test| test.score).sum(),
        max_score: tests.iter().map(|test| test.max_score).sum(),
        tests,
    }))
}

fn whole(mark: Mark) -> Result<u64> {
    mark.as_whole().ok_or_else(|| {
        Error::new(format!("a check counts {mark} points, and Classroom 50 has whole points only"))
            .advise("leave out `points` in course.toml, so that checks count what they count in the course")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::batch::sheet::samples::sheet;

    fn identity() -> Identity {
        let text = |text: &str| text.to_owned();
        Identity {
            classroom: text("os"),
            assignment: text("frames"),
            submission: text("submit/2026-06-01T14-32-05Z-a1b2c3d"),
            commit: text("https://example.org/commit/1"),
            release: text("https://example.org/release/1"),
            review: text("https://example.org/compare/0...1"),
        }
    }

    #[test]
    fn the_file_keeps_the_published_contract() {
        let sheet = sheet("hidden = [\"managed-count\"]");
        let at = "2026-06-01T14:32:01Z";
        let text = result(&sheet, &sheet.students[0], &identity(), at.parse().unwrap()).unwrap();
        let result: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result["schema"], "classroom50/result/v1");
        assert_eq!(result["datetime"], at);
        // Written by hand from the page above, without the fields that the runner adds.
        for field in ["classroom", "assignment", "submission", "commit", "release", "review"] {
            assert!(result[field].is_string(), "{field}");
        }
        let tests = result["tests"].as_array().unwrap();
        let sum = |field: &str| tests.iter().map(|test| test[field].as_u64().unwrap()).sum::<u64>();
        assert_eq!(result["score"].as_u64(), Some(sum("score")));
        assert_eq!(result["max-score"].as_u64(), Some(sum("max-score")));
        for test in tests {
            assert!(test["test-name"].is_string() && test["passed"].is_boolean(), "{test}");
            assert_ne!(test["test-name"], "01-pmm/managed-count");
        }
    }

    #[test]
    fn fractions_of_points_are_refused() {
        let sheet = sheet("[[lab]]\nlab = \"01\"\npoints = 33.33\n");
        let refused = result(&sheet, &sheet.students[0], &identity(), Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(refused.to_string().contains("whole points only"));
    }
}
