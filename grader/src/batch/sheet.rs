//! A class's results under the teacher's policy: the source of every report for people and for other
//! programs.

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::course::lab_toml::Check;
use crate::course::workspace::Lab;
use crate::judge::Status;

use super::gather::Files;
use super::policy::{Lateness, Mark, Policy, Show};
use super::row::{LabRow, Row, Standing};
use super::work::hash;

/// All facts about one submission, before any policy: `submissions/NAME.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Its row.
    #[serde(flatten)]
    pub row: Row,
    /// The labs' reports, as the grader's JSON has them.
    pub reports: Vec<Value>,
    /// How many milliseconds grading took, by lab.
    #[serde(default)]
    pub took_ms: BTreeMap<String, u64>,
}

/// The tools that a class was graded with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GradedWith {
    /// The emulator and its version.
    pub emulator: String,
    /// The compiler and its version.
    pub toolchain: String,
    /// The seed of students who have none of their own.
    pub seed: u64,
}

/// A class's results.
#[derive(Debug)]
pub struct Sheet {
    /// The course's title.
    pub title: String,
    /// What students see.
    pub show: Show,
    /// The labs that count.
    pub labs: Vec<LabHead>,
    /// The points that they are worth together.
    pub worth: Mark,
    /// The submissions, by their names.
    pub students: Vec<Student>,
    /// The tools that they were graded with.
    pub with: GradedWith,
    /// What a teacher should know about the policy.
    pub notes: Vec<String>,
}

/// A lab of the course.
#[derive(Debug)]
pub struct LabHead {
    /// The lab's folder, such as `01-pmm`.
    pub id: String,
    /// The title, such as `Frames`.
    pub title: String,
    /// The points that it is worth.
    pub worth: Mark,
    /// The deadline.
    pub deadline: Option<Timestamp>,
}

impl LabHead {
    /// The lab's number as people write it: `01`.
    pub fn number(&self) -> &str {
        self.id.split('-').next().unwrap_or(&self.id)
    }
}

/// A submission.
#[derive(Debug)]
pub struct Student {
    /// Its name.
    pub name: String,
    /// Its key: the name of its files.
    pub key: String,
    /// The outcome.
    pub status: Standing,
    /// Why, unless it was graded.
    pub message: Option<String>,
    /// The points under the policy.
    pub mark: Mark,
    /// The seed of its random numbers.
    pub seed: u64,
    /// Its labs, as in [`Sheet::labs`].
    pub labs: Vec<LabResult>,
}

/// A lab of a submission.
#[derive(Debug)]
pub struct LabResult {
    /// The outcome.
    pub status: Standing,
    /// Why, unless it was graded.
    pub message: Option<String>,
    /// The points from the checks.
    pub score: u64,
    /// The points that the checks can give.
    pub max_score: u64,
    /// The points under the policy's weights, before the deduction for lateness.
    pub raw: Mark,
    /// The points under the policy.
    pub mark: Mark,
    /// When it was handed in.
    pub handed_in: Option<Timestamp>,
    /// Whether it was in time.
    pub lateness: Lateness,
    /// Other submissions with exactly the same files.
    pub same_files: Vec<String>,
    /// Whether the files are the skeleton's: nothing was written.
    pub is_untouched: bool,
    /// The compiler's errors if it does not build, or the refused code.
    pub build_error: Option<String>,
    /// How many milliseconds grading took.
    pub took_ms: u64,
    /// Its checks, in the lab's order; none if it was not graded.
    pub checks: Vec<CheckResult>,
}

/// A check of a submission.
#[derive(Debug)]
pub struct CheckResult {
    /// The name.
    pub id: String,
    /// How it ended.
    pub status: Status,
    /// Its points.
    pub points: u64,
    /// The points that it can give.
    pub max_points: u64,
    /// The verdict in a sentence.
    pub message: String,
    /// The rule of the contract.
    pub rule: String,
    /// All hints.
    pub hints: Vec<String>,
    /// Further circumstances.
    pub context: Vec<String>,
    /// The file and line of its crash.
    pub location: Option<String>,
    /// The log of the student's code.
    pub log: Vec<String>,
    /// Whether it is hidden from students.
    pub is_hidden: bool,
}

impl Sheet {
    /// Applies a policy to the facts. Each comes with its file's name.
    pub fn new(policy: &Policy, labs: &[&Lab], with: GradedWith, facts: &[(String, Facts)]) -> Self {
        let heads: Vec<LabHead> = labs
            .iter()
            .map(|lab| LabHead {
                id: lab.id.clone(),
                title: lab.toml.title.clone(),
                worth: policy.worth(lab),
                deadline: policy.deadline(&lab.id),
            })
            .collect();
        let students: Vec<Student> =
            facts.iter().map(|(key, facts)| student(policy, labs, &with, key, facts)).collect();
        let names = students.iter().map(|student| student.name.as_str()).collect();
        let unknown: Vec<String> = policy.unknown_in_times(&names).iter().map(|name| format!("`{name}`")).collect();
        // In one line: the file may be that of several groups.
        let notes = match &unknown[..] {
            [] => Vec::new(),
            names => vec![format!("the file of times names what was not handed in: {}", names.join(", "))],
        };
        Self {
            title: policy.title().to_owned(),
            show: policy.show(),
            worth: heads.iter().map(|lab| lab.worth).sum(),
            labs: heads,
            students,
            with,
            notes,
        }
    }

    /// The results of one submission's lab.
    pub fn of_lab(&self, number: usize) -> impl Iterator<Item = (&Student, &LabResult)> {
        self.students.iter().filter_map(move |student| Some((student, student.labs.get(number)?)))
    }
}

fn student(policy: &Policy, labs: &[&Lab], with: &GradedWith, key: &str, facts: &Facts) -> Student {
    let row = &facts.row;
    let results: Vec<LabResult> = labs.iter().map(|lab| lab_result(policy, lab, facts)).collect();
    Student {
        name: row.name.clone(),
        key: key.to_owned(),
        status: row.status,
        message: row.message.clone(),
        mark: results.iter().map(|lab| lab.mark).sum(),
        seed: row.seed.unwrap_or(with.seed),
        labs: results,
    }
}

fn lab_result(policy: &Policy, lab: &Lab, facts: &Facts) -> LabResult {
    let row = facts.row.labs.iter().find(|row| row.id == lab.id).cloned();
    let LabRow { status, message, score, max_score, same_files, hash, .. } =
        row.unwrap_or_else(|| LabRow::without(lab, Standing::Empty, None));
    let report = facts.reports.iter().find(|report| report["id"] == lab.id.as_str());
    let worth = policy.worth(lab);
    let raw = Mark::share(score, max_score, worth);
    let was_handed_in = report.is_some();
    let handed_in = policy.handed_in(&facts.row.name, &lab.id, facts.row.committed).filter(|_| was_handed_in);
    let lateness = if was_handed_in { policy.lateness(&lab.id, handed_in) } else { Lateness::InTime };
    let checks = report.and_then(|report| report["checks"].as_array()).map(Vec::as_slice).unwrap_or_default();
    LabResult {
        status,
        message,
        score,
        max_score,
        raw,
        mark: raw.percent(lateness.kept()),
        handed_in,
        lateness,
        same_files,
        is_untouched: hash.is_some() && hash == own_hash(lab),
        build_error: report.and_then(|report| text(&report["build_error"])),
        took_ms: facts.took_ms.get(&lab.id).copied().unwrap_or_default(),
        checks: checks.iter().map(|check| check_result(policy, lab, check)).collect(),
    }
}

/// BLAKE3 of the skeleton's files, computed like that of a submission's.
fn own_hash(lab: &Lab) -> Option<String> {
    let read = |(name, file): (String, &String)| Some((name, fs::read(lab.folder.join(file)).ok()?));
    let files: Option<Files> = lab.files().into_iter().zip(&lab.toml.files).map(read).collect();
    Some(hash(&files?))
}

fn check_result(policy: &Policy, lab: &Lab, report: &Value) -> CheckResult {
    let id = text(&report["id"]).unwrap_or_default();
    let known = lab.toml.checks.iter().find(|check| check.name == id);
    let hints = |check: &Check| check.tiers(&lab.toml.package);
    let location = &report["crash"]["location"];
    CheckResult {
        // The status is one that this grader wrote, so it knows it.
        status: text(&report["status"]).and_then(|id| Status::of_id(&id)).unwrap_or(Status::Tampered),
        points: report["points"].as_u64().unwrap_or_default(),
        max_points: report["max_points"].as_u64().unwrap_or_default(),
        message: text(&report["message"]).unwrap_or_default(),
        rule: text(&report["rule"]).unwrap_or_default(),
        hints: known.map(hints).or_else(|| Some(vec![text(&report["hint"])?])).unwrap_or_default(),
        context: texts(&report["context"]),
        location: text(&location["file"]).map(|file| format!("{file}:{}", location["line"])),
        log: texts(&report["log"]),
        is_hidden: policy.is_hidden(&id),
        id,
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(text).collect()
}

/// A class for tests: alice, who has most of lab 01, bob, whose lab 01 does not build, carol, who handed in nothing,
/// and mallory, whose name and messages are made to do harm.
#[cfg(test)]
pub mod samples {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::batch::gather::Trouble;
    use crate::batch::policy;
    use crate::course::workspace::Workspace;

    /// A name and a message that no page may interpret.
    pub const HOSTILE: &str = "<script>alert(1)</script>\u{202E}\u{1b}[2J\" onload='x' &amp; ]]>";

    /// The tools of the samples.
    pub fn with() -> GradedWith {
        GradedWith { emulator: "QEMU 7.2".to_owned(), toolchain: "rustc 1.95".to_owned(), seed: 1 }
    }

    fn report(lab: &Lab, passes: impl Fn(usize) -> bool, message: &str) -> Value {
        let checks: Vec<Value> = lab
            .toml
            .checks
            .iter()
            .enumerate()
            .map(|(number, check)| {
                let status = if passes(number) { "passed" } else { "failed" };
                json!({
                    "id": check.name, "status": status, "max_points": check.points,
                    "points": if passes(number) { check.points } else { 0 },
                    "message": message, "rule": check.rule, "hint": check.hint,
                    "expected": "frame 7", "saw": message, "log": [format!("log of {message}")],
                    "crash": { "location": { "file": "labs/01-pmm/src/bitmap.rs", "line": 70 + number } },
                })
            })
            .collect();
        let score: u64 = checks.iter().filter_map(|check| check["points"].as_u64()).sum();
        json!({ "id": lab.id, "score": score, "checks": checks })
    }

    /// The facts about it.
    pub fn facts(labs: &[&Lab]) -> Vec<(String, Facts)> {
        let graded = |key: &str, name: &str, report: Value| {
            let rows = labs.iter().map(|lab| match report["id"] == lab.id.as_str() {
                true => LabRow::graded(lab, "00ff", &report),
                false => LabRow::without(lab, Standing::Empty, None),
            });
            let row = Row::of(name, rows.collect());
            let took_ms = BTreeMap::from([(labs[0].id.clone(), 1500 * name.len() as u64)]);
            (key.to_owned(), Facts { row, reports: vec![report], took_ms })
        };
        let mut broken = report(labs[0], |_| false, "it does not compile");
        broken["build_error"] = json!("error[E0425]: cannot find value `frame` in this scope");
        for check in broken["checks"].as_array_mut().expect("it has checks") {
            check["status"] = json!("could_not_build");
        }
        let mut alice =
            graded("alice", "alice", report(labs[0], |number| number % 4 != 1, "frame 7 is handed out twice"));
        alice.1.row.committed = Some("2026-10-14T00:00:00Z".parse().expect("a time"));
        let none = Trouble::Empty("has none of the labs' files".to_owned());
        let row = Row::without("carol", &none, labs);
        let carol = ("carol".to_owned(), Facts { row, reports: Vec::new(), took_ms: BTreeMap::new() });
        let mallory = graded("%3cscript%3e", HOSTILE, report(labs[0], |number| number == 0, HOSTILE));
        let mut facts = vec![alice, graded("bob", "bob", broken), carol, mallory];
        let mut rows: Vec<Row> = facts.iter().map(|(_, facts)| facts.row.clone()).collect();
        crate::batch::row::note_same_files(&mut rows);
        for (facts, row) in facts.iter_mut().zip(rows) {
            facts.1.row = row;
        }
        facts
    }

    /// The class under the policy that a text describes.
    pub fn sheet(text: &str) -> Sheet {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the grader lies in the course");
        let workspace = Workspace::open(root).expect("the course can be read");
        let policy = policy::for_tests(text);
        let labs = workspace.select(&["01".to_owned(), "02".to_owned()]).expect("the labs are there");
        Sheet::new(&policy, &labs, with(), &facts(&labs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_weighed_and_what_is_late_loses_some() {
        let plain = samples::sheet("");
        let alice = &plain.students[0];
        assert_eq!(alice.mark, Mark::whole(alice.labs[0].score));
        assert_eq!(plain.worth, Mark::whole(200));
        let policy = "[late]\nper_day = 10\n[[lab]]\nlab = \"01\"\npoints = 20\ndeadline = 2026-10-12T23:59:59Z\n";
        let sheet = samples::sheet(policy);
        let lab = &sheet.students[0].labs[0];
        assert_eq!(lab.raw, Mark::share(lab.score, 100, Mark::whole(20)));
        assert_eq!(lab.mark, lab.raw.percent(80));
        assert_eq!(sheet.students[1].labs[0].lateness, Lateness::Unknown);
        assert_eq!(sheet.students[2].labs[0].lateness, Lateness::InTime, "nothing was handed in");
    }

    #[test]
    fn who_has_written_nothing_is_known() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = crate::course::workspace::Workspace::open(root).unwrap();
        let labs = workspace.select(&["01".to_owned()]).unwrap();
        let mut facts = samples::facts(&labs);
        facts[0].1.row.labs[0].hash = own_hash(labs[0]);
        let sheet = Sheet::new(&Policy::default(), &labs, samples::with(), &facts);
        let untouched: Vec<bool> = sheet.of_lab(0).map(|(_, lab)| lab.is_untouched).collect();
        assert_eq!(untouched, [true, false, false, false]);
    }

    #[test]
    fn what_the_grader_said_is_taken_over() {
        let sheet = samples::sheet("hidden = [\"managed-count\"]");
        let [alice, bob, carol, _] = &sheet.students[..] else { panic!("{sheet:?}") };
        let check = &alice.labs[0].checks[1];
        assert_eq!(
            (check.status, check.points, check.location.as_deref()),
            (Status::Failed, 0, Some("labs/01-pmm/src/bitmap.rs:71"))
        );
        assert!(check.hints.len() > 1 && !check.is_hidden);
        assert!(alice.labs[0].checks.iter().any(|check| check.is_hidden));
        assert!(bob.labs[0].build_error.as_deref().unwrap().contains("E0425"));
        assert_eq!((bob.status, carol.status), (Standing::CouldNotBuild, Standing::Empty));
        assert!(carol.labs[0].checks.is_empty());
    }
}
