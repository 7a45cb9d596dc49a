//! The plan of a run: the kernels to build and the boots to make.

use std::fs;
use std::path::Path;

use crate::course::lab_toml::Check;
use crate::course::mix::Mix;
use crate::course::workspace::Lab;
use crate::host::error::{Error, Result};

use super::engine::Engine;
use super::request::{Request, Whose};
use super::results::Graded;
use super::schedule::Job;

/// A lab to grade, with its checks to run.
pub struct Task<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// Its checks, or the requested ones among them.
    pub checks: Vec<&'a Check>,
    /// Whose files are graded.
    pub graded: Graded,
}

/// A kernel to build, and the tasks that it serves, by their numbers.
pub struct Group {
    /// The references that it takes.
    pub mix: Mix,
    /// The numbers of the tasks.
    pub members: Vec<usize>,
}

impl Engine {
    /// The tasks for the requested labs and checks.
    ///
    /// # Errors
    /// If there is no such lab or check, or no reference.
    pub fn tasks(&self, request: &Request) -> Result<Vec<Task<'_>>> {
        let mut labs = self.site.workspace.select(&request.labs)?;
        for name in &request.checks {
            let (lab, _) = self.site.workspace.check(name)?;
            if !labs.iter().any(|chosen| chosen.id == lab.id) {
                return Err(Error::new(format!(
                    "the check `{name}` is one of {}, not of the labs that you named",
                    lab.id
                ))
                .advise("name that lab, or none"));
            }
        }
        let wanted = |check: &&Check| request.checks.is_empty() || request.checks.contains(&check.name);
        labs.retain(|lab| lab.toml.checks.iter().any(|check| wanted(&check)));
        let graded = if request.whose == Whose::Solution { Graded::Solution } else { Graded::Student };
        if graded == Graded::Solution
            && let Some(lab) = labs.iter().find(|lab| !lab.has_reference())
        {
            return Err(Error::new(format!("labs/{} has no reference here", lab.id))
                .advise("run `cargo grade` without --solution"));
        }
        Ok(labs
            .into_iter()
            .map(|lab| Task { lab, checks: lab.toml.checks.iter().filter(wanted).collect(), graded })
            .collect())
    }

    /// The note for the user if a lab is graded with the student's other labs because references are missing. It is
    /// given once, and again when other references are missing.
    pub fn new_note(&self, whose: Whose) -> Option<String> {
        self.note(whose).filter(|note| is_news(&self.site.target_dir, note))
    }

    /// The note about missing references, if some are missing.
    fn note(&self, whose: Whose) -> Option<String> {
        let labs = &self.site.workspace.labs;
        let without: Vec<&str> = labs.iter().filter(|lab| !lab.has_reference()).map(|lab| lab.id.as_str()).collect();
        (whose == Whose::Student && labs.len() > 1 && !without.is_empty()).then(|| {
            format!("No reference is here for {}: your own is used beside the other labs.", without.join(", "))
        })
    }

    /// The boots of one kernel, as if all of its labs will compile.
    ///
    /// The boots of the check called `first` come first.
    pub fn jobs<'a>(&self, group: &Group, tasks: &[Task<'a>], first: Option<&str>) -> Vec<Job<'a>> {
        let image = self.site.builder().image(&self.site.name(&group.mix));
        let mut jobs = Vec::new();
        for task in &group.members {
            for (number, check) in tasks[*task].checks.iter().enumerate() {
                for (boot, memory) in check.memory.iter().enumerate() {
                    let key = (*task, number, boot);
                    jobs.push(Job { key, check, memory: *memory, image: image.clone(), ready: None });
                }
            }
        }
        jobs.sort_by_key(|job| Some(job.check.name.as_str()) != first);
        jobs
    }

    /// The kernels to build.
    pub fn groups(&self, tasks: &[Task<'_>], whose: Whose) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (number, task) in tasks.iter().enumerate() {
            let mix = match whose {
                Whose::Solution | Whose::Variant => self.site.mix(&[]),
                Whose::Own => Mix::default(),
                Whose::Student => self.site.mix(&[task.lab]),
            };
            match groups.iter_mut().find(|group| group.mix == mix) {
                Some(group) => group.members.push(number),
                None => groups.push(Group { mix, members: vec![number] }),
            }
        }
        groups
    }
}

/// Whether this note differs from the last one, which is kept where kernels are built. Records it as the last one.
fn is_news(target_dir: &Path, note: &str) -> bool {
    let last = target_dir.join("said-without-references");
    if fs::read_to_string(&last).is_ok_and(|text| text == note) {
        return false;
    }
    // If it cannot be written, the note is given again next time.
    let _ = fs::create_dir_all(target_dir).and_then(|()| fs::write(&last, note));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_said_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("kernel");
        let said = ["a", "a", "a, b", "a, b", "a"].map(|note| is_news(&target, note));
        assert_eq!(said, [true, false, true, false, true]);
    }
}
