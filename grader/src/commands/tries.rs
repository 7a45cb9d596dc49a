//! How often in a row a check ended the same way, from one run to the next: after several equal failures, the report
//! tells the student about other tools.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::host::kept;
use crate::judge::results::{CheckReport, Graded, Run};

/// By the check's name: how its last run ended, and how many runs in a row ended so.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Tries(BTreeMap<String, (String, u32)>);

/// Counts a run of a student's labs, and notes in each check how often it has ended this way.
///
/// A file that cannot be read counts as no earlier run; one that cannot be written is ignored.
pub fn count(run: &mut Run, file: &Path) {
    let mut tries: Tries = kept::load(file);
    for lab in run.labs.iter_mut().filter(|lab| lab.graded == Graded::Student && lab.build_error.is_none()) {
        for check in &mut lab.checks {
            check.times = tries.note(check);
        }
    }
    // A failure here must not keep the report from the student.
    let _ = kept::save(&tries, file);
}

impl Tries {
    /// Notes how a check ended, and returns how many runs in a row ended so.
    fn note(&mut self, check: &CheckReport) -> u32 {
        let ended = ended(check);
        match self.0.get_mut(&check.name) {
            Some((last, times)) if *last == ended => *times = times.saturating_add(1),
            _ => {
                self.0.insert(check.name.clone(), (ended, 1));
            }
        }
        self.0.get(&check.name).map_or(1, |(_, times)| *times)
    }
}

/// How a check ended, without the numbers: a failure at another address is the same failure.
fn ended(check: &CheckReport) -> String {
    let is_number = |word: &str| word.contains(|letter: char| letter.is_ascii_digit());
    let words = check.message.split_whitespace().filter(|word| !is_number(word));
    format!("{}: {}", check.status.words(), words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::judge::Status;
    use crate::judge::samples;

    #[test]
    fn the_same_failure_is_counted_and_another_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kernel/tries.json");
        let tried = |message: &str, status: Status| {
            let mut check = samples::failed();
            (check.message, check.status) = (message.to_owned(), status);
            let mut tries: Tries = kept::load(&file);
            let times = tries.note(&check);
            kept::save(&tries, &file).unwrap();
            times
        };
        assert_eq!(tried("saw frame 0x105, free", Status::Failed), 1);
        assert_eq!(tried("saw frame 0x106, free", Status::Failed), 2);
        assert_eq!(tried("saw frame 0x106, free", Status::Failed), 3);
        assert_eq!(tried("saw nothing", Status::Failed), 1);
        assert_eq!(tried("saw nothing", Status::Hung), 1);
        fs::write(&file, "{ damaged").unwrap();
        assert_eq!(tried("saw nothing", Status::Hung), 1);
    }
}
