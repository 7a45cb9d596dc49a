//! The last result of each of a student's checks, in a file in the target folder: `watch` begins with it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::course::workspace::Lab;
use crate::host::kept;
use crate::judge::results::{Graded, Run};
use crate::report::{LabBrief, Standing};

/// Keeps the results of a student's labs after a run that `watch` did not start.
///
/// A file that cannot be written is no reason not to report the run: then the results are not kept.
pub fn remember(run: &Run, file: &Path) {
    let mut standings = Kept::load(file);
    standings.note_run(run);
    let _ = standings.save(file);
}

/// The last result of each check.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    /// By the lab's id, then by the check's name.
    labs: BTreeMap<String, BTreeMap<String, Standing>>,
    /// By the lab's id: the check to look at first.
    first: BTreeMap<String, String>,
}

impl Kept {
    /// Reads a file. If it does not exist or is damaged, there are no results.
    pub fn load(file: &Path) -> Self {
        kept::load(file)
    }

    /// Writes a file completely or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        kept::save(self, file)
    }

    /// The last result of a check.
    pub fn standing(&self, lab: &str, check: &str) -> Option<Standing> {
        self.labs.get(lab)?.get(check).copied()
    }

    /// The check of a lab to look at first.
    pub fn first(&self, lab: &str) -> Option<&str> {
        self.first.get(lab).map(String::as_str)
    }

    /// Keeps the results of a lab's checks. A lab that was not built has none.
    pub fn note(&mut self, lab: &LabBrief) {
        if !lab.is_built {
            return;
        }
        let standings = self.labs.entry(lab.id.clone()).or_default();
        standings.extend(lab.checks.iter().map(|check| (check.name.clone(), check.standing)));
        match &lab.first {
            Some(first) => self.first.insert(lab.id.clone(), first.clone()),
            None => self.first.remove(&lab.id),
        };
    }

    /// Keeps the results of a run, which may have only some of a lab's checks.
    fn note_run(&mut self, run: &Run) {
        for lab in run.labs.iter().filter(|lab| lab.graded == Graded::Student && lab.build_error.is_none()) {
            let standings = self.labs.entry(lab.id.clone()).or_default();
            standings.extend(lab.checks.iter().map(|check| (check.name.clone(), Standing::of(check.status))));
        }
    }

    /// The points of a lab.
    pub fn points(&self, lab: &Lab) -> u32 {
        let has_passed = |name: &str| self.standing(&lab.id, name) == Some(Standing::Passed);
        lab.toml.checks.iter().filter(|check| has_passed(&check.name)).map(|check| check.points).sum()
    }

    /// Whether all checks of a lab passed.
    pub fn is_done(&self, lab: &Lab) -> bool {
        lab.toml.checks.iter().all(|check| self.standing(&lab.id, &check.name) == Some(Standing::Passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::judge::{Status, samples};
    use crate::report::CheckBrief;

    fn brief(standing: Standing, is_built: bool) -> LabBrief {
        let check = CheckBrief { name: "never-twice".to_owned(), standing, words: String::new() };
        let first = (standing != Standing::Passed).then(|| check.name.clone());
        LabBrief { id: "01-pmm".to_owned(), is_built, checks: vec![check], first, text: String::new() }
    }

    #[test]
    fn a_run_besides_counts_unless_it_was_of_references_or_did_not_build() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernel/desk.json");
        let mut run = samples::run();
        let lab = run.labs[0].id.clone();
        let passed = run.labs[0].checks[0].name.clone();
        for graded in [Graded::Solution, Graded::Student] {
            run.labs[0].graded = graded;
            remember(&run, &file);
            let is_known = Kept::load(&file).standing(&lab, &passed) == Some(Standing::Passed);
            assert_eq!(is_known, graded == Graded::Student);
        }
        run.labs[0].build_error = Some("error".to_owned());
        run.labs[0].checks[0].status = Status::CouldNotBuild;
        remember(&run, &file);
        assert_eq!(Kept::load(&file).standing(&lab, &passed), Some(Standing::Passed));
    }

    #[test]
    fn what_is_kept_is_there_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernel/desk.json");
        assert_eq!(Kept::load(&file), Kept::default());
        let mut kept = Kept::default();
        kept.note(&brief(Standing::Wrong, true));
        kept.save(&file).unwrap();
        kept.save(&file).unwrap();
        assert_eq!(Kept::load(&file), kept);
        assert_eq!(kept.first("01-pmm"), Some("never-twice"));
        fs::write(&file, "{ damaged").unwrap();
        assert_eq!(Kept::load(&file), Kept::default());
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_lab_that_is_not_built_changes_nothing() {
        let mut kept = Kept::default();
        kept.note(&brief(Standing::Passed, true));
        assert_eq!(kept.first("01-pmm"), None);
        kept.note(&brief(Standing::Wrong, false));
        assert_eq!(kept.standing("01-pmm", "never-twice"), Some(Standing::Passed));
    }
}
