//! The teacher's decisions about a class, from `course.toml`: which labs count and for how much, the deadlines, what
//! students see, and the seed of each student.

mod late;
mod mark;
mod parse;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jiff::Timestamp;

use crate::course::workspace::{Lab, POLICY, Workspace};
use crate::host::error::{Error, Result};

pub use late::{LateRule, Lateness};
pub use mark::Mark;
pub use times::Times;

/// A teacher's decisions about a class.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Policy {
    /// The course's title.
    title: Option<String>,
    /// The secret from which each student's seed is derived.
    secret: Option<String>,
    /// The labs that count, by their folders' names. If there are none, all labs count, with the points of their checks.
    labs: BTreeMap<String, LabPolicy>,
    /// The checks that are hidden from students.
    hidden: BTreeSet<String>,
    /// What students see.
    show: Show,
    /// When submissions were handed in, if a file says so.
    times: Times,
    /// That file's path, relative to the policy's.
    times_name: Option<String>,
}

/// The decisions about a lab.
#[derive(Clone, PartialEq, Debug)]
struct LabPolicy {
    worth: Mark,
    deadline: Option<Timestamp>,
    late: LateRule,
}

/// What students see of their results, besides points and verdicts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Show {
    /// The expected and the seen value of a check.
    pub messages: bool,
    /// How many hints of a check.
    pub hints: usize,
    /// The log of their code.
    pub log: bool,
    /// The compiler's errors.
    pub compiler: bool,
    /// The seed of their random numbers.
    pub seed: bool,
}

impl Default for Show {
    fn default() -> Self {
        Self { messages: true, hints: 1, log: false, compiler: true, seed: true }
    }
}

impl Policy {
    /// The policy in a named file, or else in the course's own `course.toml`, or else one that changes nothing.
    ///
    /// # Errors
    /// `file:line: what is wrong, what to do`, or that the file cannot be read.
    pub fn find(named: Option<&Path>, workspace: &Workspace) -> Result<Self> {
        let own = workspace.root.join(POLICY);
        match named {
            Some(file) => Self::read(file, workspace),
            None if own.is_file() => Self::read(&own, workspace),
            None => Ok(Self::default()),
        }
    }

    /// The policy's files, as [`find`](Self::find) finds them, by their names.
    ///
    /// # Errors
    /// If one cannot be read, or the file of times is not beside the policy.
    pub fn files(named: Option<&Path>, workspace: &Workspace) -> Result<Vec<(String, Vec<u8>)>> {
        let own = workspace.root.join(POLICY);
        let file = match named {
            Some(file) => file,
            None if own.is_file() => &own,
            None => return Ok(Vec::new()),
        };
        let read = |file: &Path| fs::read(file).map_err(|error| Error::io("cannot read", file, &error));
        let mut files = vec![(POLICY.to_owned(), read(file)?)];
        if let Some(name) = Self::read(file, workspace)?.times_name {
            if name.contains('/') || name == POLICY {
                return Err(Error::new(format!("the file of times, {name}, is not beside {}", file.display()))
                    .advise("put it there, and name it without a folder"));
            }
            files.push((name.clone(), read(&file.with_file_name(&name))?));
        }
        Ok(files)
    }

    fn read(file: &Path, workspace: &Workspace) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|error| Error::io("cannot read", file, &error))?;
        parse::parse(&text, file, workspace)
    }

    /// The course's title.
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or("Folio")
    }

    /// What students see.
    pub fn show(&self) -> Show {
        self.show
    }

    /// The labs to grade: the named ones, or else all that count.
    ///
    /// # Errors
    /// If a named lab does not exist, or does not count.
    pub fn labs<'a>(&self, workspace: &'a Workspace, names: &[String]) -> Result<Vec<&'a Lab>> {
        let named = workspace.select(names)?;
        if let (false, Some(lab)) = (names.is_empty(), named.iter().find(|lab| !self.counts(lab))) {
            return Err(Error::new(format!("{} does not count in this course", lab.id))
                .advise(format!("give it a [[lab]] in {POLICY}, or do not name it")));
        }
        Ok(named.into_iter().filter(|lab| self.counts(lab)).collect())
    }

    /// Whether all labs count, since the policy names none.
    pub fn counts_all(&self) -> bool {
        self.labs.is_empty()
    }

    fn counts(&self, lab: &Lab) -> bool {
        self.counts_all() || self.labs.contains_key(&lab.id)
    }

    /// How many points a lab is worth.
    pub fn worth(&self, lab: &Lab) -> Mark {
        let own = || Mark::whole(lab.toml.checks.iter().map(|check| u64::from(check.points)).sum());
        self.labs.get(&lab.id).map_or_else(own, |lab| lab.worth)
    }

    /// A lab's deadline.
    pub fn deadline(&self, lab: &str) -> Option<Timestamp> {
        self.labs.get(lab)?.deadline
    }

    /// How late a lab is that was handed in at `at`.
    pub fn lateness(&self, lab: &str, at: Option<Timestamp>) -> Lateness {
        match self.labs.get(lab) {
            Some(lab) => Lateness::of(&lab.late, lab.deadline, at),
            None => Lateness::InTime,
        }
    }

    /// When a submission's lab was handed in: by the file of times, or else as the submission itself says.
    pub fn handed_in(&self, submission: &str, lab: &str, known: Option<Timestamp>) -> Option<Timestamp> {
        self.times.of(submission, lab).or(known)
    }

    /// Submissions in the file of times that are not among these.
    pub fn unknown_in_times<'a>(&'a self, names: &BTreeSet<&str>) -> Vec<&'a str> {
        self.times.submissions().filter(|name| !names.contains(name)).collect()
    }

    /// Whether a check is hidden from students.
    pub fn is_hidden(&self, check: &str) -> bool {
        self.hidden.contains(check)
    }

    /// A submission's seed, if each student has a seed of their own.
    ///
    /// The first 8 bytes, little endian, of BLAKE3 in its mode for deriving keys: of the secret, a zero byte,
    /// and the submission's name.
    pub fn seed(&self, submission: &str) -> Option<u64> {
        let secret = self.secret.as_ref()?;
        let mut hasher = blake3::Hasher::new_derive_key("folio: the seed of a submission");
        hasher.update(secret.as_bytes()).update(&[0]).update(submission.as_bytes());
        let mut seed = [0; 8];
        hasher.finalize_xof().fill(&mut seed);
        Some(u64::from_le_bytes(seed))
    }
}

/// A policy for tests, from the text of its file.
#[cfg(test)]
pub fn for_tests(text: &str) -> Policy {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the grader lies in the course");
    let workspace = Workspace::open(root).expect("the course can be read");
    parse::parse(text, Path::new(POLICY), &workspace).expect("the policy can be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_student_has_a_seed_that_depends_on_the_secret_and_the_name() {
        let policy = |secret: &str| Policy { secret: Some(secret.to_owned()), ..Policy::default() };
        let (one, other) = (policy("a long class secret"), policy("another class secret"));
        let seeds = [one.seed("alice"), one.seed("bob"), other.seed("alice")];
        assert!(seeds[0] != seeds[1] && seeds[0] != seeds[2] && seeds[1] != seeds[2]);
        assert_eq!(one.seed("alice"), one.seed("alice"));
        assert_eq!(Policy::default().seed("alice"), None);
        // A seed must be the same in years to come.
        assert_eq!(one.seed("alice"), Some(SEED_OF_ALICE));
    }

    const SEED_OF_ALICE: u64 = 8_672_538_407_331_545_074;

    #[test]
    fn the_course_without_a_file_is_graded_as_it_is() {
        let policy = Policy::default();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = Workspace::open(root).unwrap();
        let labs = policy.labs(&workspace, &[]).unwrap();
        assert_eq!(labs.len(), workspace.labs.len());
        assert_eq!(policy.worth(labs[0]), Mark::whole(100));
        assert_eq!(policy.lateness("01-pmm", None), Lateness::InTime);
    }

    #[test]
    fn the_files_of_a_policy_can_be_taken_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = Workspace::open(root).unwrap();
        let file = folder.path().join("os.toml");
        fs::write(&file, "times = \"times.csv\"").unwrap();
        fs::write(folder.path().join("times.csv"), "submission,time\n").unwrap();
        let files = Policy::files(Some(&file), &workspace).unwrap();
        assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["course.toml", "times.csv"]);
        fs::create_dir(folder.path().join("x")).unwrap();
        fs::write(folder.path().join("x/times.csv"), "submission,time\n").unwrap();
        fs::write(&file, "times = \"x/times.csv\"").unwrap();
        assert!(Policy::files(Some(&file), &workspace).unwrap_err().to_string().contains("is not beside"));
    }

    #[test]
    fn only_what_counts_is_graded() {
        let policy = for_tests("[[lab]]\nlab = \"pmm\"\npoints = 20\n");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let workspace = Workspace::open(root).unwrap();
        let ids = |names: &[String]| {
            policy.labs(&workspace, names).map(|labs| labs.iter().map(|lab| lab.id.clone()).collect::<Vec<_>>())
        };
        assert_eq!(ids(&[]).unwrap(), ["01-pmm"]);
        assert_eq!(ids(&["01".to_owned()]).unwrap(), ["01-pmm"]);
        assert!(ids(&["02".to_owned()]).unwrap_err().to_string().contains("02-vmm does not count"));
    }
}
