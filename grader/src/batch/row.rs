//! The results of each submission: a row of the tables, and a file of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::course::workspace::Lab;

use super::gather::Trouble;

/// The outcome of a submission, or of one of its labs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was graded.
    Graded,
    /// It does not compile. A submission: none of its labs does.
    CouldNotBuild,
    /// It is made to do harm.
    Hostile,
    /// Nothing was handed in.
    Empty,
    /// It cannot be read.
    Unreadable,
    /// The grader could not do its work; `--resume` tries again.
    NotGraded,
}

impl Standing {
    /// All outcomes, in the order in which reports list them.
    pub const ALL: [Self; 6] =
        [Self::Graded, Self::CouldNotBuild, Self::Hostile, Self::Empty, Self::Unreadable, Self::NotGraded];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Graded => "graded",
            Self::CouldNotBuild => "could not build",
            Self::Hostile => "hostile",
            Self::Empty => "empty",
            Self::Unreadable => "unreadable",
            Self::NotGraded => "not graded",
        }
    }
}

/// The results of a submission.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The outcome.
    pub status: Standing,
    /// Why, unless it was graded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The time of its commit, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub committed: Option<Timestamp>,
    /// Its own seed, if every student has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// The points of all labs.
    pub score: u64,
    /// The points that can be had.
    pub max_score: u64,
    /// Its labs, in the course's order.
    pub labs: Vec<LabRow>,
}

/// The results of a lab of a submission.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LabRow {
    /// The lab's folder, such as `01-pmm`.
    pub id: String,
    /// The outcome.
    pub status: Standing,
    /// Why, unless it was graded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its points.
    pub score: u64,
    /// The points that can be had.
    pub max_score: u64,
    /// BLAKE3 of the files that were graded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Other submissions with exactly the same files: they were graded together.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub same_files: Vec<String>,
}

impl LabRow {
    /// A lab that was not graded.
    pub fn without(lab: &Lab, status: Standing, message: Option<String>) -> Self {
        let max_score = lab.toml.checks.iter().map(|check| u64::from(check.points)).sum();
        Self { id: lab.id.clone(), status, message, score: 0, max_score, hash: None, same_files: Vec::new() }
    }

    /// A lab that was graded: `report` is its part of the grader's JSON.
    pub fn graded(lab: &Lab, hash: &str, report: &Value) -> Self {
        let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is = |status: &str| checks.iter().find(|check| check["status"] == status);
        let (status, deciding) = if let Some(check) = is("tampered") {
            (Standing::Hostile, Some(check))
        } else if report["build_error"].is_string() {
            (Standing::CouldNotBuild, checks.first())
        } else {
            (Standing::Graded, None)
        };
        let message = deciding.and_then(|check| check["message"].as_str()).map(str::to_owned);
        let score = report["score"].as_u64().unwrap_or_default();
        Self { score, hash: Some(hash.to_owned()), ..Self::without(lab, status, message) }
    }
}

impl Row {
    /// A submission that was not graded at all.
    pub fn without(name: &str, trouble: &Trouble, labs: &[&Lab]) -> Self {
        let (status, message) = match trouble {
            Trouble::Hostile(message) => (Standing::Hostile, message),
            Trouble::Unreadable(message) => (Standing::Unreadable, message),
            Trouble::Empty(message) => (Standing::Empty, message),
        };
        let labs: Vec<LabRow> = labs.iter().map(|lab| LabRow::without(lab, status, None)).collect();
        Self { status, message: Some(message.clone()), ..Self::of(name, labs) }
    }

    /// A submission with these labs.
    pub fn of(name: &str, labs: Vec<LabRow>) -> Self {
        let deciding = |status| labs.iter().find(|lab| lab.status == status);
        let (status, lab) = [Standing::NotGraded, Standing::Hostile, Standing::Graded, Standing::CouldNotBuild]
            .into_iter()
            .find_map(|status| deciding(status).map(|lab| (status, Some(lab))))
            .unwrap_or((Standing::Empty, None));
        let message = lab.and_then(|lab| Some(format!("{}: {}", lab.id, lab.message.as_ref()?)));
        Self {
            name: name.to_owned(),
            status,
            message,
            committed: None,
            seed: None,
            score: labs.iter().map(|lab| lab.score).sum(),
            max_score: labs.iter().map(|lab| lab.max_score).sum(),
            labs,
        }
    }
}

/// Adds to each row the names of other submissions with exactly the same files.
pub fn note_same_files(rows: &mut [Row]) {
    let mut having: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in &*rows {
        for lab in &row.labs {
            if let Some(hash) = &lab.hash {
                having.entry((lab.id.clone(), hash.clone())).or_default().push(row.name.clone());
            }
        }
    }
    for row in rows {
        let name = &row.name;
        for lab in &mut row.labs {
            let same = lab.hash.clone().and_then(|hash| having.get(&(lab.id.clone(), hash)));
            lab.same_files = same.into_iter().flatten().filter(|other| *other != name).cloned().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(id: &str, status: Standing, score: u64) -> LabRow {
        let message = (status != Standing::Graded).then(|| "why".to_owned());
        LabRow {
            id: id.to_owned(),
            status,
            message,
            score,
            max_score: 100,
            hash: Some(id.to_owned()),
            same_files: vec![],
        }
    }

    #[test]
    fn a_submission_is_what_its_labs_are() {
        for (labs, status, message) in [
            (&[Standing::Graded, Standing::CouldNotBuild][..], Standing::Graded, None),
            (&[Standing::Empty, Standing::CouldNotBuild], Standing::CouldNotBuild, Some("1: why")),
            (&[Standing::Graded, Standing::Hostile], Standing::Hostile, Some("1: why")),
            (&[Standing::NotGraded, Standing::Graded], Standing::NotGraded, Some("0: why")),
            (&[Standing::Empty, Standing::Empty], Standing::Empty, None),
        ] {
            let labs = labs.iter().enumerate().map(|(at, status)| lab(&at.to_string(), *status, 10)).collect();
            let row = Row::of("alice", labs);
            assert_eq!((row.status, row.message.as_deref()), (status, message));
            assert_eq!((row.score, row.max_score), (20, 200));
        }
    }

    #[test]
    fn who_has_the_same_files_is_named() {
        let mut rows: Vec<Row> = ["a", "b", "c"].map(|name| Row::of(name, vec![lab("01", Standing::Graded, 1)])).into();
        rows[1].labs[0].hash = Some("other".to_owned());
        note_same_files(&mut rows);
        assert_eq!(rows.iter().map(|row| row.labs[0].same_files.join(" ")).collect::<Vec<_>>(), ["c", "", "a"]);
    }
}
